// Plans from YAML: what each key means, and which defaults are left to compile().
#include "scenarios/plan_yaml.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "policies/gates/catalogue.h"
#include "policies/plan_encoding.h"
#include "scenarios/places.h"
#include "scenarios/plan_table.h"

namespace gatewright::scenarios {
namespace {

using namespace std::chrono_literals;
using Kind = HarmSpec::Kind;
using Relation = HarmSpec::Relation;

LoadedPlan loaded(std::string_view text) {
  return plan_from(parse_document(text, "x.yaml").document.root, {});
}

PlanSpec plan_of(std::string_view text) {
  LoadedPlan result = loaded(text);
  for (const Diagnostic& diagnostic : result.diagnostics)
    if (diagnostic.severity == Severity::error) ADD_FAILURE() << format(diagnostic);
  return result.plan.value_or(PlanSpec{});
}

const std::string kHead =
    "gatewright: 1\nname: plan\nfalse_alarm_budget: 5%\n"
    "stages: [{mirrored: 5%, dwell: 1h}, {exposure: 10%, dwell: 30m}, {exposure: 100%, dwell: "
    "1h}]\n";

HarmSpec harm_of(const std::string& metric, const std::string& harm) {
  const PlanSpec plan =
      plan_of(kHead + "gates: [{metric: " + metric + ", harm: {" + harm + "}}]\n");
  return plan.gates.empty() ? HarmSpec{} : plan.gates.front().harm;
}

TEST(PlanYaml, ReadsEveryKey) {
  const PlanSpec plan = plan_of(
      "gatewright: 1\nname: all\nabout: every key\npolicy: staged\nfalse_alarm_budget: 1%\n"
      "missed_harm_budget: 2%\nassignment: {by: request, hash: fnv1a}\n"
      "ramp: {strict: {advance_when: safety_shown}}\nwhen_halted: freeze\nevery: 2m\n"
      "stages:\n"
      "  - {mirrored: 5%, dwell: 1h, min_samples: 7}\n"
      "  - {name: half, exposure: 50%, dwell: 30m, timeout: 3h, approval: true, advance_when: "
      "no_harm_shown}\n"
      "gates:\n"
      "  - name: money\n"
      "    metric: cost\n"
      "    harm: {rises_by: 15%}\n"
      "    test: {normal_mixture: {scale: log, tightest_at: 500}}\n"
      "    role: advisory\n"
      "    every: 1m\n"
      "    window: 30s\n"
      "    initial_delay: 5m\n"
      "    silence: 1h\n"
      "    min_samples: 100\n"
      "    budget_share: 2.5\n"
      "    evidence: stage\n");
  EXPECT_EQ(plan.name, "all");
  EXPECT_EQ(plan.about, "every key");
  EXPECT_EQ(plan.false_alarm_budget, 0.01);
  EXPECT_EQ(plan.missed_harm_budget, 0.02);
  EXPECT_EQ(plan.assignment.by, AssignmentUnit::request);
  EXPECT_EQ(plan.assignment.hash, AssignmentHash::fnv1a);
  EXPECT_EQ(plan.advance_when, AdvanceWhen::safety_shown);
  EXPECT_EQ(plan.when_halted, WhenHalted::freeze);
  EXPECT_EQ(plan.every, 2min);
  ASSERT_EQ(plan.stages.size(), 2U);
  EXPECT_EQ(plan.stages[0].name, "shadow");
  EXPECT_EQ(plan.stages[0].mirrored, 0.05);
  EXPECT_EQ(plan.stages[0].min_samples, 7U);
  EXPECT_FALSE(plan.stages[0].timeout);
  EXPECT_EQ(plan.stages[1].name, "half");
  EXPECT_EQ(plan.stages[1].served, 0.5);
  EXPECT_EQ(plan.stages[1].timeout, Duration(3h));
  EXPECT_TRUE(plan.stages[1].approval);
  EXPECT_EQ(plan.stages[1].advance_when, AdvanceWhen::no_harm_shown);
  ASSERT_EQ(plan.gates.size(), 1U);
  const GateSpec& gate = plan.gates.front();
  EXPECT_EQ(gate.name, "money");
  EXPECT_EQ(gate.metric, "cost");
  EXPECT_EQ(gate.harm.margin, 1.15);  // the double nearest to 1.15, not 1 + 0.15
  EXPECT_EQ(gate.test.name, "normal_mixture");
  EXPECT_EQ(std::get<std::string>(gate.test.parameters.at("scale")), "log");
  EXPECT_EQ(std::get<double>(gate.test.parameters.at("tightest_at")), 500.0);
  EXPECT_EQ(gate.role, GateRole::advisory);
  EXPECT_EQ(gate.every, 1min);
  EXPECT_EQ(gate.window, Duration(30s));
  EXPECT_EQ(gate.initial_delay, 5min);
  EXPECT_EQ(gate.silence, Duration(1h));
  EXPECT_EQ(gate.min_samples, 100U);
  EXPECT_EQ(gate.budget_share, 2.5);
  EXPECT_EQ(gate.evidence, EvidenceSpan::stage);
}

TEST(PlanYaml, HarmIsReadInTheMetricsUnit) {
  struct Case {
    const char* metric;
    const char* harm;
    Kind kind;
    Relation relation;
    Direction direction;
    double margin;
  };
  const Case cases[] = {
      {"cost", "rises_by: 10%", Kind::mean, Relation::ratio, Direction::up, 1.1},
      {"cost", "rises_by: $0.001", Kind::mean, Relation::difference, Direction::up, 0.001},
      {"latency", "rises_by: 300ms", Kind::mean, Relation::difference, Direction::up, 0.3},
      {"output_tokens", "falls_by: 20 tokens", Kind::mean, Relation::difference, Direction::down,
       -20.0},
      {"quality", "falls_by: 3pp", Kind::mean, Relation::difference, Direction::down, -0.03},
      {"quality", "falls_by: 10%", Kind::mean, Relation::ratio, Direction::down, 0.9},
      {"error", "rises_by: 0.5pp", Kind::mean, Relation::difference, Direction::up, 0.005},
      {"error", "ratio_above: 2x", Kind::mean, Relation::ratio, Direction::up, 2.0},
      {"thumbs_up", "ratio_below: 0.8x", Kind::mean, Relation::ratio, Direction::down, 0.8},
      {"error", "above: 2%", Kind::mean, Relation::absolute, Direction::up, 0.02},
      {"quality", "below: 0.6", Kind::mean, Relation::absolute, Direction::down, 0.6},
      {"latency", "p99_above: 1.5x", Kind::quantile, Relation::ratio, Direction::up, 1.5},
      {"latency", "p50_above: 5s", Kind::quantile, Relation::absolute, Direction::up, 5.0},
      {"latency", "p95_above: baseline + 200ms", Kind::quantile, Relation::difference,
       Direction::up, 0.2},
      {"output_tokens", "p50_below: 0.5x", Kind::quantile, Relation::ratio, Direction::down, 0.5},
  };
  for (const Case& expected : cases) {
    const HarmSpec harm = harm_of(expected.metric, expected.harm);
    EXPECT_EQ(harm.kind, expected.kind) << expected.harm;
    EXPECT_EQ(harm.relation, expected.relation) << expected.harm;
    EXPECT_EQ(harm.direction, expected.direction) << expected.harm;
    EXPECT_EQ(harm.margin, expected.margin) << expected.harm;
  }
}

TEST(PlanYaml, ShortGatesAreFixedThresholds) {
  const PlanSpec plan =
      plan_of(kHead +
              "gates:\n"
              "  - \"p99(latency) <= 1.5x baseline\"\n"
              "  - \"mean(latency) <= 1.2x baseline\"\n"
              "  - {expr: \"rate(error) <= 2%\", after: 2 consecutive, min_samples: 200}\n");
  ASSERT_EQ(plan.gates.size(), 3U);
  EXPECT_EQ(plan.gates[0].name, "latency");
  EXPECT_EQ(plan.gates[1].name, "latency_mean");
  EXPECT_EQ(plan.gates[2].name, "error");
  for (const GateSpec& gate : plan.gates) EXPECT_EQ(gate.test.name, "fixed_threshold");
  EXPECT_TRUE(plan.gates[0].test.parameters.empty());
  EXPECT_EQ(std::get<std::string>(plan.gates[2].test.parameters.at("after")), "2 consecutive");
  EXPECT_EQ(plan.gates[2].min_samples, 200U);
}

TEST(PlanYaml, ProblemsOfCompileStandWhereTheyWereWritten) {
  const LoadedPlan result = loaded(kHead +
                                   "gates:\n"
                                   "  - metric: error\n"
                                   "    harm: {rises_by: 0.5pp}\n"
                                   "    test: {beta_binomial_mixture: {}}\n");
  ASSERT_FALSE(result.plan);
  const Diagnostic* error = nullptr;
  for (const Diagnostic& diagnostic : result.diagnostics)
    if (diagnostic.severity == Severity::error) error = &diagnostic;
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->path, "gates.error.harm");
  EXPECT_EQ(error->line, 7);
  EXPECT_EQ(error->column, 5);
}

TEST(PlanYaml, PoliciesOfTheCatalogueLoadAndSurviveTheirDefaults) {
  std::size_t count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(GATEWRIGHT_SOURCE_DIR "/scenarios/policies")) {
    const LoadedPlan result = load_plan(entry.path().string());
    ASSERT_TRUE(result.plan) << entry.path() << "\n" << format(result.diagnostics.front());
    EXPECT_EQ(result.plan->name, entry.path().stem().string());
    EXPECT_FALSE(result.plan->about.empty());
    ++count;

    const PlanSpec full = with_defaults(*result.plan);
    const LoadedPlan again = loaded(write(plan_shape(true)->write(full)));
    ASSERT_TRUE(again.plan) << format(again.diagnostics.front());
    EXPECT_EQ(encode(*again.plan), encode(full));
  }
  EXPECT_GE(count, 7U);
}

TEST(PlanYaml, AShiftIsOfADistribution) {
  const auto gate = [](const std::string& metric) {
    return kHead + "gates: [{metric: " + metric +
           ", harm: {distribution_shift: 0.1}, test: {dkw_sequence: {}}}]\n";
  };
  const HarmSpec harm = plan_of(gate("output_tokens")).gates.at(0).harm;
  EXPECT_EQ(harm.kind, Kind::distribution);
  EXPECT_EQ(harm.relation, Relation::difference);
  EXPECT_EQ(harm.direction, Direction::up);
  EXPECT_EQ(harm.margin, 0.1);
  const LoadedPlan of_events = loaded(gate("error"));
  ASSERT_FALSE(of_events.plan);
  EXPECT_EQ(of_events.diagnostics.front().path, "gates.error.harm.distribution_shift");
}

TEST(PlanYaml, EveryGateTestSurvivesItsDefaults) {
  const char* const harms[] = {
      "metric: error, harm: {ratio_above: 2x}", "metric: error, harm: {above: 2%}",
      "metric: latency, harm: {rises_by: 20%}", "metric: latency, harm: {p99_above: 1.5x}",
      "metric: latency, harm: {distribution_shift: 0.1}"};
  for (const GateTestInfo& info : gate_tests()) {
    std::optional<PlanSpec> plan;
    for (const char* const harm : harms)
      if (!plan)
        plan =
            loaded(kHead + "gates: [{" + harm + ", test: {" + std::string(info.name) + ": {}}}]\n")
                .plan;
    ASSERT_TRUE(plan) << info.name;
    const PlanSpec full = with_defaults(*plan);
    EXPECT_EQ(full.gates[0].test.parameters.size(), info.parameters.size()) << info.name;
    const LoadedPlan again = loaded(write(plan_shape(true)->write(full)));
    ASSERT_TRUE(again.plan) << info.name << ": " << format(again.diagnostics.front());
    EXPECT_EQ(encode(*again.plan), encode(full)) << info.name;
  }
}

TEST(PlanYaml, ARunLengthIsATimeOrANumberOfLooks) {
  const auto run_length = [](const std::string& text) {
    return plan_of(kHead +
                   "gates: [{metric: error, harm: {ratio_above: 2x}, test: {cusum: "
                   "{average_run_length: " +
                   text + "}}}]\n")
        .gates.at(0)
        .test.parameters.at("average_run_length");
  };
  EXPECT_EQ(run_length("30d"), TestValue(Duration(30 * 24h)));
  EXPECT_EQ(run_length("5000"), TestValue(5000.0));
  const LoadedPlan wrong = loaded(kHead +
                                  "gates: [{metric: error, harm: {ratio_above: 2x}, test: {cusum: "
                                  "{average_run_length: long}}}]\n");
  ASSERT_FALSE(wrong.plan);
}

TEST(PlanYaml, DefaultsThatPlanStatesAreWrittenOut) {
  const PlanSpec plan = with_defaults(
      plan_of(kHead + "gates: [\"p99(latency) <= 2x baseline\", \"rate(error) <= 2%\"]\n"));
  EXPECT_EQ(std::get<std::string>(plan.gates[0].test.parameters.at("definition")), "linear");
  EXPECT_EQ(std::get<std::string>(plan.gates[0].test.parameters.at("after")), "1 consecutive");
  EXPECT_TRUE(std::get<std::vector<double>>(plan.gates[1].test.parameters.at("buckets")).empty());
  EXPECT_EQ(plan.stages[0].timeout, Duration(24h));
  EXPECT_EQ(plan.gates[0].silence, Duration(15min));
}

}  // namespace
}  // namespace gatewright::scenarios
