#include "policies/compile.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>

#include "policies/plan_encoding.h"
#include "tests/unit/policies/fakes.h"

namespace gatewright {
namespace {

using namespace testing;

[[nodiscard]] std::string text_of(const Diagnostics& diagnostics) {
  std::string text;
  for (const Diagnostic& each : diagnostics)
    text += std::to_string(static_cast<int>(each.severity)) + ' ' + each.path + ": " +
            each.message + '\n';
  return text;
}

/// The message of the one diagnostic of that severity at `path`; fails the test if there is none.
[[nodiscard]] std::string message_at(const Compiled& compiled, const std::string& path,
                                     Severity severity) {
  for (const Diagnostic& each : compiled.diagnostics)
    if (each.path == path && each.severity == severity) return each.message;
  ADD_FAILURE() << "nothing at " << path << " in\n" << text_of(compiled.diagnostics);
  return {};
}

/// Compiles the example plan after `change` and expects an error at `path`.
template <class Change>
std::string error_at(const std::string& path, Change change) {
  PlanSpec plan = example_plan();
  change(plan);
  const Compiled compiled = compile(plan);
  EXPECT_FALSE(compiled.engine.has_value()) << path;
  return message_at(compiled, path, Severity::error);
}

template <class Change>
std::string other_at(Severity severity, const std::string& path, Change change) {
  PlanSpec plan = example_plan();
  change(plan);
  const Compiled compiled = compile(plan);
  EXPECT_TRUE(compiled.engine.has_value()) << text_of(compiled.diagnostics);
  return message_at(compiled, path, severity);
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(Compile, AGoodPlanBecomesAnEngine) {
  const PlanSpec plan = example_plan();
  const Compiled compiled = compile(plan);
  ASSERT_TRUE(compiled.engine.has_value()) << text_of(compiled.diagnostics);
  EXPECT_EQ(compiled.engine->plan_digest(), plan_digest(plan));
  const Policy& policy = compiled.engine->policy();
  EXPECT_EQ(policy.name(), "example");
  ASSERT_EQ(policy.stages().size(), 4U);
  EXPECT_EQ(policy.stages()[0].exposure, mirrored(500));
  EXPECT_EQ(policy.stages()[2].exposure, served(2'500));
  ASSERT_EQ(policy.probes().size(), 4U);
  EXPECT_EQ(policy.probes()[0].statistic.kind, Statistic::Kind::mean_log);
  EXPECT_EQ(policy.probes()[0].every, 5min) << "the plan's";
  EXPECT_EQ(policy.probes()[0].window, 5min) << "one look's";
  EXPECT_EQ(policy.probes()[2].form, Form::distributions);
  EXPECT_EQ(policy.probes()[3].form, Form::readings);
  EXPECT_EQ(policy.gate_names()[3], "cpu");
}

TEST(Compile, EveryShareInWholeBasisPointsIsExact) {
  PlanSpec plan;
  for (int points = 0; points <= 10'000; ++points) {
    plan.stages = {{.name = "only", .served = points / 10'000.0, .dwell = 1min}};
    const Compiled compiled = compile(plan);
    ASSERT_TRUE(compiled.engine.has_value()) << points;
    ASSERT_EQ(compiled.engine->policy().stages()[0].exposure.served, points);
  }
}

TEST(Compile, DefaultsAreFilledInOnce) {
  PlanSpec plan = example_plan();
  plan.gates[0].every = 20min;
  plan.gates[2].window = 1h;
  const Compiled compiled = compile(plan);
  ASSERT_TRUE(compiled.engine.has_value());
  const auto probes = compiled.engine->policy().probes();
  EXPECT_EQ(probes[0].window, 20min);
  EXPECT_EQ(probes[2].every, 5min);
  EXPECT_EQ(probes[2].window, 1h);
  Driver driver(*compiled.engine);
  // Silence after three windows and at least ten minutes: 15 min, 60 min, and 3 h for the long
  // window.
  EXPECT_EQ(driver.tick(15min).silent, 0b1010U);
  EXPECT_EQ(driver.tick(60min).silent, 0b1011U);
  EXPECT_EQ(driver.tick(3h).silent, 0b1111U);
  EXPECT_EQ(driver.tick(24h - 1ns).action, Action::hold) << "ten dwells, at least 24 h";
  EXPECT_EQ(driver.tick(24h).cause, Cause::stage_timeout);
}

TEST(Compile, StagesMustMakeARisingRamp) {
  EXPECT_NE(error_at("stages", [](PlanSpec& p) { p.stages.clear(); }).find("at least one"),
            std::string::npos);
  error_at("stages.1%.exposure", [](PlanSpec& p) { p.stages[1].served = 1.01; });
  error_at("stages.1%.exposure", [](PlanSpec& p) { p.stages[1].served = -0.01; });
  error_at("stages.1%.exposure", [](PlanSpec& p) { p.stages[1].served = kNan; });
  error_at("stages.1%.exposure", [](PlanSpec& p) { p.stages[1].served = 0.00015; });
  error_at("stages.shadow.mirrored", [](PlanSpec& p) { p.stages[0].mirrored = 1.5; });
  error_at("stages.100%.mirrored", [](PlanSpec& p) { p.stages[3].mirrored = 0.1; });
  error_at("stages.25%.exposure", [](PlanSpec& p) { p.stages[2].served = 0.005; });
  error_at("stages.25%.exposure", [](PlanSpec& p) { p.stages[2].served = 0.01; });
  error_at("stages.1%.exposure", [](PlanSpec& p) { p.stages[1].served = 0.0; });
  error_at("stages.1%.name", [](PlanSpec& p) { p.stages[2].name = "1%"; });
  error_at("stages.2.name", [](PlanSpec& p) { p.stages[2].name.clear(); });
  error_at("stages", [](PlanSpec& p) {
    p.stages.clear();
    for (int i = 0; i < 65; ++i)
      p.stages.push_back({.name = std::to_string(i), .served = i / 100.0, .dwell = 1min});
  });
}

TEST(Compile, MirroredTrafficMayRiseBeforeAnythingIsServed) {
  PlanSpec plan = example_plan();
  plan.stages.insert(plan.stages.begin() + 1,
                     StageSpec{.name = "more shadow", .mirrored = 0.2, .dwell = 1h});
  EXPECT_TRUE(compile(plan).engine.has_value());
}

TEST(Compile, DurationsMustBePositiveAndPossible) {
  error_at("stages.1%.dwell", [](PlanSpec& p) { p.stages[1].dwell = 0s; });
  error_at("stages.1%.dwell", [](PlanSpec& p) { p.stages[1].dwell = -1s; });
  error_at("stages.1%.dwell", [](PlanSpec& p) { p.stages[1].dwell = Duration::max(); });
  error_at("stages.1%.timeout", [](PlanSpec& p) { p.stages[1].timeout = 30min; });
  error_at("stages.1%.timeout", [](PlanSpec& p) { p.stages[1].timeout = Duration::max(); });
  error_at("every", [](PlanSpec& p) { p.every = 0s; });
  error_at("gates.cost.every", [](PlanSpec& p) { p.gates[0].every = -1s; });
  error_at("gates.cost.every", [](PlanSpec& p) { p.gates[0].every = Duration::max(); });
  error_at("gates.cost.window", [](PlanSpec& p) { p.gates[0].window = 0s; });
  error_at("gates.cost.initial_delay", [](PlanSpec& p) { p.gates[0].initial_delay = -1s; });
  error_at("gates.cost.silence", [](PlanSpec& p) { p.gates[0].silence = 0s; });
}

TEST(Compile, GatesMustNameKnownThings) {
  EXPECT_NE(error_at("gates.cost.metric", [](PlanSpec& p) { p.gates[0].metric = "cots"; })
                .find("did you mean cost?"),
            std::string::npos);
  EXPECT_NE(error_at("gates.cost.test", [](PlanSpec& p) { p.gates[0].test.name = "normal_mixtur"; })
                .find("did you mean normal_mixture?"),
            std::string::npos);
  EXPECT_NE(error_at("gates.cost.test", [](PlanSpec& p) { p.gates[0].test.name = "oracle"; })
                .find("there are "),
            std::string::npos);
  error_at("gates.cost.name", [](PlanSpec& p) { p.gates[1].name = "cost"; });
  error_at("gates.1.name", [](PlanSpec& p) { p.gates[1].name.clear(); });
  error_at("gates", [](PlanSpec& p) {
    const GateSpec gate = p.gates[2];
    p.gates.clear();
    for (int i = 0; i < 65; ++i) {
      p.gates.push_back(gate);
      p.gates.back().name = std::to_string(i);
    }
  });
  error_at("gates.cost.budget_share", [](PlanSpec& p) { p.gates[0].budget_share = 0.0; });
  error_at("gates.cost.budget_share", [](PlanSpec& p) { p.gates[0].budget_share = kNan; });
}

TEST(Compile, AGateOfASegmentAsksForThatSegment) {
  PlanSpec plan = example_plan();
  plan.gates[0].segment = "premium";
  const Compiled compiled = compile(plan);
  ASSERT_TRUE(compiled.engine.has_value());
  EXPECT_EQ(compiled.engine->policy().probes()[0].segment, "premium");
  EXPECT_EQ(compiled.engine->policy().probes()[1].segment, "");
  EXPECT_NE(plan_digest(plan), plan_digest(example_plan()));
}

TEST(Compile, ReadingsOfServersAreOfNoSegment) {
  EXPECT_EQ(error_at("gates.cpu.segment", [](PlanSpec& p) { p.gates[3].segment = "premium"; }),
            "cpu is read of servers, whose requests are of all segments");
}

TEST(Compile, SixtyFourGatesAndStagesAreAllowed) {
  PlanSpec plan = example_plan();
  const GateSpec gate = plan.gates[2];
  plan.gates.clear();
  plan.stages.clear();
  plan.false_alarm_budget.reset();
  for (int i = 0; i < 64; ++i) {
    plan.gates.push_back(gate);
    plan.gates.back().name = std::to_string(i);
    plan.stages.push_back({.name = std::to_string(i), .served = (i + 1) / 100.0, .dwell = 1min});
  }
  EXPECT_TRUE(compile(plan).engine.has_value());
}

TEST(Compile, HarmMustMakeSenseForItsMetric) {
  const auto harm = [](auto change) {
    return [change](PlanSpec& p) { change(p.gates[0].harm, p.gates[0]); };
  };
  error_at("gates.cost.harm", harm([](HarmSpec& h, GateSpec&) { h.margin = kNan; }));
  error_at("gates.cost.harm", harm([](HarmSpec& h, GateSpec&) { h.margin = 0.0; }));
  error_at("gates.cost.harm", harm([](HarmSpec& h, GateSpec& g) {
             g.test = {};
             h = {.kind = HarmSpec::Kind::quantile, .probability = 1.0, .margin = 1.5};
           }));
  error_at("gates.errors.harm", [](PlanSpec& p) {
    p.gates[1].test = {};
    p.gates[1].harm = {.kind = HarmSpec::Kind::quantile, .probability = 0.99};
  });
  error_at("gates.cpu.harm", [](PlanSpec& p) {
    p.gates[3].harm = {.kind = HarmSpec::Kind::quantile, .probability = 0.99};
  });
  error_at("gates.errors.harm", [](PlanSpec& p) {
    p.gates[1].test = {};
    p.gates[1].harm = {.relation = HarmSpec::Relation::absolute, .margin = 1.2};
  });
}

TEST(Compile, OnePlaceIsComplainedAboutOnce) {
  PlanSpec plan = example_plan();
  plan.gates[0].harm.margin = -1.0;
  const Compiled compiled = compile(plan);
  EXPECT_EQ(std::ranges::count(compiled.diagnostics, "gates.cost.harm", &Diagnostic::path), 1);
}

TEST(Compile, AWarningDoesNotSilenceTheError) {
  // A difference of none is doubtful as such, and beta_binomial_mixture cannot weigh one at all.
  const auto message = error_at("gates.errors.harm", [](PlanSpec& plan) {
    plan.gates[1].harm = {.relation = HarmSpec::Relation::difference, .margin = 0.0};
    plan.gates[1].test = {.name = "beta_binomial_mixture", .parameters = {}};
  });
  EXPECT_NE(message.find("needs a ratio"), std::string::npos) << message;
}

TEST(Compile, TheGuaranteeIsThatOfTheTestAsMade) {
  PlanSpec plan = example_plan();
  plan.false_alarm_budget = 0.05;
  plan.gates = {plan.gates[0]};
  plan.gates[0].metric = "error";
  plan.gates[0].harm = {.relation = HarmSpec::Relation::ratio, .margin = 1.5};
  plan.gates[0].test = {.name = "two_proportion_z", .parameters = {}};
  EXPECT_EQ(budget_split(plan)[0].guarantee, "none");
  EXPECT_EQ(budget_split(plan)[0].false_alarm, 0.0);
  plan.gates[0].test.parameters["looks"] = 5.0;
  EXPECT_EQ(budget_split(plan)[0].guarantee, "fixed_looks");
  EXPECT_EQ(budget_split(plan)[0].false_alarm, 0.05);
}

TEST(Compile, DoubtfulHarmIsRemarkedUpon) {
  other_at(Severity::warning, "gates.cost.harm", [](PlanSpec& p) { p.gates[0].harm.margin = 0.9; });
  other_at(Severity::note, "gates.cost.harm", [](PlanSpec& p) {
    p.gates[0].harm.direction = Direction::down;
    p.gates[0].harm.margin = 0.9;
  });
}

TEST(Compile, TestParametersAreCheckedAgainstTheCatalogue) {
  const auto set = [](std::string name, TestValue value) {
    return [=](PlanSpec& p) { p.gates[0].test.parameters[name] = value; };
  };
  EXPECT_NE(error_at("gates.cost.test.scal", set("scal", std::string("log"))).find("scale"),
            std::string::npos);
  EXPECT_NE(
      error_at("gates.cost.test.scale", set("scale", std::string("cubic"))).find("linear, log"),
      std::string::npos);
  error_at("gates.cost.test.scale", set("scale", 1.0));
  error_at("gates.cost.test.scale", set("scale", true));
  error_at("gates.cost.test.tightest_at", set("tightest_at", 0.5));
  error_at("gates.cost.test.tightest_at", set("tightest_at", 10.5));
  error_at("gates.cost.test.tightest_at", set("tightest_at", kNan));
  error_at("gates.cost.test.tightest_at", set("tightest_at", Duration(1h)));
  const auto latency = [](std::string name, TestValue value) {
    return [=](PlanSpec& p) { p.gates[2].test.parameters[name] = value; };
  };
  error_at("gates.latency.test.after", latency("after", std::string("twice")));
  error_at("gates.latency.test.after", latency("after", 2.0));
  error_at("gates.latency.test.buckets", latency("buckets", 2.0));
}

TEST(Compile, EveryProblemIsReportedAtOnce) {
  PlanSpec plan = example_plan();
  plan.every = 0s;
  plan.missed_harm_budget = 2.0;
  plan.stages[1].dwell = 0s;
  plan.stages[2].served = 7.0;
  plan.gates[0].metric = "nothing";
  plan.gates[1].test.name = "nothing";
  plan.gates[2].test.parameters["after"] = 1.0;
  const Compiled compiled = compile(plan);
  for (const char* path : {"every", "missed_harm_budget", "stages.1%.dwell", "stages.25%.exposure",
                           "gates.cost.metric", "gates.errors.test", "gates.latency.test.after"})
    std::ignore = message_at(compiled, path, Severity::error);
}

TEST(Compile, MinSamplesNeedAGateThatCounts) {
  error_at("stages.100%.min_samples", [](PlanSpec& p) {
    p.gates.pop_back();  // the absolute one
    p.stages[3].min_samples = 10;
  });
}

TEST(Compile, WindowsThatAddUpMustNotOverlap) {
  EXPECT_NE(error_at("gates.cost.window", [](PlanSpec& p) { p.gates[0].window = 10min; })
                .find("again and again"),
            std::string::npos);
}

TEST(Compile, RemarksLeaveThePlanUsable) {
  const auto nothing = [](PlanSpec&) {};
  EXPECT_NE(other_at(Severity::note, "gates.cost", nothing).find("100%"), std::string::npos);
  EXPECT_NE(other_at(Severity::note, "gates.latency.test", nothing).find("no guarantee"),
            std::string::npos);
  other_at(Severity::warning, "stages.25%.exposure", [](PlanSpec& p) { p.stages.pop_back(); });
  other_at(Severity::note, "gates.cost.window", [](PlanSpec& p) { p.gates[0].every = 45min; });
  other_at(Severity::warning, "gates.cost.silence", [](PlanSpec& p) { p.gates[0].silence = 1min; });
  other_at(Severity::warning, "gates.cost.metric", [](PlanSpec& p) {
    p.gates[0].metric = "similarity";
    p.gates[0].test = {};
    p.gates[0].harm = {
        .relation = HarmSpec::Relation::absolute, .direction = Direction::down, .margin = 0.8};
    p.stages.erase(p.stages.begin());
  });
  other_at(Severity::warning, "gates", [](PlanSpec& p) {
    p.gates.clear();
    p.stages[1].min_samples = 0;
  });
  other_at(Severity::warning, "stages.shadow.exposure",
           [](PlanSpec& p) { p.stages[0].mirrored = 0.0; });
  other_at(Severity::note, "false_alarm_budget",
           [](PlanSpec& p) { p.gates.erase(p.gates.begin(), p.gates.begin() + 2); });
}

TEST(Compile, ARolloutWithoutGatesCompletesByDwelling) {
  PlanSpec plan;
  plan.stages = {{.name = "all", .served = 1.0, .dwell = 1h}};
  const Compiled compiled = compile(plan);
  ASSERT_TRUE(compiled.engine.has_value());
  Driver driver(*compiled.engine);
  driver.confirm(0s);
  EXPECT_EQ(driver.tick(1h).action, Action::complete);
}

// ---- budget ----

TEST(Compile, AGuaranteeNeedsABudget) {
  EXPECT_NE(error_at("false_alarm_budget", [](PlanSpec& p) { p.false_alarm_budget.reset(); })
                .find("cost (normal_mixture)"),
            std::string::npos);
  for (const double wrong : {0.0, 1.0, -0.1, kNan}) {
    error_at("false_alarm_budget", [=](PlanSpec& p) { p.false_alarm_budget = wrong; });
    error_at("missed_harm_budget", [=](PlanSpec& p) { p.missed_harm_budget = wrong; });
  }
  PlanSpec plan = example_plan();
  plan.gates.erase(plan.gates.begin(), plan.gates.begin() + 2);
  plan.false_alarm_budget.reset();
  EXPECT_TRUE(compile(plan).engine.has_value()) << "bare thresholds need none";
}

TEST(Compile, TheBudgetIsSplitOverGatesThatKeepARate) {
  PlanSpec plan = example_plan();
  plan.gates[0].budget_share = 3.0;
  plan.gates[1].evidence = EvidenceSpan::stage;
  const auto rows = budget_split(plan);
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0].gate, "cost");
  EXPECT_EQ(rows[0].guarantee, "anytime");
  EXPECT_DOUBLE_EQ(rows[0].false_alarm, 0.0375);
  EXPECT_EQ(rows[0].stages, 3U);
  EXPECT_EQ(rows[0].spent_over, 1U);
  EXPECT_DOUBLE_EQ(rows[1].false_alarm, 0.0125);
  EXPECT_EQ(rows[1].spent_over, 3U);
  EXPECT_EQ(rows[2].guarantee, "none");
  EXPECT_EQ(rows[2].false_alarm, 0.0);
  EXPECT_EQ(rows[3].stages, 4U);
}

TEST(Compile, AdvisoryAndNeverMeasuredGatesSpendNothing) {
  PlanSpec plan = example_plan();
  plan.gates[0].role = GateRole::advisory;
  EXPECT_EQ(budget_split(plan)[0].false_alarm, 0.0);
  EXPECT_EQ(budget_split(plan)[1].false_alarm, 0.05);
  plan.gates[0] = example_plan().gates[0];
  plan.gates[0].metric = "thumbs_up";
  plan.gates[0].test.parameters.clear();
  plan.gates[0].harm = {.direction = Direction::down, .margin = 0.5};
  plan.stages = {{.name = "shadow", .mirrored = 0.05, .dwell = 1h}};
  EXPECT_EQ(budget_split(plan)[0].stages, 0U);
  EXPECT_EQ(budget_split(plan)[0].false_alarm, 0.0);
  EXPECT_EQ(budget_split(plan)[1].false_alarm, 0.05);
}

TEST(Compile, ABudgetSplitOfABrokenPlanStillHasARowPerGate) {
  PlanSpec plan = example_plan();
  plan.gates[0].metric = "nothing";
  plan.gates[1].test.name = "nothing";
  EXPECT_EQ(budget_split(plan).size(), 4U);
}

// ---- A/B tests of stages ----

[[nodiscard]] PlanSpec plan_with_test(AbSpec ab = {.metric = "quality",
                                                   .min_effect = 0.02,
                                                   .spread = 0.19}) {
  PlanSpec plan = example_plan();
  plan.stages[2].ab = std::move(ab);
  return plan;
}

TEST(Compile, AStagesTestIsAGateOfThatStageWhoseSizeIsKnownBefore) {
  const PlanSpec plan = plan_with_test();
  const Compiled compiled = compile(plan);
  ASSERT_TRUE(compiled.engine.has_value()) << text_of(compiled.diagnostics);
  EXPECT_EQ(compiled.engine->plan_digest(), plan_digest(plan));
  const Policy& policy = compiled.engine->policy();
  ASSERT_EQ(policy.gate_names().size(), plan.gates.size() + 1);
  EXPECT_EQ(policy.gate_names().back(), "ab 25%");
  EXPECT_EQ(policy.probes().back().metric, "quality");
  // 2 ((1.95996 + 0.84162) 0.19 / 0.02)^2 = 1416.7.
  EXPECT_EQ(
      message_at(compiled, "stages.25%.ab", Severity::note),
      "needs 1417 requests per arm to see a difference of 0.02 with a power of 80% at 5%; the "
      "stage is not left before");
  // Half of alpha is the test's own; the rest is split as before.
  const std::vector<BudgetRow> rows = budget_split(plan);
  ASSERT_EQ(rows.size(), plan.gates.size() + 1);
  EXPECT_EQ(rows.back().test, "ab_test");
  EXPECT_DOUBLE_EQ(rows.back().false_alarm, 0.025);
  EXPECT_DOUBLE_EQ(rows[0].false_alarm + rows[1].false_alarm, 0.025);
}

TEST(Compile, SegmentsOfATestHaveOneEachAndShareItsAlpha) {
  AbSpec ab{.metric = "quality", .min_effect = 0.02, .spread = 0.19};
  ab.segments = {"premium"};
  const PlanSpec plan = plan_with_test(ab);
  const Compiled compiled = compile(plan);
  ASSERT_TRUE(compiled.engine.has_value()) << text_of(compiled.diagnostics);
  const auto names = compiled.engine->policy().gate_names();
  const auto probes = compiled.engine->policy().probes();
  ASSERT_EQ(names.size(), plan.gates.size() + 2);
  EXPECT_EQ(names[names.size() - 2], "ab 25%");
  EXPECT_EQ(names.back(), "ab 25% premium");
  EXPECT_EQ(probes[names.size() - 2].segment, "");
  EXPECT_EQ(probes.back().segment, "premium");
  // 2 ((2.24140 + 0.84162) 0.19 / 0.02)^2 = 1715.6.
  EXPECT_EQ(message_at(compiled, "stages.25%.ab", Severity::note),
            "needs 1716 requests per arm, of all users and of each segment, to see a difference of "
            "0.02 with a power of 80% at 2.5%; the stage is not left before");
  const std::vector<BudgetRow> rows = budget_split(plan);
  EXPECT_DOUBLE_EQ(rows.back().false_alarm, 0.0125);
  EXPECT_DOUBLE_EQ(rows[rows.size() - 2].false_alarm, 0.0125);
  EXPECT_DOUBLE_EQ(rows[0].false_alarm + rows[1].false_alarm, 0.025);
}

TEST(Compile, SizesOfRatesFollowTheFormulaThatIsAskedFor) {
  const auto note = [](AbSpec ab) {
    return message_at(compile(plan_with_test(std::move(ab))), "stages.25%.ab", Severity::note);
  };
  AbSpec rates{.metric = "refusal", .min_effect = 0.01, .rate = 0.02};
  EXPECT_TRUE(note(rates).starts_with("needs 3826 requests per arm")) << note(rates);
  rates.sample_size = SampleSizeBy::arcsine;
  EXPECT_TRUE(note(rates).starts_with("needs 3789 requests per arm")) << note(rates);
  // Of 84% and 88%, at 2 points from 86%, the one nearer to a half needs more.
  const AbSpec high{.metric = "refusal", .min_effect = 0.02, .rate = 0.86};
  const AbSpec low{.metric = "refusal", .min_effect = 0.02, .rate = 0.84};
  EXPECT_NE(note(high), note(low));
}

TEST(Compile, RefusesTestsThatCannotBe) {
  const auto refused = [](const char* path, auto change) {
    PlanSpec plan = plan_with_test();
    change(plan, *plan.stages[2].ab);
    const Compiled compiled = compile(plan);
    EXPECT_FALSE(compiled.engine.has_value()) << path;
    return message_at(compiled, path, Severity::error);
  };
  refused("stages.25%.ab.metric", [](PlanSpec&, AbSpec& ab) { ab.metric = "qualty"; });
  refused("stages.25%.ab.alpha", [](PlanSpec&, AbSpec& ab) { ab.alpha = 0.0; });
  refused("stages.25%.ab.power", [](PlanSpec&, AbSpec& ab) { ab.power = 1.0; });
  refused("stages.25%.ab.min_effect", [](PlanSpec&, AbSpec& ab) { ab.min_effect = -1.0; });
  refused("stages.25%.ab.spread", [](PlanSpec&, AbSpec& ab) { ab.spread.reset(); });
  refused("stages.25%.ab.rate", [](PlanSpec&, AbSpec& ab) { ab.metric = "error"; });
  refused("stages.25%.ab.segments", [](PlanSpec&, AbSpec& ab) { ab.segments = {"a", "a"}; });
  refused("stages.25%.ab.segments", [](PlanSpec&, AbSpec& ab) { ab.segments = {""}; });
  refused("stages.25%.ab.min_effect",
          [](PlanSpec&, AbSpec& ab) { ab = {.metric = "error", .min_effect = 0.9, .rate = 0.3}; });
  // Equal arms would be halted more often than the plan allows.
  refused("false_alarm_budget", [](PlanSpec& plan, AbSpec&) { plan.false_alarm_budget = 0.02; });
  // Where everybody is served, or nobody sees the answers, there is nothing to compare.
  refused("stages.100%.ab", [](PlanSpec& plan, AbSpec& ab) {
    plan.stages[3].ab = ab;
    plan.stages[2].ab.reset();
  });
  refused("stages.100%.advance_when",
          [](PlanSpec& plan, AbSpec&) { plan.stages[3].advance_when = AdvanceWhen::winner; });
}

// ---- pairs ----

TEST(Compile, GatesOfPairsAreMeasuredWhereTrafficIsMirrored) {
  PlanSpec plan = example_plan();
  plan.gates[1].test.name = "paired_rate";
  const auto stages_of = [](const PlanSpec& of) { return budget_split(of)[1].stages; };
  EXPECT_EQ(stages_of(plan), 1U);
  EXPECT_EQ(stages_of(example_plan()), 3U);
  plan.stages.erase(plan.stages.begin());
  EXPECT_EQ(message_at(compile(plan), "gates.errors.metric", Severity::warning),
            "error_or_refusal is never measured: it needs a stage with mirrored traffic");
}

// ---- noise floors ----

TEST(Compile, ANoiseFloorMovesTheEdgeAndTakesHalfOfTheErrorsItMayExceed) {
  PlanSpec plan = example_plan();
  const auto bound = [&] {
    plan.gates[0].noise_floor = {.size = 0.05};
    return weighed_gates(plan);
  }();
  ASSERT_EQ(bound.size(), 4U);
  EXPECT_NEAR(bound[0].edge.margin, 1.2 * 1.05, 1e-12);
  EXPECT_EQ(bound[0].budget.false_alarm, 0.025);
  EXPECT_EQ(bound[1].edge.margin, 2.0);
  plan.gates[0].noise_floor = {.kind = NoiseFloor::Kind::sd, .size = 0.02};
  const auto spread = weighed_gates(plan);
  ASSERT_EQ(spread.size(), 4U);
  EXPECT_EQ(spread[0].budget.false_alarm, 0.0125);
  EXPECT_NEAR(spread[0].edge.margin, 1.2 * std::exp(0.02 * std::sqrt(2.0) * 2.2414027), 1e-8);
  EXPECT_EQ(budget_split(plan)[0].false_alarm, 0.025);
}

TEST(Compile, AMarginInsideTheNoiseFloorIsRefused) {
  const std::string message = error_at(
      "gates.cost.harm", [](PlanSpec& plan) { plan.gates[0].noise_floor = {.size = 0.25}; });
  EXPECT_NE(message.find("inside the noise floor"), std::string::npos) << message;
  EXPECT_NE(message.find("25%"), std::string::npos) << message;
  error_at("gates.cost.harm", [](PlanSpec& plan) {
    plan.gates[0].noise_floor = {.kind = NoiseFloor::Kind::sd, .size = 0.07};
  });
}

TEST(Compile, ANoiseFloorNeedsAPromiseAndAnEdge) {
  const auto floor_of = [](std::size_t gate, const NoiseFloor& floor) {
    return [=](PlanSpec& plan) { plan.gates[gate].noise_floor = floor; };
  };
  EXPECT_NE(error_at("gates.latency.noise_floor", floor_of(2, {.size = 0.1})).find("no guarantee"),
            std::string::npos);
  EXPECT_NE(error_at("gates.cost.noise_floor", floor_of(0, {.size = -0.1})).find("above 0"),
            std::string::npos);
  EXPECT_NE(error_at("gates.cost.noise_floor",
                     [](PlanSpec& plan) {
                       plan.gates[0].harm = {.kind = HarmSpec::Kind::distribution,
                                             .relation = HarmSpec::Relation::difference,
                                             .margin = 0.1};
                       plan.gates[0].test = {.name = "dkw_sequence"};
                       plan.gates[0].noise_floor = {.size = 0.05};
                     })
                .find("add up"),
            std::string::npos);
  EXPECT_NE(error_at("gates.cost.noise_floor",
                     [](PlanSpec& plan) {
                       plan.gates[0].test = {.name = "cusum"};
                       plan.gates[0].noise_floor = {.kind = NoiseFloor::Kind::sd, .size = 0.01};
                     })
                .find("bound"),
            std::string::npos);
}

TEST(Compile, AnEdgeThatTheFloorMovesOutOfItsScaleIsRefused) {
  const std::string message = error_at("gates.errors.noise_floor", [](PlanSpec& plan) {
    plan.gates[1].harm = {.relation = HarmSpec::Relation::absolute, .margin = 0.02};
    plan.gates[1].noise_floor = {.size = 0.03};
  });
  EXPECT_NE(message.find("moves the edge to"), std::string::npos) << message;
}

}  // namespace
}  // namespace gatewright
