// Whether the parameters written for a gate test are those the catalogue knows, of its kinds and
// ranges. Used by compile before it makes the test. Never knows what a parameter means to its test.
#pragma once

#include "policies/diagnostic.h"
#include "policies/gates/gate_test.h"
#include "policies/plan.h"

namespace gatewright {

/// Reports every wrong parameter with its path relative to the gate ("test.scale").
void check_parameters(const TestSpec& test, const GateTestInfo& info, Diagnostics& diagnostics);

}  // namespace gatewright
