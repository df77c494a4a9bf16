// Student's t on the differences of pairs at fixed looks.
// Used through the catalogue.
// Never takes the spread of the arms for that of their difference.
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

[[nodiscard]] GateTestInfo paired_t_info();

}  // namespace gatewright
