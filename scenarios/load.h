// From a scenario file to everything it says: world, policy, expectations; or every problem in it.
// Used by the front doors; the only parser of scenario files (Python never reads YAML by itself).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/expectation.h"
#include "policies/diagnostic.h"
#include "policies/plan.h"
#include "scenarios/document.h"
#include "sim/scenario.h"

namespace gatewright::scenarios {

/// What a scenario file means.
struct Study {
  sim::Scenario scenario;
  PlanSpec plan;
  analysis::Expectations expectations;
  /// Plans of `expect.also_under`, by the name that ExpectationSet::policy uses.
  std::vector<PlanSpec> other_plans;
};

struct LoadedStudy {
  std::optional<Study> study;  ///< empty exactly if a diagnostic is an error
  Diagnostics diagnostics;     ///< with file, line and column; all problems at once
};

/// Reads a file, with the policy file it names; both strictly (unknown and repeated keys, missing
/// units and wrong ranges are errors).
[[nodiscard]] LoadedStudy load(const std::string& path);
/// The same from a document that was changed by path.
[[nodiscard]] LoadedStudy load(const Document& document);

/// Notes for lint: the file with every default written out.
[[nodiscard]] std::string effective(const Study& study);

}  // namespace gatewright::scenarios
