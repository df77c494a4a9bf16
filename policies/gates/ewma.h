// An exponentially weighted moving average of looks: a chart for small lasting changes.
// Used through the catalogue; its limit is solved for while a plan is compiled.
// Never claims a false-alarm rate: watched for ever, every chart raises an alarm.
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

[[nodiscard]] GateTestInfo ewma_info();

}  // namespace gatewright
