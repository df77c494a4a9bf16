// The population stability index at planned looks, against its own law rather than .1 or .25.
// Used through the catalogue.
// Never calls a large index harm where so few samples make it large by chance.
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

[[nodiscard]] GateTestInfo psi_info();

}  // namespace gatewright
