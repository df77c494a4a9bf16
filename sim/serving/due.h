// What is due for requests at a server, the first first: two ways of keeping it in order.
// Used by Station; knows keys (times, or marks on a replica's clock), never what happens then.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

namespace gatewright::sim {

/// Something is due for the request in a slot; at one key, earlier arrivals come first.
struct Due {
  double key = 0.0;
  std::uint32_t slot = 0;
  std::uint32_t order = 0;  ///< of arrival, modulo 2^32

  friend bool operator>(const Due& a, const Due& b) noexcept {
    if (a.key != b.key) return a.key > b.key;
    // Far fewer than 2^31 requests are in a system at a time.
    return static_cast<std::int32_t>(a.order - b.order) > 0;
  }
};

/// The requests of one batch, sorted. A batch has tens of them: to move those that are due before a new
/// one costs less than the unforeseeable ways through a heap.
class DueRow {
 public:
  [[nodiscard]] bool empty() const noexcept { return row_.empty(); }
  [[nodiscard]] const Due& first() const noexcept { return row_.back(); }
  [[nodiscard]] std::span<const Due> all() const noexcept { return row_; }
  void pop() noexcept { row_.pop_back(); }
  void clear() noexcept { row_.clear(); }
  void insert(const Due& due) {
    std::size_t place = row_.size();
    row_.push_back(due);
    for (; place > 0 && due > row_[place - 1]; --place) row_[place] = row_[place - 1];
    row_[place] = due;
  }
  /// Removes what is due for a slot, if anything is.
  void erase(std::uint32_t slot) {
    const auto found = std::ranges::find(row_, slot, &Due::slot);
    if (found != row_.end()) row_.erase(found);
  }

 private:
  std::vector<Due> row_;  ///< falling
};

/// Any number of them, most of which come in order, as deadlines do where all have equal patience:
/// those stand in line, the others in a heap.
class DueLine {
 public:
  [[nodiscard]] bool empty() const noexcept { return head_ == line_.size() && heap_.empty(); }
  /// Infinity: nothing is due.
  [[nodiscard]] double first_key() const noexcept { return first_key_; }
  [[nodiscard]] const Due& first() const noexcept {
    return first_is_in_heap() ? heap_.front() : line_[head_];
  }
  void push(const Due& due) {
    first_key_ = std::min(first_key_, due.key);
    if (head_ < line_.size() && line_.back() > due) {
      heap_.push_back(due);
      std::ranges::push_heap(heap_, std::greater<>{});
      return;
    }
    if (line_.size() == line_.capacity() && head_ > line_.size() / 2) {
      line_.erase(line_.begin(), line_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
    line_.push_back(due);
  }
  void pop() {
    if (first_is_in_heap()) {
      std::ranges::pop_heap(heap_, std::greater<>{});
      heap_.pop_back();
    } else {
      ++head_;
    }
    first_key_ = empty() ? kNever : first().key;
  }
  void clear() noexcept {
    line_.clear();
    head_ = 0;
    heap_.clear();
    first_key_ = kNever;
  }

 private:
  static constexpr double kNever = std::numeric_limits<double>::infinity();
  /// Whether the first of all stands in the heap.
  [[nodiscard]] bool first_is_in_heap() const noexcept {
    return !heap_.empty() && (head_ == line_.size() || line_[head_] > heap_.front());
  }

  std::vector<Due> line_;  ///< rising, from head_ on
  std::size_t head_ = 0;
  std::vector<Due> heap_;  ///< the least in front
  double first_key_ = kNever;
};

}  // namespace gatewright::sim
