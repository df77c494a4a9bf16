// The exact binomial test of a rate against a level at fixed looks: the sign test of credited clicks.
// Used through the catalogue.
// Never needs a baseline arm.
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

[[nodiscard]] GateTestInfo sign_test_info();

}  // namespace gatewright
