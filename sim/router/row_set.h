// Some of a chunk's requests: as bits, which kernels count and sum by, and as a list of places.
// Used by Split and those who read it; it knows no arm and no exposure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "sim/arms/columns.h"

namespace gatewright::sim {

/// Request i is bit i mod 64 of word i / 64.
using RowBits = std::array<std::uint64_t, kChunk / 64>;

/// Requests begin..end-1 of a chunk.
[[nodiscard]] RowBits rows_between(std::size_t begin, std::size_t end) noexcept;
[[nodiscard]] RowBits both(const RowBits& a, const RowBits& b) noexcept;
[[nodiscard]] RowBits either(const RowBits& a, const RowBits& b) noexcept;
/// Those of `a` that are not in `b`.
[[nodiscard]] RowBits without(const RowBits& a, const RowBits& b) noexcept;

/// Counts and lists its requests when first asked to, once. Not for several threads.
class RowSet {
 public:
  using Places = std::span<const std::uint16_t>;

  void assign(const RowBits& bits) noexcept {
    bits_ = bits;
    is_counted_ = false;
    is_listed_ = false;
  }
  [[nodiscard]] const RowBits& bits() const noexcept { return bits_; }
  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  /// In order of arrival. Valid until the next assignment.
  [[nodiscard]] Places places() const noexcept;

 private:
  RowBits bits_{};
  mutable bool is_counted_ = false;
  mutable bool is_listed_ = false;
  mutable std::size_t size_ = 0;
  mutable std::array<std::uint16_t, kChunk + 1> places_;  ///< and one that is no place
};

}  // namespace gatewright::sim
