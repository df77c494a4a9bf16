// Distances of distributions, in one pass over the grid.
// Used by the gate tests of distributions.
// Never allocates.
#include "policies/gates/distribution_distance.h"

#include <algorithm>
#include <cmath>

#include "policies/gates/cumulative_counts.h"

namespace gatewright::gates {

SupDistance sup_distance(std::span<const double> slots) noexcept {
  const auto candidate = candidate_counts(slots);
  const auto baseline = baseline_counts(slots);
  const double n_c = total(candidate), n_b = total(baseline);
  SupDistance distance;
  double c_before = 0.0, b_before = 0.0;
  for (std::uint32_t bin = 0; bin < HistogramGrid::kBins; ++bin) {
    const double c = candidate[bin] / n_c, b = baseline[bin] / n_b;
    distance.seen = std::max(distance.seen, std::abs(c - b));
    distance.most = std::max({distance.most, c - b_before, b - c_before});
    c_before = c, b_before = b;
  }
  return distance;
}

StabilityIndex population_stability(std::span<const double> slots, double classes) noexcept {
  const auto candidate = candidate_counts(slots);
  const auto baseline = baseline_counts(slots);
  const double n_c = total(candidate), n_b = total(baseline);
  StabilityIndex index{.value = 0.0, .classes = 0.0};
  double c_before = 0.0, b_before = 0.0;
  double next = 1.0;  // quantile class that is being filled
  for (std::uint32_t bin = 0; bin < HistogramGrid::kBins; ++bin) {
    const bool is_last = bin + 1 == HistogramGrid::kBins;
    if (!is_last && (baseline[bin] * classes < next * n_b || baseline[bin] == n_b)) continue;
    const double p = std::max(candidate[bin] - c_before, 0.5) / n_c;
    const double q = std::max(baseline[bin] - b_before, 0.5) / n_b;
    // The rest above the baseline's largest value is a class only if the candidate reached it.
    if (is_last && candidate[bin] == c_before && baseline[bin] == b_before) break;
    index.value += (p - q) * std::log(p / q);
    index.classes += 1.0;
    c_before = candidate[bin], b_before = baseline[bin];
    next = std::floor(baseline[bin] * classes / n_b) + 1.0;
  }
  return index;
}

}  // namespace gatewright::gates
