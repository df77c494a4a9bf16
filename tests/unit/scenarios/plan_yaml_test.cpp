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

TEST(PlanYaml, ReadsAndWritesWhatGatesDoTogether) {
  const PlanSpec plan = plan_of(
      "gatewright: 1\nname: together\nfalse_alarm_budget: 5%\nspending: holm\n"
      "stages: [{mirrored: 5%, dwell: 1h, false_alarm_budget: 1%}, {exposure: 50%, dwell: 1h}]\n"
      "gates:\n"
      "  - {metric: cost, harm: {rises_by: 20%}, test: {normal_mixture: {}}}\n"
      "  - {metric: quality, harm: {falls_by: 5pp}, test: {normal_mixture: {}}}\n"
      "combined:\n"
      "  - {name: sum, gates: [cost, quality], margins_used_above: 1.5, role: advisory,\n"
      "     budget_share: 2, evidence: stage}\n");
  EXPECT_EQ(plan.spending, Spending::holm);
  EXPECT_EQ(plan.stages.at(0).false_alarm_budget, 0.01);
  EXPECT_FALSE(plan.stages.at(1).false_alarm_budget);
  ASSERT_EQ(plan.combined.size(), 1U);
  const CombinedGateSpec expected{.name = "sum",
                                  .gates = {"cost", "quality"},
                                  .margins_used = 1.5,
                                  .role = GateRole::advisory,
                                  .budget_share = 2.0,
                                  .evidence = EvidenceSpan::stage};
  EXPECT_EQ(plan.combined.front(), expected);
  EXPECT_EQ(encode(plan_of(write(plan_shape(true)->write(plan)))), encode(plan));
}

NoiseFloor floor_of(const std::string& metric, const std::string& harm, const std::string& floor) {
  const PlanSpec plan = plan_of(kHead + "gates: [{metric: " + metric + ", harm: {" + harm +
                                "}, test: {normal_mixture: {}}, noise_floor: " + floor + "}]\n");
  if (plan.gates.empty()) return {};
  const PlanSpec again = plan_of(write(plan_shape(true)->write(plan)));
  EXPECT_EQ(again.gates.front().noise_floor, plan.gates.front().noise_floor) << floor;
  EXPECT_NE(plan_digest(plan),
            plan_digest(plan_of(kHead + "gates: [{metric: " + metric + ", harm: {" + harm +
                                "}, test: {normal_mixture: {}}}]\n")));
  return plan.gates.front().noise_floor;
}

TEST(PlanYaml, ANoiseFloorIsInTheTermsOfTheMargin) {
  using Floor = NoiseFloor::Kind;
  EXPECT_EQ(floor_of("cost", "rises_by: 20%", "3%"), (NoiseFloor{Floor::bound, 0.03}));
  EXPECT_EQ(floor_of("cost", "rises_by: 20%", "{sd: 2%}"), (NoiseFloor{Floor::sd, 0.02}));
  EXPECT_EQ(floor_of("quality", "falls_by: 9pp", "2pp"), (NoiseFloor{Floor::bound, 0.02}));
  EXPECT_EQ(floor_of("quality", "falls_by: 9pp", "{sd: 1pp}"), (NoiseFloor{Floor::sd, 0.01}));
  EXPECT_EQ(floor_of("latency", "rises_by: 2s", "500ms"), (NoiseFloor{Floor::bound, 0.5}));
}

TEST(PlanYaml, ANoiseFloorInOtherTermsIsRefused) {
  for (const char* floor : {"2pp", "0.02", "0%", "{sd: 1pp}", "{mean: 1%}", "[1%]"}) {
    const LoadedPlan result = loaded(
        kHead + "gates: [{metric: cost, harm: {rises_by: 20%}, noise_floor: " + floor + "}]\n");
    EXPECT_FALSE(result.plan) << floor;
  }
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

TEST(PlanYaml, AStagesTestIsReadInItsMetricsUnitAndWrittenSo) {
  const std::string text =
      "gatewright: 1\nname: ab\nfalse_alarm_budget: 5%\nstages:\n"
      "  - {exposure: 50%, dwell: 1h, advance_when: winner, ab: {metric: latency, alpha: 1%, "
      "power: "
      "90%, min_effect: 50ms, spread: 0.4s}}\n"
      "  - {exposure: 75%, dwell: 1h, ab: {metric: error, min_effect: 0.5pp, rate: 2%, "
      "sample_size: "
      "arcsine, segments: [free, premium]}}\n"
      "gates:\n"
      "  - {metric: cost, harm: {rises_by: 20%}, test: {normal_mixture: {covariate: "
      "input_tokens}}, "
      "advice: spend less}\n";
  const PlanSpec plan = plan_of(text);
  ASSERT_EQ(plan.stages.size(), 2U);
  const AbSpec of_latency{
      .metric = "latency", .alpha = 0.01, .power = 0.9, .min_effect = 0.05, .spread = 0.4};
  const AbSpec of_errors{.metric = "error",
                         .min_effect = 0.005,
                         .rate = 0.02,
                         .sample_size = SampleSizeBy::arcsine,
                         .segments = {"free", "premium"}};
  EXPECT_EQ(plan.stages[0].ab, of_latency);
  EXPECT_EQ(plan.stages[0].advance_when, AdvanceWhen::winner);
  EXPECT_EQ(plan.stages[1].ab, of_errors);
  ASSERT_EQ(plan.gates.size(), 1U);
  EXPECT_EQ(plan.gates[0].advice, "spend less");
  EXPECT_EQ(encode(plan_of(write(plan_shape(true)->write(plan)))), encode(plan));

  // Without a unit, or below 0, it is no difference.
  for (const char* wrong : {"0.05", "-2pp", "2%"})
    EXPECT_TRUE(
        has_errors(loaded(kHead.substr(0, kHead.find("stages")) +
                          "stages: [{exposure: 50%, dwell: 1h, ab: {metric: error, rate: 2%, "
                          "min_effect: " +
                          wrong + "}}]\n")
                       .diagnostics))
        << wrong;
}

TEST(PlanYaml, EveryGateTestSurvivesItsDefaults) {
  const char* const harms[] = {
      "metric: error, harm: {ratio_above: 2x}",          "metric: error, harm: {above: 2%}",
      "metric: error, harm: {ratio_above: 1x}",          "metric: latency, harm: {rises_by: 0ms}",
      "metric: latency, harm: {rises_by: 20%}",          "metric: latency, harm: {p99_above: 1.5x}",
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

TEST(PlanYaml, TheSplitIsCheckedUnlessThePlanSaysOtherwise) {
  EXPECT_EQ(plan_of(kHead).sample_ratio, SampleRatioSpec{});
  EXPECT_EQ(plan_of(kHead + "sample_ratio: true\n").sample_ratio, SampleRatioSpec{});
  EXPECT_EQ(plan_of(kHead + "sample_ratio: {}\n").sample_ratio, SampleRatioSpec{});
  EXPECT_EQ(plan_of(kHead + "sample_ratio: false\n").sample_ratio, std::nullopt);
  EXPECT_EQ(plan_of(kHead + "sample_ratio: {false_alarm: 1%}\n").sample_ratio,
            SampleRatioSpec{.false_alarm = 0.01});
  EXPECT_EQ(with_defaults(plan_of(kHead)).sample_ratio->false_alarm, 0.001) << "of 5%";
}

TEST(PlanYaml, AGateMayBeOfASegment) {
  const PlanSpec plan =
      plan_of(kHead +
              "gates:\n"
              "  - {name: money, metric: cost, segment: premium, harm: {rises_by: 10%}}\n"
              "  - {name: tail, expr: \"p99(latency) <= 2x baseline\", segment: free}\n"
              "  - \"rate(error) <= 2%\"\n");
  EXPECT_EQ(plan.gates.at(0).segment, "premium");
  EXPECT_EQ(plan.gates.at(1).segment, "free");
  EXPECT_EQ(plan.gates.at(2).segment, "");
}

TEST(PlanYaml, SegmentsAndTheCheckOfTheSplitAreWrittenAsTheyAreRead) {
  for (const char* check : {"", "sample_ratio: false\n", "sample_ratio: {false_alarm: 0.2%}\n"}) {
    const PlanSpec plan =
        plan_of(kHead + check + "gates: [{metric: cost, segment: a, harm: {rises_by: 10%}}]\n");
    const std::string written = write(plan_shape(true)->write(plan));
    EXPECT_EQ(encode(plan_of(written)), encode(plan)) << written;
  }
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
