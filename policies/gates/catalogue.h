// The one table of gate tests by name.
// Used by compile, the loaders, the schema and lint; a new test is one file and one line here.
#pragma once

#include <span>
#include <string_view>

#include "policies/gates/gate_test.h"

namespace gatewright {

[[nodiscard]] std::span<const GateTestInfo> gate_tests();
[[nodiscard]] const GateTestInfo* find_gate_test(std::string_view name);

}  // namespace gatewright
