// The bare threshold most teams write first: one window against a limit, then a counting rule.
// Used through the catalogue.
// Never claims a guarantee: its false-alarm rate is whatever the traffic makes of it.
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

[[nodiscard]] GateTestInfo fixed_threshold_info();

}  // namespace gatewright
