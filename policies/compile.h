// From a plan to an engine, or to every problem in it.
// Used once per plan; together with initial_state() the only function here that allocates or can fail.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policies/diagnostic.h"
#include "policies/engine.h"
#include "policies/gates/gate_test.h"
#include "policies/plan.h"

namespace gatewright {

struct Compiled {
  std::optional<Engine> engine;  ///< empty exactly if a diagnostic is an error
  Diagnostics diagnostics;       ///< paths such as "gates.cost.harm.rises_by"; file and line empty
};

/// Whether gates may halt. `watching` gates weigh the same evidence with the same shares of the
/// budget, hold a rollout where they are silent or faulty, and never end it: what a recording of
/// threshold curves needs. Under `advance_when: safety_shown` they hold nothing for want of safety.
enum class GateAuthority : std::uint8_t { as_planned, watching };

[[nodiscard]] Compiled compile(const PlanSpec& plan,
                               GateAuthority authority = GateAuthority::as_planned);

/// How the budget is spent, for lint: one row per gate, the check of the split last.
struct BudgetRow {
  std::string gate;
  std::string test;
  std::string guarantee;  ///< "anytime", "fixed_looks", "average_run_length", "none"
  double false_alarm =
      0.0;  ///< the gate's share of the rollout's budget; 0 where the guarantee is none
  std::size_t stages = 0;  ///< stages in which the gate is measured
  std::size_t spent_over =
      1;  ///< stages over which the share is divided once more (evidence: stage)
};
[[nodiscard]] std::vector<BudgetRow> budget_split(const PlanSpec& plan);

/// A gate as it is weighed, for whoever asks what it could see.
struct WeighedGate {
  std::unique_ptr<const GateTest> test;  ///< prepared for `budget`
  Budget budget{};  ///< what is left of the gate's errors within its noise floor
  HarmSpec edge{};  ///< of harm, beyond the noise floor
  Probe probe{};
  std::vector<bool> measured{};  ///< per stage
};
/// One per gate; none where the plan has errors.
[[nodiscard]] std::vector<WeighedGate> weighed_gates(const PlanSpec& plan);

}  // namespace gatewright
