// The table of whole studies: a world, the policy it is played under, and what is expected of it.
// Used by load.h for reading and writing, by schema.h for describing.
// Never reads the policy itself: it keeps the node for the plan's own table.
#pragma once

#include <string>
#include <vector>

#include "analysis/expectation.h"
#include "policies/plan.h"
#include "scenarios/shape.h"
#include "sim/scenario.h"

namespace gatewright::scenarios {

/// A policy as a scenario refers to it: a node to be read by plan_yaml.h, or a plan to be written.
struct PolicyReference {
  const Node* node = nullptr;  ///< null: a file that could not be read, which has been reported
  std::string path;
  PlanSpec plan;
};

/// `expect.also_under[]`: what happens in this world under another policy.
struct OtherPolicy {
  PolicyReference policy;
  analysis::ExpectationSet claims;
};

struct Expected {
  double confidence = analysis::Expectations{}.confidence;
  std::uint64_t runs = analysis::Expectations{}.runs;
  analysis::ExpectationSet claims;
  std::vector<OtherPolicy> also_under;
};

/// A study between file and meaning: `halt_stage` claims hold the limit's name in sum_of until the
/// plan is known, and completion as written is not yet told apart from missed harm.
struct StudyDraft {
  sim::Scenario scenario;
  PolicyReference policy;
  Expected expected;
};

[[nodiscard]] ShapeOf<StudyDraft> study_shape();

/// Column of the share of runs that halted at one of several stages.
inline constexpr std::string_view kHaltedAtStage = "halted_at_stage";
/// Column of the share of completed runs; of harmful ones, operating characteristics call it missed.
inline constexpr std::string_view kCompletion = "completion_rate";
inline constexpr std::string_view kMissed = "missed_rate";
/// Column prefix of the share of runs that one gate halted.
inline constexpr std::string_view kHaltedByGate = "halted_by_gate.";

}  // namespace gatewright::scenarios
