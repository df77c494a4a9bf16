#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policies/compile.h"
#include "policies/plan_encoding.h"
#include "tests/unit/policies/fakes.h"

namespace gatewright {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Shadow, then 50%, then all; cost, quality and thumbs down together.
PlanSpec plan_of_three() {
  PlanSpec plan;
  plan.name = "three";
  plan.false_alarm_budget = 0.05;
  plan.stages = {{.name = "shadow", .mirrored = 0.05, .dwell = 60min},
                 {.name = "50%", .served = 0.5, .dwell = 10h},
                 {.name = "100%", .served = 1.0, .dwell = 60min}};
  GateSpec cost{.name = "cost", .metric = "cost"};
  cost.harm.margin = 1.2;
  cost.test.name = "normal_mixture";
  GateSpec quality{.name = "quality", .metric = "quality"};
  quality.harm = {
      .relation = HarmSpec::Relation::difference, .direction = Direction::down, .margin = -0.05};
  quality.test.name = "normal_mixture";
  GateSpec feedback{.name = "feedback", .metric = "thumbs_down"};
  feedback.harm.margin = 1.5;
  feedback.test.name = "beta_binomial_mixture";
  plan.gates = {cost, quality, feedback};
  for (GateSpec& gate : plan.gates) gate.silence = 20h;
  plan.combined = {
      {.name = "together", .gates = {"cost", "quality", "feedback"}, .margins_used = 1.25}};
  return plan;
}

Engine engine_of(const PlanSpec& plan) {
  Compiled compiled = compile(plan);
  EXPECT_TRUE(compiled.engine) << (compiled.diagnostics.empty()
                                       ? ""
                                       : compiled.diagnostics.front().message);
  return *std::move(compiled.engine);
}

Summary of(double mean, double sd, std::uint64_t count = 20'000) {
  const auto n = static_cast<double>(count);
  return {.count = count, .sum = n * mean, .sum_of_squares = n * (mean * mean + sd * sd)};
}
Summary of_events(std::uint64_t events) {
  const auto n = static_cast<double>(events);
  return {.count = 20'000, .sum = n, .sum_of_squares = n};
}

/// A window of one gate, whose candidate has used `use` of its margin.
Samples window_of(std::uint16_t gate, std::uint64_t window, double use) {
  Samples samples{.probe = ProbeIndex{gate}, .window = window, .baseline = {}, .candidate = {}};
  if (gate == 0) {
    samples.baseline = of(1.0, 0.5);
    samples.candidate = of(1.0 + 0.2 * use, 0.5);
  } else if (gate == 1) {
    samples.baseline = of(0.8, 0.2);
    samples.candidate = of(0.8 - 0.05 * use, 0.2);
  } else {
    samples.baseline = of_events(600);
    samples.candidate = of_events(static_cast<std::uint64_t>(600 * (1.0 + 0.5 * use)));
  }
  return samples;
}

/// At 50%, from window 13 (of five minutes) on.
struct AtHalf : Driver {
  explicit AtHalf(const PlanSpec& plan) : Driver(engine_of(plan)) {
    confirm(0s);
    tell(at(10min), window_of(0, 0, 0.0));
    tell(at(10min), window_of(1, 0, 0.0));
    EXPECT_EQ(tick(60min).action, Action::advance);
    confirm(60min);
  }
};

constexpr GateMask kTogether = 0b1000;

TEST(CombinedGate, IsAGateOfItsOwnBehindTheOthers) {
  const PlanSpec plan = plan_of_three();
  const Engine engine = engine_of(plan);
  const Policy& policy = engine.policy();
  EXPECT_THAT(policy.gate_names(), ElementsAre("cost", "quality", "feedback", "together"));
  EXPECT_EQ(policy.probes().size(), 3U) << "it asks for nothing that its parts do not";
  EXPECT_EQ(policy.protective_gates(), 0b1111U);
  const std::vector<BudgetRow> rows = budget_split(plan);
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[3].gate, "together");
  EXPECT_EQ(rows[3].guarantee, "anytime");
  EXPECT_DOUBLE_EQ(rows[3].false_alarm, 0.0125);
  EXPECT_EQ(rows[3].stages, 2U);
}

TEST(CombinedGate, HaltsACandidateThatIsJustInsideEveryMargin) {
  AtHalf driver(plan_of_three());
  Decision decision;
  for (std::uint64_t window = 13; window < 40 && decision.action != Action::halt; ++window)
    for (std::uint16_t gate = 0; gate < 3; ++gate)
      decision = driver.tell(at(65min + 5min * (window - 12)), window_of(gate, window, 0.9));
  EXPECT_EQ(decision.action, Action::halt);
  EXPECT_EQ(decision.cause, Cause::gate_failed);
  EXPECT_EQ(decision.failing, kTogether);
  EXPECT_GE(driver.engine.policy().harm(driver.state.memory, 3), 1.0);
}

TEST(CombinedGate, TakesOneMetricsGainForNoExcuse) {
  AtHalf driver(plan_of_three());
  Decision decision;
  for (std::uint64_t window = 13; window < 60 && decision.action != Action::halt; ++window)
    for (std::uint16_t gate = 0; gate < 3; ++gate)
      decision = driver.tell(at(65min + 5min * (window - 12)),
                             window_of(gate, window, gate == 1 ? -3.0 : 0.85));
  EXPECT_EQ(decision.failing, kTogether);
}

TEST(CombinedGate, ComparesWhatItsPartsSawInTheSameWindows) {
  AtHalf driver(plan_of_three());
  const auto harm = [&] { return driver.engine.policy().harm(driver.state.memory, 3); };
  const auto tell = [&](std::uint16_t gate, std::uint64_t number) {
    driver.tell(at(65min + 5min * (number - 12)), window_of(gate, number, 0.55));
  };
  std::uint64_t window = 13;
  for (; !(harm() > 0.0) && window < 60; ++window)
    for (std::uint16_t gate = 0; gate < 3; ++gate) tell(gate, window);
  const double before = harm();
  ASSERT_GT(before, 0.0);
  ASSERT_LT(before, 1.0);
  tell(0, window);
  tell(1, window);
  EXPECT_EQ(harm(), before) << "the ratings of this window are still to come";
  tell(2, window);
  EXPECT_GT(harm(), before);
}

TEST(CombinedGate, WaitsForNoPartThatTheStageDoesNotMeasure) {
  Driver driver(engine_of(plan_of_three()));
  driver.confirm(0s);
  driver.tell(at(10min), window_of(0, 0, 0.9));
  EXPECT_TRUE(std::isnan(driver.engine.policy().harm(driver.state.memory, 3)));
  driver.tell(at(10min), window_of(1, 0, 0.9));
  EXPECT_FALSE(std::isnan(driver.engine.policy().harm(driver.state.memory, 3)))
      << "nobody rates a mirrored answer";
}

/// The window whose evidence lets a plan that wants safety shown leave the second stage; 0: none.
std::uint64_t safe_after(PlanSpec plan, double use) {
  plan.advance_when = AdvanceWhen::safety_shown;
  plan.stages[0].advance_when = AdvanceWhen::no_harm_shown;
  plan.stages[1].dwell = 5min;
  plan.stages[1].timeout = 100h;
  AtHalf driver(plan);
  for (std::uint64_t window = 13; window < 300; ++window)
    for (std::uint16_t gate = 0; gate < 3; ++gate)
      if (driver.tell(at(65min + 5min * (window - 12)), window_of(gate, window, use)).action !=
          Action::hold)
        return driver.state.stage == StageIndex{2} ? window : 0;
  return 0;
}

TEST(CombinedGate, ShowsSafetyWhereAllItsPartsAreMeasured) {
  PlanSpec alone = plan_of_three();
  alone.combined.clear();
  const std::uint64_t by_gates = safe_after(alone, 0.3);
  ASSERT_GT(by_gates, 0U);
  EXPECT_GT(safe_after(plan_of_three(), 0.3), by_gates) << "less than 1.25 in sum takes longer";
  EXPECT_EQ(safe_after(plan_of_three(), 0.5), 0U) << "which 1.5 is not";
}

TEST(CombinedGate, ThatAdvisesNeverHaltsAndSpendsNothing) {
  PlanSpec plan = plan_of_three();
  plan.combined[0].role = GateRole::advisory;
  EXPECT_EQ(budget_split(plan)[3].false_alarm, 0.0);
  AtHalf driver(plan);
  Decision decision;
  for (std::uint64_t window = 13; window < 40; ++window)
    for (std::uint16_t gate = 0; gate < 3; ++gate)
      decision = driver.tell(at(65min + 5min * (window - 12)), window_of(gate, window, 0.9));
  EXPECT_EQ(decision.action, Action::hold);
  EXPECT_EQ(decision.failing, kTogether);
}

TEST(CombinedGate, ForgetsAtANewStageIfItsEvidenceIsOfTheStage) {
  for (const EvidenceSpan span : {EvidenceSpan::rollout, EvidenceSpan::stage}) {
    PlanSpec plan = plan_of_three();
    plan.combined[0].evidence = span;
    AtHalf driver(plan);
    EXPECT_EQ(std::isnan(driver.engine.policy().harm(driver.state.memory, 3)),
              span == EvidenceSpan::stage);
  }
}

// ---- what compile says ----

template <class Change>
std::string error_at(const std::string& path, Change change) {
  PlanSpec plan = plan_of_three();
  change(plan);
  const Compiled compiled = compile(plan);
  EXPECT_FALSE(compiled.engine) << path;
  for (const Diagnostic& each : compiled.diagnostics)
    if (each.severity == Severity::error && each.path == path) return each.message;
  ADD_FAILURE() << "nothing at " << path;
  return {};
}

TEST(CombinedGate, NamesGatesThatThereAreOnceEach) {
  EXPECT_THAT(error_at("combined.together.gates",
                       [](PlanSpec& plan) {
                         plan.combined[0].gates = {"cost", "qualty"};
                       }),
              HasSubstr("did you mean quality?"));
  EXPECT_THAT(error_at("combined.together.gates",
                       [](PlanSpec& plan) {
                         plan.combined[0].gates = {"cost", "cost"};
                       }),
              HasSubstr("twice"));
  EXPECT_THAT(error_at("combined.together.gates",
                       [](PlanSpec& plan) { plan.combined[0].gates = {"cost"}; }),
              HasSubstr("expected 2 to 16"));
  EXPECT_THAT(
      error_at("combined.cost.name", [](PlanSpec& plan) { plan.combined[0].name = "cost"; }),
      HasSubstr("taken"));
}

TEST(CombinedGate, AddsUpOnlyWhatItKnowsAtAnyMargin) {
  EXPECT_THAT(error_at("combined.together.gates",
                       [](PlanSpec& plan) { plan.gates[0].test.name = "z_test"; }),
              HasSubstr("cost: a combined gate adds up gates of normal_mixture"));
  EXPECT_THAT(
      error_at("combined.together.gates", [](PlanSpec& plan) { plan.gates[0].harm.margin = 1.0; }),
      HasSubstr("tolerates nothing"));
  EXPECT_THAT(error_at("combined.together.gates",
                       [](PlanSpec& plan) {
                         plan.gates[2].harm = {.relation = HarmSpec::Relation::absolute,
                                               .margin = 0.05};
                       }),
              HasSubstr("a level"));
  EXPECT_THAT(
      error_at("combined.together.gates", [](PlanSpec& plan) { plan.gates[1].every = 1min; }),
      HasSubstr("different windows"));
}

TEST(CombinedGate, NeedsANumberOfMarginsAndABudget) {
  EXPECT_THAT(error_at("combined.together.margins_used_above",
                       [](PlanSpec& plan) { plan.combined[0].margins_used = 0.0; }),
              HasSubstr("above 0"));
  EXPECT_THAT(error_at("combined.together.budget_share",
                       [](PlanSpec& plan) { plan.combined[0].budget_share = -1.0; }),
              HasSubstr("above 0"));
  EXPECT_THAT(
      error_at("false_alarm_budget", [](PlanSpec& plan) { plan.false_alarm_budget.reset(); }),
      HasSubstr("keeps a false-alarm rate"));
  PlanSpec plan = plan_of_three();
  plan.combined[0].margins_used = 3.0;
  const Compiled compiled = compile(plan);
  EXPECT_TRUE(compiled.engine);
  EXPECT_TRUE(std::ranges::any_of(compiled.diagnostics, [](const Diagnostic& each) {
    return each.severity == Severity::warning &&
           each.path == "combined.together.margins_used_above";
  }));
}

TEST(CombinedGate, ComesBackFromItsEncoding) {
  PlanSpec plan = plan_of_three();
  plan.spending = Spending::holm;
  plan.stages[0].false_alarm_budget = 0.01;
  const std::string text = encode(plan);
  const auto decoded = decode_plan(text);
  ASSERT_TRUE(std::holds_alternative<PlanSpec>(decoded)) << text;
  EXPECT_EQ(encode(std::get<PlanSpec>(decoded)), text);
  EXPECT_NE(plan_digest(plan), plan_digest(plan_of_three()));
}

// ---- budgets of stages ----

/// Two stages, of which the first may spend a fifth; the gate's evidence is the sum it is told.
std::vector<StagedGate> limited_gate() {
  std::vector<StagedGate> gates;
  gates.push_back(sum_gate("a", "latency", {.guarantee = Guarantee::none}));
  gates[0].budget_share = 0.05;
  gates[0].spent = {0.01, 0.05};
  return gates;
}

TEST(StageBudget, AsksForMoreEvidenceInItsStageAndNoMoreAfterIt) {
  std::vector<StagedStage> stages;
  stages.push_back(stage("shadow", mirrored(500)));
  stages.push_back(stage("10%", served(1'000)));
  Driver driver(staged_engine(std::move(stages), limited_gate()));
  driver.confirm(0s);
  EXPECT_EQ(driver.tell(at(20min), samples(0, 0, 1.2)).failing, 0U);
  EXPECT_NEAR(driver.engine.policy().harm(driver.state.memory, 0),
              1.2 * std::log(0.05) / std::log(0.01), 1e-12);
  EXPECT_EQ(driver.tick(30min).action, Action::advance);
  EXPECT_NEAR(driver.engine.policy().harm(driver.state.memory, 0), 1.2, 1e-12);
  const Decision decision = driver.tick(30min);
  EXPECT_EQ(decision.action, Action::halt) << "what was not enough there is enough here";
  EXPECT_EQ(decision.stage, StageIndex{1});
}

TEST(StageBudget, IsCheckedByCompile) {
  EXPECT_THAT(error_at("stages.shadow.false_alarm_budget",
                       [](PlanSpec& plan) { plan.stages[0].false_alarm_budget = 0.06; }),
              HasSubstr("at most the rollout's 5%"));
  EXPECT_THAT(error_at("stages.shadow.false_alarm_budget",
                       [](PlanSpec& plan) { plan.stages[0].false_alarm_budget = 1.0; }),
              HasSubstr("below 100%"));
  EXPECT_THAT(error_at("stages.50%.false_alarm_budget",
                       [](PlanSpec& plan) {
                         plan.stages[1].false_alarm_budget = 0.01;
                         plan.gates[0].test.name = "welch_t";
                         plan.gates[0].test.parameters["looks"] = 5.0;
                         plan.gates[0].min_samples = 1'000;
                         plan.combined.clear();
                       }),
              HasSubstr("planned looks"));
  EXPECT_THAT(error_at("stages",
                       [](PlanSpec& plan) {
                         plan.stages[0].false_alarm_budget = 0.05;
                         plan.gates[0].evidence = EvidenceSpan::stage;
                       }),
              HasSubstr("starts anew"));
}

// ---- which gates are named ----

/// Gates of one share each whose harm is what they are told.
Driver at_one_stage(std::vector<GateRole> roles, Spending spending) {
  std::vector<StagedGate> gates;
  double protective = 0.0;
  for (const GateRole role : roles) protective += role == GateRole::protective ? 1.0 : 0.0;
  for (std::size_t i = 0; i < roles.size(); ++i) {
    gates.push_back(sum_gate(std::string(1, static_cast<char>('a' + i)), "latency",
                             {.guarantee = Guarantee::anytime}));
    gates[i].role = roles[i];
    if (roles[i] == GateRole::protective) {
      gates[i].budget_share = 0.05 / protective;
      gates[i].budget.false_alarm = gates[i].budget_share;
    }
  }
  std::vector<StagedStage> stages;
  stages.push_back(stage("10%", served(1'000), {.dwell = 30min, .timeout = 24h, .is_last = true}));
  return Driver(Engine(std::make_shared<StagedPolicy>(StagedParts{.name = "staged",
                                                                  .stages = std::move(stages),
                                                                  .gates = std::move(gates),
                                                                  .spending = spending})));
}

TEST(Holm, NamesAtAHaltWhatTheSharesOfTheFailedLeave) {
  constexpr auto kProtective = GateRole::protective;
  for (const Spending spending : {Spending::split, Spending::holm}) {
    Driver driver = at_one_stage({kProtective, kProtective, kProtective}, spending);
    driver.confirm(0s);
    driver.tell(at(5min), samples(1, 0, 0.95));  // of ln 60; half the budget needs .901 of it
    EXPECT_EQ(driver.tell(at(5min), samples(2, 0, 0.5)).action, Action::hold);
    const Decision decision = driver.tell(at(5min), samples(0, 0, 1.0));
    EXPECT_EQ(decision.action, Action::halt);
    EXPECT_EQ(decision.failing, spending == Spending::holm ? 0b011U : 0b001U);
    EXPECT_EQ(decision.undecided, ~decision.failing & 0b111U);
  }
}

TEST(Holm, NeverHaltsSooner) {
  constexpr auto kProtective = GateRole::protective;
  Driver driver = at_one_stage({kProtective, kProtective}, Spending::holm);
  driver.confirm(0s);
  driver.tell(at(5min), samples(0, 0, 0.99));
  EXPECT_EQ(driver.tell(at(5min), samples(1, 0, 0.99)).action, Action::hold);
}

// Claim: as in GrowthBook's ramp evaluator, protective verdicts come before advisory ones and before
// everything that merely holds.
TEST(GuardOrder, ProtectiveVerdictsComeBeforeAdvisoryOnesAndBeforeHolds) {
  Driver driver = at_one_stage({GateRole::advisory, GateRole::protective, GateRole::protective},
                               Spending::split);
  driver.confirm(0s);
  Decision decision = driver.tell(at(5min), samples(0, 0, 2.0));
  EXPECT_EQ(decision.action, Action::hold) << "an advisory gate halts nothing";
  EXPECT_EQ(decision.failing, 0b001U);
  decision = driver.tell(at(21h), samples(2, 240, 1.0));  // while others are silent, unheard
  EXPECT_EQ(decision.action, Action::halt);
  EXPECT_EQ(decision.cause, Cause::gate_failed);
  EXPECT_EQ(decision.failing, 0b101U);
  EXPECT_THAT(names_by_weight(driver.engine.policy(), decision.failing), ElementsAre("c", "a"));
  EXPECT_THAT(names_by_weight(driver.engine.policy(), 0b110U), ElementsAre("b", "c"));
}

}  // namespace
}  // namespace gatewright
