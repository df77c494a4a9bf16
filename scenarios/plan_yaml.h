// Rollout plans from YAML, for controllers that link no simulator.
// Used by load.h and by production drivers; yaml-cpp and policies, nothing of sim.
#pragma once

#include <optional>
#include <string>

#include "policies/diagnostic.h"
#include "policies/plan.h"
#include "scenarios/document.h"

namespace gatewright::scenarios {

struct LoadedPlan {
  std::optional<PlanSpec> plan;  ///< empty exactly if a diagnostic is an error
  Diagnostics diagnostics;       ///< of the file and of compile(), placed in the file
};

[[nodiscard]] LoadedPlan load_plan(const std::string& path);
/// The same without sorting; `is_file`: the node is the root of a file, so that `gatewright: 1` must
/// stand in it.
[[nodiscard]] LoadedPlan read_plan(const Node& node, const std::string& path, bool is_file);
/// From the node of a policy, `path` being its place in the whole ("policy").
[[nodiscard]] LoadedPlan plan_from(const Node& node, const std::string& path);

}  // namespace gatewright::scenarios
