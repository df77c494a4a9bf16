// Rollout plans from YAML, for controllers that link no simulator.
// Reads by the plan's table, then compiles, so that a plan that loads is a plan that runs.
// Never includes anything of sim.
#include "scenarios/plan_yaml.h"

#include "policies/compile.h"
#include "scenarios/places.h"
#include "scenarios/plan_table.h"
#include "scenarios/shape.h"

namespace gatewright::scenarios {

LoadedPlan read_plan(const Node& node, const std::string& path, bool is_file) {
  LoadedPlan result;
  PlanSpec plan;
  plan.sample_ratio.emplace();
  Problems problems;
  plan_shape(is_file)->read(node, path, problems, plan);
  result.diagnostics = std::move(problems).take();
  if (has_errors(result.diagnostics)) return result;

  Diagnostics compiled = compile(plan).diagnostics;
  put_in_place(compiled, node, path);
  result.diagnostics.insert(result.diagnostics.end(), compiled.begin(), compiled.end());
  if (!has_errors(result.diagnostics)) result.plan = std::move(plan);
  return result;
}

LoadedPlan plan_from(const Node& node, const std::string& path) {
  LoadedPlan result = read_plan(node, path, path.empty());
  sort_by_place(result.diagnostics, node.mark.file);
  return result;
}

LoadedPlan load_plan(const std::string& path) {
  ReadDocument read = read_document(path);
  LoadedPlan result;
  if (read.document.root.kind != Node::Kind::null) result = plan_from(read.document.root, {});
  result.diagnostics.insert(result.diagnostics.end(), read.diagnostics.begin(),
                            read.diagnostics.end());
  if (has_errors(result.diagnostics)) result.plan.reset();
  sort_by_place(result.diagnostics, path);
  return result;
}

}  // namespace gatewright::scenarios
