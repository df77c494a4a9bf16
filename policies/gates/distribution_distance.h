// How far apart two empirical distributions on the grid are: sup distance, PSI.
// Used by dkw_sequence, ks and psi.
// Never claims to know more than the grid says: the sup distance is an interval.
#pragma once

#include <span>

namespace gatewright::gates {

/// The largest difference of the arms' empirical distribution functions: at least `seen` (at the
/// bins' ends), at most `most` (if the values within the bins lie as far apart as they can).
struct SupDistance {
  double seen = 0.0, most = 0.0;
};

/// Of slots as in cumulative_counts.h, both arms with at least one value.
[[nodiscard]] SupDistance sup_distance(std::span<const double> slots) noexcept;

/// The population stability index over the baseline's quantile classes, and how many classes there
/// are: fewer than asked for where the baseline has fewer distinct values. A class that one arm
/// never showed counts as half a value.
struct StabilityIndex {
  double value = 0.0;
  double classes = 1.0;
};
[[nodiscard]] StabilityIndex population_stability(std::span<const double> slots,
                                                  double classes) noexcept;

}  // namespace gatewright::gates
