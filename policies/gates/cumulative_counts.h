// Distributions that have added up since the evidence began, as counts up to each bin of the grid.
// Used by gate tests that weigh quantiles and distributions; lives in their slots.
// Never rounds: counts are whole numbers below 2^53, so windows add up in any order. The price is
// memory: 50 kB of state per arm and gate.
#pragma once

#include <cstdint>
#include <span>
#include <variant>

#include "policies/histogram.h"
#include "policies/observation.h"

namespace gatewright::gates {

inline constexpr std::size_t kCumulativeSlots = HistogramGrid::kBins;

/// The two arms' slots: first the candidate's, then the baseline's.
template <typename Number>
[[nodiscard]] std::span<Number> candidate_counts(std::span<Number> slots) noexcept {
  return slots.first(kCumulativeSlots);
}
template <typename Number>
[[nodiscard]] std::span<Number> baseline_counts(std::span<Number> slots) noexcept {
  return slots.subspan(kCumulativeSlots, kCumulativeSlots);
}

/// counts[bin]: values in this bin and below.
inline void add_cumulative(std::span<double> counts, HistogramView window) noexcept {
  double seen = 0.0;
  auto next = window.begin();
  for (std::uint32_t bin = 0; bin < HistogramGrid::kBins; ++bin) {
    if (next != window.end() && next->bin == bin) seen += static_cast<double>((next++)->count);
    counts[bin] += seen;
  }
}

/// Takes in a window in which each arm that is needed answered; whether it was one. Without
/// `both_arms` there are slots of the candidate alone.
inline bool add_window(std::span<double> slots, const Observation& observation,
                       bool both_arms) noexcept {
  const auto* told = std::get_if<Distributions>(&observation.event);
  if (told == nullptr || told->candidate.empty() || (both_arms && told->baseline.empty()))
    return false;
  add_cumulative(candidate_counts(slots), told->candidate);
  if (both_arms) add_cumulative(baseline_counts(slots), told->baseline);
  return true;
}

[[nodiscard]] inline double total(std::span<const double> counts) noexcept { return counts.back(); }

/// Values below the bin.
[[nodiscard]] inline double below(std::span<const double> counts, std::uint32_t bin) noexcept {
  return bin == 0 ? 0.0 : counts[bin - 1];
}

}  // namespace gatewright::gates
