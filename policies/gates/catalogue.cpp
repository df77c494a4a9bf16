// The catalogue of gate tests.
// Used by compile, the loaders, the schema and lint.
// Never knows what a test computes: each describes and makes itself.
#include "policies/gates/catalogue.h"

#include <algorithm>
#include <array>

#include "policies/gates/beta_binomial_mixture.h"
#include "policies/gates/fixed_threshold.h"
#include "policies/gates/normal_mixture.h"
#include "policies/gates/z_test.h"

namespace gatewright {

std::string_view to_string(Guarantee guarantee) noexcept {
  constexpr std::string_view kNames[] = {"anytime", "fixed_looks", "average_run_length", "none"};
  return kNames[static_cast<std::size_t>(guarantee)];
}

std::span<const GateTestInfo> gate_tests() {
  static const std::array kTests{
      fixed_threshold_info(),
      z_test_info(),
      normal_mixture_info(),
      beta_binomial_mixture_info(),
  };
  return kTests;
}

const GateTestInfo* find_gate_test(std::string_view name) {
  const auto tests = gate_tests();
  const auto found = std::ranges::find(tests, name, &GateTestInfo::name);
  return found == tests.end() ? nullptr : &*found;
}

}  // namespace gatewright
