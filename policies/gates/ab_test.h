// The A/B test: one look, when its sample is complete, and one of four findings.
// Used by compile for the test of a stage, and through the catalogue.
// Never looks before its sample is complete, and never again: what comes later changes no finding.
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

/// Two arms: the pooled z of two rates, or Welch's t of two means, against no difference. Credited
/// clicks (a metric of interleaved requests) are coins, fair if the arms are as good. The look is taken
/// when each compared arm has gathered the gate's min_samples.
///
/// With alpha / 2 as the error of harm and of safety, baseline_wins and candidate_wins are what a
/// two-sided test at alpha would say. Otherwise the arms are equivalent if the 1 - alpha interval of the
/// difference lies wholly within min_effect of none (Newcombe's for rates, Wilson's for clicks,
/// Student's for means), and the test is inconclusive if it does not.
[[nodiscard]] GateTestInfo ab_test_info();

}  // namespace gatewright
