// From a scenario file to everything it says: world, policy, expectations; or every problem in it.
// The tables read each key by itself; what only makes sense together is checked here.
// Never plays anything.
#include "scenarios/load.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "policies/staged/sample_ratio_guard.h"
#include "scenarios/places.h"
#include "scenarios/plan_yaml.h"
#include "scenarios/scenario_table.h"
#include "scenarios/study_table.h"

namespace gatewright::scenarios {

namespace {

using analysis::Expectation;
using analysis::ExpectationSet;

void append(Diagnostics& all, Diagnostics more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

/// The plan of a policy that could be found; problems otherwise.
std::optional<PlanSpec> plan_of(const PolicyReference& policy, const Document& document,
                                Diagnostics& diagnostics) {
  if (!policy.node) return std::nullopt;
  const bool is_file = policy.node->mark.file != document.file;
  LoadedPlan loaded = read_plan(*policy.node, policy.path, is_file);
  append(diagnostics, std::move(loaded.diagnostics));
  return std::move(loaded.plan);
}

/// Whether harm can be detected or alarms can be false depends on whether the world is harmful.
void bind_to_world(ExpectationSet& set, const sim::Scenario& scenario, const Node& root,
                   Problems& problems) {
  const bool harmful = sim::harmful_from(scenario).has_value();
  for (Expectation& claim : set.expectations) {
    if (claim.path.find("as_written.") == std::string::npos) continue;
    const bool about_alarms = claim.column == "false_alarm_rate";
    const bool about_harm =
        claim.column.starts_with("detection_") || claim.column.starts_with("user_impact_");
    if (harmful ? about_alarms : about_harm) {
      const Place place = locate(root, claim.path);
      problems.error(place.mark, place.path,
                     harmful
                         ? "the candidate is harmful as written, so a halt is no false alarm"
                         : "the candidate is harmless as written, so there is no harm to detect");
    }
    if (harmful && claim.column == kCompletion) claim.column = kMissed;
  }
}

/// Turns names of stages and gates into those of the plan; names that could not be read are passed
/// over.
void bind_to_plan(ExpectationSet& set, const PlanSpec& plan, const Node& root, Problems& problems) {
  std::vector<std::string> stages;
  std::vector<std::string> gates;
  for (const StageSpec& stage : plan.stages) stages.push_back(stage.name);
  for (const GateSpec& gate : plan.gates) gates.push_back(gate.name);
  for (const CombinedGateSpec& gate : plan.combined) gates.push_back(gate.name);
  if (plan.sample_ratio) gates.emplace_back(kSampleRatio);
  const auto unknown = [&](const Expectation& claim, std::string_view key, const std::string& noun,
                           const std::string& name, const std::vector<std::string>& known) {
    const Place place = locate(root, join(claim.path, key));
    problems.error(place.mark, place.path,
                   "the policy has no " + noun + " `" + shortened(name) + "`" + hint(name, known));
  };
  for (Expectation& claim : set.expectations) {
    if (claim.column == kHaltedAtStage) {
      const std::string limit = claim.sum_of.empty() ? "" : claim.sum_of.front();
      if (limit.empty()) continue;
      const auto last = std::ranges::find(stages, limit);
      if (last == stages.end()) {
        unknown(claim, "at_or_before", "stage", limit, stages);
      } else {
        claim.sum_of.assign(stages.begin(), last + 1);
      }
    } else if (claim.column.starts_with(kHaltedByGate)) {
      const std::string gate = claim.column.substr(kHaltedByGate.size());
      if (!gate.empty() && std::ranges::find(gates, gate) == gates.end())
        unknown(claim, "gate", "gate", gate, gates);
    }
  }
}

/// A policy file does not know the segments of the worlds that it is played in.
void check_segments(const PlanSpec& plan, const std::string& policy_path,
                    const sim::Traffic& traffic, const Node& root, Problems& problems) {
  std::vector<std::string> known;
  for (const sim::Segment& segment : traffic.segments) known.push_back(segment.name);
  for (const GateSpec& gate : plan.gates) {
    if (gate.segment.empty() || std::ranges::find(known, gate.segment) != known.end()) continue;
    const Place place = locate(root, policy_path + ".gates." + gate.name + ".segment");
    problems.error(
        place.mark, place.path,
        "this world has no segment `" + shortened(gate.segment) + "`" +
            (known.empty() ? "; it has no `traffic.segments`" : hint(gate.segment, known)));
  }
}

/// Reads the policies and ties the claims to them. False: a policy is wrong.
bool add_policies(StudyDraft& draft, const Document& document, Study& study,
                  Diagnostics& diagnostics) {
  Problems problems;
  bool complete = true;
  std::vector<std::string> names;
  const auto add = [&](const PolicyReference& policy, ExpectationSet& claims, PlanSpec& plan) {
    std::optional<PlanSpec> found = plan_of(policy, document, diagnostics);
    if (!found) {
      complete = false;
      return;
    }
    if (std::ranges::find(names, found->name) != names.end())
      problems.error(locate(document.root, policy.path.substr(0, policy.path.rfind('.'))).mark,
                     policy.path,
                     "a policy named `" + shortened(found->name) + "` stands here already");
    names.push_back(found->name);
    bind_to_plan(claims, *found, document.root, problems);
    bind_to_world(claims, draft.scenario, document.root, problems);
    check_segments(*found, policy.path, draft.scenario.traffic, document.root, problems);
    plan = *std::move(found);
  };
  add(draft.policy, draft.expected.claims, study.plan);
  for (OtherPolicy& other : draft.expected.also_under) {
    PlanSpec plan;
    add(other.policy, other.claims, plan);
    other.claims.policy = plan.name;
    study.other_plans.push_back(std::move(plan));
  }
  append(diagnostics, std::move(problems).take());
  return complete;
}

/// What the numbers of the world mean together.
void check_world(const sim::Scenario& scenario, const Document& document,
                 Diagnostics& diagnostics) {
  Diagnostics found = sim::validate(scenario);
  for (Diagnostic& diagnostic : found) diagnostic.path = path_in_file(std::move(diagnostic.path));
  put_in_place(found, document.root, {});
  append(diagnostics, std::move(found));
}

}  // namespace

LoadedStudy load(const std::string& path) {
  ReadDocument read = read_document(path);
  if (read.document.root.kind == Node::Kind::null) return {{}, std::move(read.diagnostics)};
  LoadedStudy loaded = load(read.document);
  append(loaded.diagnostics, std::move(read.diagnostics));
  if (has_errors(loaded.diagnostics)) loaded.study.reset();
  sort_by_place(loaded.diagnostics, path);
  return loaded;
}

LoadedStudy load(const Document& given) {
  LoadedStudy result;
  Document document = given;
  resolve_includes(document, result.diagnostics);

  StudyDraft draft;
  Problems problems;
  study_shape()->read(document.root, {}, problems, draft);
  const bool tables_passed = problems.size() == 0;
  append(result.diagnostics, std::move(problems).take());

  Study study;
  add_policies(draft, document, study, result.diagnostics);
  if (tables_passed) {
    fill_arrivals(draft.scenario);
    check_world(draft.scenario, document, result.diagnostics);
  }
  sort_by_place(result.diagnostics, document.file);
  if (has_errors(result.diagnostics)) return result;

  study.scenario = std::move(draft.scenario);
  study.scenario.directory = std::filesystem::path(document.file).parent_path().string();
  study.expectations.confidence = draft.expected.confidence;
  study.expectations.runs = draft.expected.runs;
  study.expectations.sets.push_back(std::move(draft.expected.claims));
  for (OtherPolicy& other : draft.expected.also_under)
    study.expectations.sets.push_back(std::move(other.claims));
  result.study = std::move(study);
  return result;
}

std::string effective(const Study& study) {
  StudyDraft draft;
  draft.scenario = with_defaults(study.scenario);
  draft.policy.plan = study.plan;
  draft.expected.confidence = study.expectations.confidence;
  draft.expected.runs = study.expectations.runs;
  for (const ExpectationSet& set : study.expectations.sets) {
    if (set.policy.empty()) {
      draft.expected.claims = set;
      continue;
    }
    OtherPolicy other;
    other.claims = set;
    for (const PlanSpec& plan : study.other_plans)
      if (plan.name == set.policy) other.policy.plan = plan;
    draft.expected.also_under.push_back(std::move(other));
  }
  return write(study_shape()->write(draft));
}

}  // namespace gatewright::scenarios
