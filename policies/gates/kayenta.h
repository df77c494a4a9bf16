// Kayenta's judge as a gate: one reading per look and arm, judged by rank test and effect size.
// Used through the catalogue, as people use it.
// Never claims a guarantee: readings of a metrics store depend on each other, and looks repeat.
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

[[nodiscard]] GateTestInfo kayenta_info();

}  // namespace gatewright
