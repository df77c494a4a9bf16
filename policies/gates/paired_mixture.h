// Anytime-valid comparison of paired means: the normal mixture on one difference per mirrored prompt.
// Used through the catalogue.
// Never takes the spread of the arms for that of their difference.
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

[[nodiscard]] GateTestInfo paired_mixture_info();

}  // namespace gatewright
