#include "sim/router/row_set.h"

#include <algorithm>
#include <bit>

#include "sim/kernels/kernels.h"

namespace gatewright::sim {
namespace {

constexpr std::size_t kRowsPerWord = 64;

/// All bits below `count`, of a word.
constexpr std::uint64_t lowest(std::size_t count) noexcept {
  return count >= kRowsPerWord ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

template <typename Operation>
RowBits combined(const RowBits& a, const RowBits& b, Operation operation) noexcept {
  RowBits result;
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = operation(a[i], b[i]);
  return result;
}

}  // namespace

RowBits rows_between(std::size_t begin, std::size_t end) noexcept {
  RowBits rows;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t first = i * kRowsPerWord;
    rows[i] = lowest(end - std::min(end, first)) & ~lowest(begin - std::min(begin, first));
  }
  return rows;
}

RowBits both(const RowBits& a, const RowBits& b) noexcept {
  return combined(a, b, [](std::uint64_t x, std::uint64_t y) { return x & y; });
}

RowBits either(const RowBits& a, const RowBits& b) noexcept {
  return combined(a, b, [](std::uint64_t x, std::uint64_t y) { return x | y; });
}

RowBits without(const RowBits& a, const RowBits& b) noexcept {
  return combined(a, b, [](std::uint64_t x, std::uint64_t y) { return x & ~y; });
}

std::size_t RowSet::size() const noexcept {
  if (!is_counted_) size_ = kernels().count_rows(bits_.data(), bits_.size());
  is_counted_ = true;
  return size_;
}

RowSet::Places RowSet::places() const noexcept {
  if (!is_listed_) {
    std::size_t next = 0;
    for (std::size_t i = 0; i < bits_.size(); ++i) {
      std::uint64_t left = bits_[i];
      if (left == 0) continue;
      const auto list_one = [&] {
        // Where none is left, any place will do.
        constexpr std::uint64_t kHighest = std::uint64_t{1} << (kRowsPerWord - 1);
        places_[next] = static_cast<std::uint16_t>(
            i * kRowsPerWord + static_cast<std::size_t>(std::countr_zero(left | kHighest)));
        next += left != 0 ? 1U : 0U;
        left &= left - 1;
      };
      // Some at once, whether there are so many or not: that cannot be foreseen.
      constexpr int kAtOnce = 6;
      for (int k = 0; k < kAtOnce; ++k) list_one();
      while (left != 0) list_one();
    }
    size_ = next;
    is_counted_ = is_listed_ = true;
  }
  return std::span(places_).first(size_);
}

}  // namespace gatewright::sim
