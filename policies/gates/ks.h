// The two-sample test of Kolmogorov and Smirnov at planned looks.
// Used through the catalogue.
// Never forgets the sample size, as fixed limits on a distance do.
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

[[nodiscard]] GateTestInfo ks_info();

}  // namespace gatewright
