// Welch's t test on the means of totals at a stated number of looks.
// Used through the catalogue.
// Never assumes equal variances.
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

[[nodiscard]] GateTestInfo welch_t_info();

}  // namespace gatewright
