// Counts on the histogram grid that know which part of it they use.
// Used by tallies: what one window needs is cleared and read without walking the whole grid.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "policies/histogram.h"
#include "policies/observation.h"

namespace gatewright::sim {

class BinCounts {
 public:
  void add(double value) { add_bin(HistogramGrid::bin(value), 1); }

  void add_bin(std::uint32_t bin, std::uint32_t times) {
    if (counts_.empty()) counts_.resize(HistogramGrid::kBins);
    counts_[bin] += times;
    low_ = std::min(low_, bin);
    high_ = std::max(high_, bin + 1);
  }

  void add(const BinCounts& other) {
    for (std::uint32_t bin = other.low_; bin < other.high_; ++bin)
      if (other.counts_[bin] > 0) add_bin(bin, other.counts_[bin]);
  }

  void clear() noexcept {
    if (low_ < high_) std::fill(counts_.begin() + low_, counts_.begin() + high_, 0);
    low_ = HistogramGrid::kBins;
    high_ = 0;
  }

  /// Occupied bins in rising order.
  void list(std::vector<HistogramBin>& out) const {
    out.clear();
    for (std::uint32_t bin = low_; bin < high_; ++bin)
      if (counts_[bin] > 0) out.push_back({bin, counts_[bin]});
  }

 private:
  std::vector<std::uint32_t> counts_;  ///< no window has four thousand million requests
  std::uint32_t low_ = HistogramGrid::kBins;
  std::uint32_t high_ = 0;  ///< one past the last occupied bin
};

}  // namespace gatewright::sim
