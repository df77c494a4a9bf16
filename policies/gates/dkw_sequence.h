// Anytime-valid test of a shift between the arms' distributions: two bands around them.
// Used through the catalogue.
// Never says which part of the distribution moved: for a tail, quantile_sequence needs far less data.
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

[[nodiscard]] GateTestInfo dkw_sequence_info();

}  // namespace gatewright
