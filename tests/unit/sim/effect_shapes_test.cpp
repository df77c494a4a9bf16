#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "sim/effects/effect_table.h"
#include "sim/world.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

/// How much of a latency effect of +100% is there.
double size(const Effect& effect, double seconds, const ExposureHistory& history = {}) {
  const std::vector<Effect> effects = {effect};
  return EffectTable(effects)
             .at(kCandidateArm, WorldMetric::latency, seconds, 0, history)
             .multiply -
         1.0;
}

Effect doubled() { return effect("latency", 2.0); }

ExposureSegment segment(Duration from, std::uint16_t served, std::uint16_t mirrored = 0) {
  return {Instant{} + from,
          std::chrono::duration<double>(from).count(),
          {.served = served, .mirrored = mirrored}};
}

TEST(EffectShapes, AnEffectThatLastsFadesLinearlyAndIsGone) {
  Effect incident = doubled();
  incident.from = 100s;
  incident.ramp_in = 50s;
  incident.lasts = 200s;
  incident.fade = 100s;
  EXPECT_EQ(size(incident, 99.0), 0.0);
  EXPECT_DOUBLE_EQ(size(incident, 125.0), 0.5);
  EXPECT_EQ(size(incident, 150.0), 1.0);
  EXPECT_EQ(size(incident, 350.0), 1.0);
  EXPECT_DOUBLE_EQ(size(incident, 375.0), 0.75);
  EXPECT_EQ(size(incident, 450.0), 0.0);
  incident.fade = 0s;
  EXPECT_EQ(size(incident, 349.0), 1.0);
  EXPECT_EQ(size(incident, 350.0), 0.0);
}

TEST(EffectShapes, ALeakGoesOnGrowingAtThePaceOfItsRamp) {
  Effect leak = doubled();
  leak.ramp_in = 100s;
  leak.grows_on = true;
  EXPECT_DOUBLE_EQ(size(leak, 50.0), 0.5);
  EXPECT_DOUBLE_EQ(size(leak, 100.0), 1.0);
  EXPECT_DOUBLE_EQ(size(leak, 350.0), 3.5);
  leak.lasts = 100s;  // then a restart
  EXPECT_DOUBLE_EQ(size(leak, 199.0), 1.99);
  EXPECT_EQ(size(leak, 200.0), 0.0);
}

TEST(EffectShapes, WhatShrinksForeverEndsAtNothing) {
  Effect leak = effect("latency", 0.5);
  leak.ramp_in = 100s;
  leak.grows_on = true;
  EXPECT_EQ(size(leak, 1'000.0), -1.0);
}

TEST(EffectShapes, APeriodicEffectActsForTheFirstPartOfEveryPeriod) {
  Effect nightly = doubled();
  nightly.from = 10s;
  nightly.periodic = {.period = 60s, .on = 15s};
  for (const double start : {10.0, 70.0, 670.0}) {
    EXPECT_EQ(size(nightly, start - 0.5), 0.0) << start;
    EXPECT_EQ(size(nightly, start), 1.0) << start;
    EXPECT_EQ(size(nightly, start + 14.5), 1.0) << start;
    EXPECT_EQ(size(nightly, start + 15.0), 0.0) << start;
  }
  const std::vector<Effect> effects = {nightly};
  const EffectTable table(effects);
  const auto constant = [&](double first, double last) {
    return table.is_alike(kCandidateArm, WorldMetric::latency, first, last);
  };
  EXPECT_TRUE(constant(0.0, 9.0));
  EXPECT_TRUE(constant(11.0, 24.0));
  EXPECT_TRUE(constant(26.0, 39.0));
  EXPECT_FALSE(constant(24.0, 26.0));
  EXPECT_FALSE(constant(12.0, 72.0)) << "on at both ends and off between them";
}

TEST(EffectShapes, ClocksCountFromExposure) {
  const std::vector<ExposureSegment> ramp = {segment(0s, 0), segment(100s, 0, 500),
                                             segment(200s, 100), segment(300s, 5'000),
                                             segment(400s, 0)};
  const ExposureHistory history(ramp);
  Effect late = doubled();
  late.from = 50s;
  EXPECT_EQ(size(late, 60.0, history), 1.0);
  late.since = EffectClock::first_exposure;  // mirrored from 100 s
  EXPECT_EQ(size(late, 149.0, history), 0.0);
  EXPECT_EQ(size(late, 150.0, history), 1.0);
  late.since = EffectClock::served;
  late.since_served = 0.5;
  EXPECT_EQ(size(late, 349.0, history), 0.0);
  EXPECT_EQ(size(late, 350.0, history), 1.0);
  EXPECT_EQ(size(late, 500.0, history), 1.0) << "a clock that began runs on";
  late.since_served = 0.6;
  EXPECT_EQ(size(late, 1e9, history), 0.0) << "never reached";
  EXPECT_EQ(size(late, 1e9), 0.0) << "never exposed";
}

TEST(EffectShapes, AnOverloadActsWhileTheServedShareIsHighEnough) {
  const std::vector<ExposureSegment> ramp = {segment(0s, 0), segment(100s, 1'000),
                                             segment(200s, 2'500), segment(300s, 1'000)};
  const ExposureHistory history(ramp);
  Effect overload = doubled();
  overload.above_served = 0.25;
  EXPECT_EQ(size(overload, 199.0, history), 0.0);
  EXPECT_EQ(size(overload, 200.0, history), 1.0);
  EXPECT_EQ(size(overload, 300.0, history), 0.0);
  const std::vector<Effect> effects = {overload};
  const EffectTable table(effects);
  EXPECT_TRUE(table.depends_on_exposure());
  EXPECT_TRUE(table.is_alike(kCandidateArm, WorldMetric::latency, 201.0, 299.0, history));
  EXPECT_FALSE(table.is_alike(kCandidateArm, WorldMetric::latency, 299.0, 300.0, history));
}

TEST(EffectShapes, EffectsActOnTheArmsTheySay) {
  std::vector<Effect> effects = {effect("latency", 2.0), effect("latency", 3.0),
                                 effect("latency", 5.0)};
  effects[1].arms = EffectArms::baseline;
  effects[2].arms = EffectArms::both;
  const EffectTable table(effects);
  EXPECT_EQ(table.at(kCandidateArm, WorldMetric::latency, 0.0).multiply, 10.0);
  EXPECT_EQ(table.at(kBaselineArm, WorldMetric::latency, 0.0).multiply, 15.0);
}

TEST(EffectShapes, HarmIsFoundInTheLongestStretches) {
  std::vector<Effect> effects = {doubled(), effect("cost", 1.5), effect("quality", 1.0, 0.1)};
  effects[0].from = 10s;
  effects[0].periodic = {.period = 60s, .on = 20s};
  effects[0].lasts = 100s;
  effects[1].from = 30s;
  effects[1].lasts = 15s;
  effects[1].fade = 5s;
  const EffectTable table(effects);  // 10..30 and 70..90 by latency, 30..50 by cost
  const auto next = [&](Duration from, Duration to) {
    return table.next_harm({Instant{} + from, Instant{} + to}, {});
  };
  const auto first = next(0s, 1h);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->from, Instant{} + 10s);
  EXPECT_EQ(first->to, Instant{} + 50s) << "where one effect hands over to the next is no gap";
  const auto second = next(50s, 80s);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->from, Instant{} + 70s);
  EXPECT_EQ(second->to, Instant{} + 80s);
  EXPECT_FALSE(next(90s, 1h)) << "the second period's remainder and the third lie beyond the end";
  EXPECT_FALSE(next(0s, 10s));
}

// ---- in the world ----

constexpr Wants kBothArms = kWantUsers | kWantInput | kWantHarm | kWantSegment | kWantTenant |
                            want(kBaselineArm, 0x3F) | want(kCandidateArm, 0x3F);

struct Played {
  explicit Played(const Scenario& plain)
      : scenario(prepared(plain)), world(std::make_unique<World>(*scenario)) {
    world->start({3, 1});
    world->advance();
  }
  const Columns& fill(const ExposureHistory& history = {}) {
    return world->fill(0, kBothArms, history);
  }
  std::shared_ptr<const PreparedScenario> scenario;
  std::unique_ptr<World> world;
};

Scenario segmented() {
  Scenario scenario = quiet_world();
  scenario.traffic.segments = {{"free", 0.8}, {"premium", 0.2}};
  scenario.traffic.tenants.count = 4;
  return scenario;
}

TEST(Conditions, ActOnTheRequestsTheyNameAndNoOthers) {
  Scenario scenario = segmented();
  scenario.effects = {effect("cost", 2.0), effect("cost", 3.0), effect("cost", 5.0)};
  scenario.effects[0].segment = "premium";
  scenario.effects[1].tenant = 2;
  scenario.effects[2].above_input_tokens = 500.0;
  scenario.effects[2].ramp_in = 60s;  // the third also grows from request to request
  Played with(scenario);
  Played without(healthy_twin(scenario));
  const Columns& a = with.fill();
  const Columns& b = without.fill();
  std::vector<int> seen(8);
  for (std::size_t i = 0; i < a.size; ++i) {
    const bool premium = a.segment[i] == 1;
    const bool second = a.tenant[i] == 2;
    const bool is_long = a.input_tokens[i] >= 500.0F;
    const double expected = (premium ? 2.0 : 1.0) * (second ? 3.0 : 1.0) *
                            (is_long ? 1.0 + 4.0 * a.at_seconds[i] / 60.0 : 1.0);
    ASSERT_NEAR(a.arm[1].cost[i] / b.arm[1].cost[i], expected, 1e-4 * expected);
    ASSERT_EQ(a.arm[0].cost[i], b.arm[0].cost[i]);
    ASSERT_EQ(a.harmed[i] != 0, premium || second || is_long);
    ++seen[(premium ? 1U : 0U) + (second ? 2U : 0U) + (is_long ? 4U : 0U)];
  }
  for (const int count : seen) EXPECT_GT(count, 0);
}

TEST(Conditions, AnswersDoNotDependOnWhetherHarmIsWanted) {
  Scenario scenario = segmented();
  scenario.effects = {effect("latency", 2.0)};
  scenario.effects[0].segment = "premium";
  Played all(scenario);
  Played few(scenario);
  const Columns& a = all.fill();
  const Columns& b = few.world->fill(0, want(kCandidateArm, kAnswers));
  for (std::size_t i = 0; i < a.size; ++i) ASSERT_EQ(a.arm[1].latency[i], b.arm[1].latency[i]);
}

TEST(WorldDrift, LongerPromptsCostBothArmsMore) {
  Scenario scenario = quiet_world();
  scenario.baseline.price.output_usd_per_token = 0.0;
  scenario.effects = {effect("input_tokens", 2.0)};
  scenario.effects[0].arms = EffectArms::both;
  Scenario same = scenario;
  same.effects.clear();
  Played with(scenario);
  Played without(same);
  const Columns& a = with.fill();
  const Columns& b = without.fill();
  for (std::size_t i = 0; i < a.size; ++i) {
    ASSERT_EQ(a.input_tokens[i], 2.0F * b.input_tokens[i]);
    for (const std::size_t arm : {0U, 1U})
      ASSERT_FLOAT_EQ(a.arm[arm].cost[i], 2.0F * b.arm[arm].cost[i]);
  }
  EXPECT_EQ(healthy_twin(scenario).effects.size(), 1U) << "the twin lives in the same world";
}

// ---- worlds that depend on the policy ----

Contender steps(std::vector<std::pair<Duration, std::uint16_t>> exposures) {
  Script script;
  script.stages.clear();
  for (const auto& [leave_at, served] : exposures) {
    script.stages.push_back({std::to_string(served), {.served = served}});
    script.leave_at.push_back(leave_at);
  }
  script.probes = {probe("latency", Statistic::Kind::mean)};
  return scripted(script);
}

TEST(PolicyDependentWorld, EachExposurePathHasItsOwnAndContendersDoNotMeet) {
  Scenario scenario = quiet_world();
  scenario.horizon = 1h;
  scenario.effects = {effect("latency", 2.0), effect("error", 1.0, 0.2)};
  scenario.effects[0].above_served = 0.5;
  scenario.effects[1].since = EffectClock::first_exposure;
  scenario.effects[1].from = 15min;
  // The same exposure from minute 10 on, reached on different ways; the last is like the first.
  const std::vector<Contender> field = {
      steps({{10min, 1'000}, {30min, 6'000}}), steps({{10min, 0}, {30min, 6'000}}),
      steps({{30min, 2'000}}), steps({{10min, 1'000}, {30min, 6'000}})};
  const auto ready = prepared(scenario);
  EXPECT_TRUE(World(*ready).depends_on_exposure());
  const std::vector<RunRecord> together = run(field, *ready, {7, 2});
  for (std::size_t i = 0; i < field.size(); ++i) {
    const std::vector<RunRecord> alone = run(std::span(&field[i], 1), *ready, {7, 2});
    EXPECT_EQ(together[i].fingerprint, alone[0].fingerprint) << i;
    EXPECT_EQ(together[i].impact.impacted_requests, alone[0].impact.impacted_requests) << i;
    EXPECT_EQ(together[i].impact.exposure_minutes, alone[0].impact.exposure_minutes) << i;
  }
  EXPECT_EQ(together[0].fingerprint, together[3].fingerprint);
  EXPECT_NE(together[0].impact.impacted_requests, together[1].impact.impacted_requests);
}

TEST(PolicyDependentWorld, DelayAndExposureCountFromWhenHarmSetInOnThisPath) {
  Scenario scenario = quiet_world();
  scenario.horizon = 2h;
  scenario.rollback.delay = {DelayLaw::Kind::fixed, 60.0, 0.0};
  scenario.effects = {effect("latency", 2.0)};
  scenario.effects[0].above_served = 0.5;
  Script script;
  script.stages = {{"10%", {.served = 1'000}}, {"60%", {.served = 6'000}}};
  script.leave_at = {20min};
  script.halt_at = 50min;
  const RunRecord record = play(scripted(script), scenario);
  EXPECT_EQ(record.outcome, Outcome::halted);
  EXPECT_EQ(record.detection_delay, Duration(29min)) << "60% hold from minute 21";
  EXPECT_NEAR(record.impact.exposure_minutes, 30.0 * 0.6, 1e-12)
      << "until the rollback of minute 51";
}

TEST(PolicyDependentWorld, SaysSoAmongTheNotes) {
  Scenario scenario = quiet_world();
  scenario.effects = {effect("latency", 2.0)};
  EXPECT_TRUE(prepare(scenario).notes.empty());
  scenario.effects[0].since = EffectClock::first_exposure;
  const Prepared made = prepare(scenario);
  ASSERT_EQ(made.notes.size(), 1U);
  EXPECT_NE(made.notes[0].find("depends on the policy"), std::string::npos);
}

// ---- rules ----

struct Mistake {
  std::string path;
  void (*make)(Effect&);
};

TEST(EffectRules, EveryMistakeIsReportedUnderItsPath) {
  const std::vector<Mistake> mistakes = {
      {"cost.grows_on", [](Effect& e) { e.grows_on = true; }},
      {"cost.lasts", [](Effect& e) { e.lasts = 0s; }},
      {"cost.fade", [](Effect& e) { e.fade = 1min; }},
      {"cost.since.served", [](Effect& e) { e.since = EffectClock::served; }},
      {"cost.above_served", [](Effect& e) { e.above_served = 1.5; }},
      {"cost.periodic.period", [](Effect& e) { e.periodic = {.period = 1ms, .on = 1ns}; }},
      {"cost.periodic.on", [](Effect& e) { e.periodic = {.period = 1min, .on = 1min}; }},
      {"cost.segment", [](Effect& e) { e.segment = "premum"; }},
      {"cost.tenant", [](Effect& e) { e.tenant = 5; }},
      {"cost.above_input_tokens", [](Effect& e) { e.above_input_tokens = -1.0; }},
      {"cost.harmful",
       [](Effect& e) {
         e.arms = EffectArms::both;
         e.harmful = true;
       }},
      {"input_tokens.arms", [](Effect& e) { e.metric = "input_tokens"; }},
      {"input_tokens.above_input_tokens",
       [](Effect& e) {
         e.metric = "input_tokens";
         e.arms = EffectArms::both;
         e.above_input_tokens = 10.0;
       }},
  };
  for (const Mistake& mistake : mistakes) {
    Scenario scenario = segmented();
    scenario.effects = {effect("cost", 1.2)};
    mistake.make(scenario.effects[0]);
    const Diagnostics diagnostics = validate(scenario);
    ASSERT_EQ(diagnostics.size(), 1U) << mistake.path;
    EXPECT_EQ(diagnostics[0].path, "candidate.effects." + mistake.path);
  }
}

TEST(EffectRules, ASegmentThatIsAlmostRightIsRecognised) {
  Scenario scenario = segmented();
  scenario.effects = {effect("cost", 1.2)};
  scenario.effects[0].segment = "premum";
  EXPECT_NE(validate(scenario)[0].message.find("did you mean 'premium'"), std::string::npos);
}

TEST(EffectRules, EffectsOnOneMetricHaveAddressesOfTheirOwn) {
  Scenario scenario = quiet_world();
  scenario.effects = {effect("cost", 1.2), effect("cost", 0.0), effect("cost", 0.0)};
  scenario.effects[2].name = "surcharge";
  const Diagnostics diagnostics = validate(scenario);
  ASSERT_EQ(diagnostics.size(), 2U);
  EXPECT_EQ(diagnostics[0].path, "candidate.effects.cost_2.multiply");
  EXPECT_EQ(diagnostics[1].path, "candidate.effects.surcharge.multiply");
  scenario.effects[1].name = "surcharge";
  EXPECT_EQ(validate(scenario)[1].path, "candidate.effects.surcharge.name");
}

}  // namespace
}  // namespace gatewright::sim
