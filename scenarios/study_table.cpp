// The table of whole studies: a world, the policy it is played under, and what is expected of it.
// A claim is one row of a table: key, column of the operating characteristics, unit.
// Never reads the policy itself: it keeps the node for the plan's own table.
#include "scenarios/study_table.h"

#include <utility>

#include "scenarios/plan_table.h"
#include "scenarios/scenario_table.h"

namespace gatewright::scenarios {

namespace {

using analysis::Expectation;
using analysis::ExpectationSet;

// ------------------------------------------------------------------------------------------- claims

/// One kind of claim about an outcome.
struct ClaimInfo {
  std::string_view section;  ///< "as_written", "healthy_twin"
  std::string_view key;
  std::string_view column;
  const Unit<double>& unit;
  std::string_view unit_name;  ///< for messages
  bool has_quantile;           ///< the claim is about a quantile of the column
  std::string_view about;
};

constexpr std::string_view kAsWritten = "as_written";
constexpr std::string_view kHealthyTwin = "healthy_twin";

const ClaimInfo kClaims[] = {
    {kAsWritten, "detection_probability", "detection_probability", kShare, "%", false,
     "share of runs halted before completion"},
    {kAsWritten, "detection_delay", "detection_delay_minutes", kMinutes, "min", true,
     "from the onset of harm, or first exposure if later, to the halt; given a halt"},
    {kAsWritten, "user_impact_minutes", "user_impact_minutes_mean", kNumber, "user-minutes", false,
     "mean of the minutes in which users were served by a harmful candidate"},
    {kAsWritten, "false_alarm_rate", "false_alarm_rate", kShare, "%", false,
     "share of runs halted although the candidate is harmless"},
    {kAsWritten, "completion", kCompletion, kShare, "%", false, "share of runs completed"},
    {kHealthyTwin, "false_alarm_rate", "false_alarm_rate", kShare, "%", false,
     "share of healthy rollouts halted"},
    {kHealthyTwin, "completion_time", "time_to_complete_hours", kHours, "h", true,
     "from the start to the end of the last stage's dwell, given completion"},
    {kHealthyTwin, "completion", kCompletion, kShare, "%", false,
     "share of healthy rollouts completed"},
};

/// {at_least: ..., at_most: ..., quantile: ...} of one kind of claim.
ShapeOf<Expectation> bounds_shape(const ClaimInfo& info) {
  const ShapeOf<double> value = quantity(info.unit, Range<double>{.least = 0.0, .most = {}});
  std::vector<Field<Expectation>> fields;
  if (info.has_quantile)
    fields.push_back(required(field(
        "quantile", &Expectation::quantile,
        quantity(kShare,
                 Range<double>{.least = 0.0, .most = 1.0, .open_below = true, .open_above = true}),
        "which quantile is bounded")));
  fields.push_back(field("at_least", &Expectation::at_least, value, "lower bound"));
  fields.push_back(field("at_most", &Expectation::at_most, value, "upper bound"));
  return object<Expectation>(std::move(fields), [](const Node& node, const std::string& path,
                                                   Problems& problems, Expectation& claim) {
    if (!claim.at_least && !claim.at_most)
      problems.error(node, path, "expected `at_least`, `at_most` or both");
    else if (claim.at_least && claim.at_most && *claim.at_most < *claim.at_least)
      problems.error(*node.find("at_most"), join(path, "at_most"),
                     "`at_most` is less than `at_least`");
  });
}

/// A key of a section that adds one claim to a set, and finds it again when writing. Keys are unique
/// within a section, so the claim is known by the end of its path.
Field<ExpectationSet> claim_field(std::string_view section, std::string key, std::string about,
                                  ShapeOf<Expectation> shape, std::string column,
                                  std::string unit_name) {
  const std::string tail = join(section, key);
  return {
      .key = key,
      .about = std::move(about),
      .required = false,
      .read =
          [=](const Node& node, const std::string& path, Problems& problems, ExpectationSet& set) {
            Expectation claim;
            claim.path = path;
            claim.column = column;
            claim.unit = unit_name;
            claim.file = node.mark.file;
            claim.line = node.mark.line;
            claim.column_number = node.mark.column;
            shape->read(node, path, problems, claim);
            set.expectations.push_back(std::move(claim));
          },
      .write = [=](const ExpectationSet& set) -> std::optional<Node> {
        for (const Expectation& claim : set.expectations)
          if (claim.path.ends_with(tail)) return shape->write(claim);
        return std::nullopt;
      },
      .schema = [shape] { return shape->schema(); }};
}

Field<Expectation> in_share() {
  return required(field("in", &Expectation::at_least,
                        quantity(kShare, Range<double>{.least = 0.0, .most = 1.0}),
                        "at least this share of runs"));
}

/// {at_or_before: 10%, in: 98%}
ShapeOf<Expectation> halt_stage_shape() {
  const ShapeOf<std::string> name = text(false);
  Field<Expectation> limit{.key = "at_or_before",
                           .about = "name of a stage",
                           .required = true,
                           .read =
                               [name](const Node& node, const std::string& path, Problems& problems,
                                      Expectation& claim) {
                                 claim.sum_of.assign(1, {});
                                 name->read(node, path, problems, claim.sum_of.front());
                               },
                           .write = [name](const Expectation& claim) -> std::optional<Node> {
                             if (claim.sum_of.empty()) return std::nullopt;
                             return name->write(claim.sum_of.back());
                           },
                           .schema = [name] { return name->schema(); }};
  return object<Expectation>({std::move(limit), in_share()});
}

/// {gate: cost, in: 90%}
ShapeOf<Expectation> halted_by_shape() {
  const ShapeOf<std::string> name = text(false);
  Field<Expectation> gate{.key = "gate",
                          .about = "name of a gate",
                          .required = true,
                          .read =
                              [name](const Node& node, const std::string& path, Problems& problems,
                                     Expectation& claim) {
                                std::string read;
                                name->read(node, path, problems, read);
                                claim.column = std::string(kHaltedByGate) + read;
                              },
                          .write = [name](const Expectation& claim) -> std::optional<Node> {
                            if (!claim.column.starts_with(kHaltedByGate)) return std::nullopt;
                            return name->write(claim.column.substr(kHaltedByGate.size()));
                          },
                          .schema = [name] { return name->schema(); }};
  return object<Expectation>({std::move(gate), in_share()});
}

ShapeOf<ExpectationSet> section_shape(std::string_view section) {
  std::vector<Field<ExpectationSet>> fields;
  for (const ClaimInfo& info : kClaims)
    if (info.section == section)
      fields.push_back(claim_field(section, std::string(info.key), std::string(info.about),
                                   bounds_shape(info), std::string(info.column),
                                   std::string(info.unit_name)));
  if (section == kAsWritten) {
    fields.push_back(claim_field(section, "halt_stage", "runs halted at a stage or an earlier one",
                                 halt_stage_shape(), std::string(kHaltedAtStage), "%"));
    fields.push_back(claim_field(section, "halted_by",
                                 "runs halted by one gate, alone or with others", halted_by_shape(),
                                 std::string(kHaltedByGate), "%"));
  }
  return object<ExpectationSet>(std::move(fields));
}

/// The two sections; left out of what is written where they are empty.
std::vector<Field<ExpectationSet>> claim_sections() {
  const auto section = [](std::string_view name, std::string about) {
    Field<ExpectationSet> result = group(std::string(name), section_shape(name), std::move(about));
    result.write = [write = result.write](const ExpectationSet& set) -> std::optional<Node> {
      std::optional<Node> node = write(set);
      return node && node->fields.empty() ? std::nullopt : node;
    };
    return result;
  };
  return {section(kAsWritten, "claims about the scenario as it is written"),
          section(kHealthyTwin, "claims about the same world without the candidate's effects")};
}

// ------------------------------------------------------------------------------------------- policy

class PolicyShape final : public Shape<PolicyReference> {
 public:
  void read(const Node& node, const std::string& path, Problems& problems,
            PolicyReference& policy) const override {
    policy.path = path;
    if (node.kind == Node::Kind::map) {
      policy.node = &node;
    } else if (node.kind != Node::Kind::scalar) {
      problems.error(node, path, expected("the file name of a policy, or the policy itself", node));
    }
  }
  [[nodiscard]] Node write(const PolicyReference& policy) const override {
    return plan_shape(false)->write(with_defaults(policy.plan));
  }
  [[nodiscard]] Node schema() const override {
    return map_node(
        {{"anyOf", list_node({map_node({{"type", quoted_node("string")}}),
                              map_node({{"$ref", quoted_node("#/definitions/policy")}})})}});
  }
};

ShapeOf<PolicyReference> policy_shape() { return std::make_shared<PolicyShape>(); }

ShapeOf<OtherPolicy> other_policy_shape() {
  std::vector<Field<OtherPolicy>> fields{
      required(field("policy", &OtherPolicy::policy, policy_shape(), "the other policy"))};
  for (Field<ExpectationSet>& section : claim_sections())
    fields.push_back(within(&OtherPolicy::claims, std::move(section)));
  return object<OtherPolicy>(std::move(fields));
}

ShapeOf<Expected> expected_shape() {
  std::vector<Field<Expected>> fields{
      field("confidence", &Expected::confidence,
            quantity(kShare, Range<double>{.least = 0.5, .most = 1.0, .open_above = true}),
            "of the intervals that decide"),
      field("runs", &Expected::runs,
            quantity(kCount, Range<std::uint64_t>{.least = 1, .most = 1'000'000}),
            "replications played"),
  };
  for (Field<ExpectationSet>& section : claim_sections())
    fields.push_back(within(&Expected::claims, std::move(section)));
  Field<Expected> others = field("also_under", &Expected::also_under, list(other_policy_shape()),
                                 "the same world under other policies");
  others.write = [write = others.write](const Expected& expected) -> std::optional<Node> {
    return expected.also_under.empty() ? std::nullopt : write(expected);
  };
  fields.push_back(std::move(others));
  return object<Expected>(std::move(fields));
}

ShapeOf<StudyDraft> make_study_shape() {
  std::vector<Field<StudyDraft>> fields{required(version_field<StudyDraft>())};
  for (Field<sim::Scenario>& scenario_field : scenario_fields())
    fields.push_back(within(&StudyDraft::scenario, std::move(scenario_field)));
  fields.push_back(
      required(field("policy", &StudyDraft::policy, policy_shape(),
                     "the file of the policy, relative to this one, or the policy itself")));
  fields.push_back(field("expect", &StudyDraft::expected, expected_shape(),
                         "what `gatewright check` must find true"));
  return object<StudyDraft>(std::move(fields));
}

}  // namespace

ShapeOf<StudyDraft> study_shape() {
  static const ShapeOf<StudyDraft> kShape = make_study_shape();
  return kShape;
}

}  // namespace gatewright::scenarios
