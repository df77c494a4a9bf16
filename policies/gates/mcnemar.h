// Events on mirrored prompts at fixed looks: of the prompts on which the arms differ, whose is the event.
// Used through the catalogue.
// Never counts a prompt on which both arms fare alike.
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

[[nodiscard]] GateTestInfo mcnemar_info();

}  // namespace gatewright
