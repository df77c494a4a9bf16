// The least of a fixed row of keys, kept while they change: a tournament tree.
// Used by Station, for the replica whose next event comes first and for the least loaded one.
// Never sorts the rest.
#pragma once

#include <bit>
#include <cstddef>
#include <vector>

namespace gatewright::sim {

template <typename Key>
class FirstOf {
 public:
  /// `size` keys, all `key`.
  void assign(std::size_t size, Key key) {
    places_ = std::bit_ceil(size);
    // Places beyond `size` hold the same key; ties go to the left, so they never win.
    keys_.assign(places_, key);
    winners_.assign(places_, 0);
    for (std::size_t i = 0; i < places_; i += 2) play((places_ + i) / 2);
    for (std::size_t node = places_ / 2; node-- > 1;) play(node);
  }

  void set(std::size_t i, Key key) {
    keys_[i] = key;
    for (std::size_t node = (places_ + i) / 2; node > 0; node /= 2) play(node);
  }

  [[nodiscard]] const Key& operator[](std::size_t i) const noexcept { return keys_[i]; }
  /// Index of the least key; of equal ones the first.
  [[nodiscard]] std::size_t first() const noexcept { return places_ > 1 ? winners_[1] : 0; }

 private:
  [[nodiscard]] std::size_t winner(std::size_t node) const noexcept {
    return node >= places_ ? node - places_ : winners_[node];
  }
  void play(std::size_t node) {
    if (node == 0 || node >= places_) return;
    const std::size_t left = winner(2 * node);
    const std::size_t right = winner(2 * node + 1);
    winners_[node] = keys_[right] < keys_[left] ? right : left;
  }

  std::size_t places_ = 1;
  std::vector<Key> keys_;
  std::vector<std::size_t> winners_;  ///< per inner node, from 1; its children are 2n and 2n + 1
};

}  // namespace gatewright::sim
