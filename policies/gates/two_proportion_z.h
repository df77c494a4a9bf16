// The z test of two rates at a stated number of looks.
// Used through the catalogue.
// Never corrects for continuity: at small counts its size is that of its table (see tests/independent).
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

[[nodiscard]] GateTestInfo two_proportion_z_info();

}  // namespace gatewright
