// Rows into order of time where their times are spread over a known stretch.
// Used by arrivals that have many sources; knows nothing of a row but when it is.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace gatewright::sim {

/// Sorts rows by at_seconds, and rows of one moment by tie(): a bucket of time for each row, then by
/// insertion, which is a step or two where times are spread and where each source comes in order. Where
/// many rows share a bucket it takes as long as any sort. Keeps its memory.
template <typename Row>
class TimeOrder {
 public:
  /// `from` and `to`: between which the times lie, but for rounding.
  void sort(std::vector<Row>& rows, double from, double to) {
    const std::size_t count = rows.size();
    if (count < 2) return;
    const std::size_t buckets = kBucketsPerRow * count;
    const double last = static_cast<double>(buckets - 1);
    const double buckets_a_second = static_cast<double>(buckets) / (to - from);
    bucket_.resize(count);
    ends_.assign(buckets, 0);
    for (std::size_t i = 0; i < count; ++i) {
      const double place = (rows[i].at_seconds - from) * buckets_a_second;
      const double within = place > 0.0 ? place : 0.0;
      bucket_[i] =
          static_cast<std::uint32_t>(static_cast<std::int32_t>(within < last ? within : last));
    }
    std::uint32_t most = 0;
    for (const std::uint32_t bucket : bucket_) most = std::max(most, ++ends_[bucket]);
    // Where each begins, which becomes its end while rows are put there.
    std::exclusive_scan(ends_.begin(), ends_.end(), ends_.begin(), std::uint32_t{0});
    room_.resize(count);
    for (std::size_t i = 0; i < count; ++i) room_[ends_[bucket_[i]]++] = rows[i];
    if (most > kFew) sort_full_buckets();
    for (std::size_t i = 1; i < count; ++i) {
      if (!is_earlier(room_[i], room_[i - 1])) continue;
      const Row row = room_[i];
      std::size_t place = i;
      do room_[place] = room_[place - 1];
      while (--place > 0 && is_earlier(row, room_[place - 1]));
      room_[place] = row;
    }
    rows.swap(room_);
  }

 private:
  static constexpr std::size_t kBucketsPerRow = 2;
  static constexpr std::uint32_t kFew = 24;

  static bool is_earlier(const Row& a, const Row& b) noexcept {
    return a.at_seconds < b.at_seconds || (a.at_seconds == b.at_seconds && a.tie() < b.tie());
  }

  void sort_full_buckets() {
    std::uint32_t begin = 0;
    for (const std::uint32_t end : ends_) {
      if (end - begin > kFew) std::sort(room_.begin() + begin, room_.begin() + end, is_earlier);
      begin = end;
    }
  }

  std::vector<std::uint32_t> bucket_;  ///< per row
  std::vector<std::uint32_t> ends_;    ///< per bucket
  std::vector<Row> room_;
};

}  // namespace gatewright::sim
