// Cumulative-sum charts: the quickest alarm for a given average run length.
// Used through the catalogue; limits are solved for while a plan is compiled.
// Never claims a false-alarm rate: watched for ever, every chart raises an alarm.
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

[[nodiscard]] GateTestInfo cusum_info();

}  // namespace gatewright
