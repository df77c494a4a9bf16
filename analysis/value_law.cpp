// A distribution that is piecewise even, on the grid of histogram.h.
// Used by pilot.cpp and power.cpp.
// Never rounds a value away: counts of bins are differences of rounded cumulative counts.
#include "analysis/value_law.h"

#include <algorithm>
#include <cmath>

namespace gatewright::analysis {

ValueLaw::ValueLaw(HistogramView values) {
  const auto total = static_cast<double>(count(values));
  double before = 0.0;
  for (const auto& [bin, times] : values) {
    const double share = before + static_cast<double>(times) / total;
    const double lower = HistogramGrid::lower(bin);
    const bool is_last = bin + 1 == HistogramGrid::kBins;
    ends_.push_back({lower, is_last ? lower : HistogramGrid::upper(bin), before, share});
    before = share;
  }
  if (!ends_.empty()) ends_.back().share = 1.0;
}

double ValueLaw::share_up_to(double value) const noexcept {
  const auto bin = std::ranges::lower_bound(ends_, value, {}, &Bin::upper);
  if (bin == ends_.end()) return 1.0;
  if (value <= bin->lower) return value == bin->upper ? bin->share : bin->share_before;
  return bin->share_before +
         (bin->share - bin->share_before) * (value - bin->lower) / (bin->upper - bin->lower);
}

double ValueLaw::quantile(double share) const noexcept {
  const auto found = std::ranges::lower_bound(ends_, share, {}, &Bin::share);
  const Bin& bin = found == ends_.end() ? ends_.back() : *found;
  const double within = (share - bin.share_before) / (bin.share - bin.share_before);
  return bin.lower + std::clamp(within, 0.0, 1.0) * (bin.upper - bin.lower);
}

double ValueLaw::quantile_spread(double probability) const noexcept {
  // A quarter of the rarer side: wide enough for a tail of few values, narrow enough for its slope.
  const double half = 0.25 * std::min(probability, 1.0 - probability);
  const double width = quantile(probability + half) - quantile(probability - half);
  return std::sqrt(probability * (1.0 - probability)) * width / (2.0 * half);
}

std::vector<HistogramBin> ValueLaw::values(double count, double factor) const {
  std::vector<HistogramBin> bins;
  const std::uint32_t first = HistogramGrid::bin(factor * ends_.front().lower);
  const std::uint32_t last = HistogramGrid::bin(factor * ends_.back().upper);
  double before = 0.0;
  for (std::uint32_t bin = first; bin <= last; ++bin) {
    const double share = bin == last ? 1.0 : share_up_to(HistogramGrid::upper(bin) / factor);
    const double until = std::round(count * share);
    if (until > before) bins.push_back({bin, static_cast<std::uint64_t>(until - before)});
    before = until;
  }
  return bins;
}

ValueLaw::Apart ValueLaw::apart(double factor) const noexcept {
  Apart most;
  const auto look_at = [&](double value) {
    const double here = share_up_to(value), multiplied = share_up_to(value / factor);
    const double distance = std::abs(here - multiplied);
    if (distance > most.distance) most = {distance, here, multiplied};
  };
  // Both functions are straight in between.
  for (const Bin& bin : ends_)
    for (const double end : {bin.lower, bin.upper}) {
      look_at(end);
      look_at(end * factor);
    }
  return most;
}

}  // namespace gatewright::analysis
