// From a plan to an engine, or to every problem in it.
// Used once per plan; together with initial_state() the only function here that allocates or can fail.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policies/diagnostic.h"
#include "policies/engine.h"
#include "policies/plan.h"

namespace gatewright {

struct Compiled {
  std::optional<Engine> engine;  ///< empty exactly if a diagnostic is an error
  Diagnostics diagnostics;       ///< paths such as "gates.cost.harm.rises_by"; file and line empty
};

[[nodiscard]] Compiled compile(const PlanSpec& plan);

/// How the budget is spent, for lint: one row per gate.
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

}  // namespace gatewright
