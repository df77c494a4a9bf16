// The posterior probability that a rate is harmful, as experimentation tools show it.
// Used through the catalogue; the probability is open for tests.
// Never claims a guarantee: stopping when it passes a limit errs far more often than it says.
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

/// Logarithms of a probability and of its complement, both precise where they are small.
struct LogProbability {
  double yes = 0.0, no = 0.0;
};

/// A Beta(a, b) posterior of a rate.
struct BetaPosterior {
  double a, b;
};

/// That the candidate's rate is above factor times the baseline's plus shift, the two being
/// independent; parameters of at least 0.5.
struct RateEdge {
  double factor = 1.0, shift = 0.0;
};
[[nodiscard]] LogProbability log_probability_above(const BetaPosterior& candidate,
                                                   const BetaPosterior& baseline,
                                                   const RateEdge& edge) noexcept;

[[nodiscard]] GateTestInfo bayes_rate_info();

}  // namespace gatewright
