// The textbook z test on all samples so far, looked at again and again.
// Used through the catalogue, as the habit whose cost a rehearsal shows.
// Never claims a guarantee: repeated looks raise its false-alarm rate far above alpha.
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

[[nodiscard]] GateTestInfo z_test_info();

}  // namespace gatewright
