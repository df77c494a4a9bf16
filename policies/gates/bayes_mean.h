// The posterior probability that a mean is harmful, as experimentation tools show it.
// Used through the catalogue.
// Never claims a guarantee: stopping when it passes a limit errs far more often than it says.
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

[[nodiscard]] GateTestInfo bayes_mean_info();

}  // namespace gatewright
