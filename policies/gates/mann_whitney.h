// The rank test of Mann and Whitney on all requests so far, looked at again and again.
// Used through the catalogue, as people use it; the statistic is open for tests.
// Never claims a guarantee: repeated looks raise its false-alarm rate far above alpha.
#pragma once

#include <span>

#include "policies/gates/gate_test.h"
#include "policies/gates/quantile_places.h"

namespace gatewright {

/// Pairs of a candidate's and a baseline's value in which the candidate's is above (ties count one
/// half), and what the normal approximation says of it. Mann and Whitney, Annals of Mathematical
/// Statistics 18 (1947) 50; ties after Lehmann, Nonparametrics (1975), equation (1.35).
struct RankSum {
  double pairs_above = 0.0;  ///< U
  double share_above = 0.5;  ///< U / (n m): the common-language effect size
  double z = 0.0;            ///< of U, without continuity correction; 0 without any variance
};

/// Of counts as in cumulative_counts.h, the baseline's values moved to the edge of harm. Values of
/// one bin are ties, so the grid makes the test a little less sensitive, never more: within 0.8% of
/// each other nothing is above.
[[nodiscard]] RankSum rank_sum(std::span<const double> counts,
                               const gates::QuantilePlaces& edge) noexcept;

[[nodiscard]] GateTestInfo mann_whitney_info();

}  // namespace gatewright
