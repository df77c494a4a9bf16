// The least of a fixed row of keys, kept while they change: the least of each eight, and of those again.
// Used by Station, for the replica whose next event comes first and for the least loaded one.
// Never sorts the rest.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <limits>
#include <vector>

namespace gatewright::sim {

/// Eight at a time, because comparing eight neighbours takes no branch that could be foreseen wrongly.
template <typename Key>
class FirstOf {
 public:
  /// `size` keys, all `key`.
  void assign(std::size_t size, Key key) {
    keys_.assign(1, kLast);
    levels_ = 0;  // one key is the least of all
    for (std::size_t row = size; row > 1; row = (row + kEight - 1) / kEight) {
      begins_[levels_] = levels_ == 0 ? 0 : keys_.size();
      keys_.resize(begins_[levels_++] + (row + kEight - 1) / kEight * kEight, kLast);
    }
    least_ = kLast;
    for (std::size_t i = 0; i < size; ++i) set(i, key);
  }

  void set(std::size_t i, Key key) noexcept {
    keys_[i] = key;
    if (levels_ == 0) {
      least_ = key;
      return;
    }
    for (std::size_t level = 0; level + 1 < levels_; ++level) {
      i /= kEight;
      keys_[begins_[level + 1] + i] = least_of(&keys_[begins_[level] + i * kEight]);
    }
    least_ = least_of(&keys_[begins_[levels_ - 1]]);
  }

  [[nodiscard]] const Key& operator[](std::size_t i) const noexcept { return keys_[i]; }
  [[nodiscard]] const Key& least() const noexcept { return least_; }
  /// Index of the least key; of equal ones the first.
  [[nodiscard]] std::size_t first() const noexcept {
    std::size_t i = 0;
    for (std::size_t level = levels_; level-- > 0;)
      i = i * kEight + place_of_least(&keys_[begins_[level] + i * kEight]);
    return i;
  }

 private:
  static constexpr std::size_t kEight = 8;
  static constexpr std::size_t kLevelsMost = 22;
  static constexpr Key kLast = std::numeric_limits<Key>::has_infinity
                                   ? std::numeric_limits<Key>::infinity()
                                   : std::numeric_limits<Key>::max();

  static Key least_of(const Key* row) noexcept {
    const auto lesser = [](Key a, Key b) { return b < a ? b : a; };
    return lesser(lesser(lesser(row[0], row[1]), lesser(row[2], row[3])),
                  lesser(lesser(row[4], row[5]), lesser(row[6], row[7])));
  }
  [[nodiscard]] std::size_t place_of_least(const Key* row) const noexcept {
    unsigned equal = 1U << (kEight - 1);
    for (std::size_t i = 0; i < kEight; ++i) equal |= (row[i] <= least_ ? 1U : 0U) << i;
    return static_cast<std::size_t>(std::countr_zero(equal));
  }

  std::vector<Key> keys_ = {kLast};  ///< level after level
  std::array<std::size_t, kLevelsMost> begins_{};
  std::size_t levels_ = 0;  ///< the last is one row of eight
  Key least_ = kLast;
};

}  // namespace gatewright::sim
