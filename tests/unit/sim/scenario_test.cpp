#include "sim/scenario.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

TEST(Scenario, AQuietWorldIsValid) { EXPECT_TRUE(validate(quiet_world()).empty()); }

struct Mistake {
  std::string path;
  std::function<void(Scenario&)> make;
};

TEST(Scenario, EveryMistakeIsReportedUnderItsPath) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Mistake> mistakes = {
      {"name", [](Scenario& s) { s.name.clear(); }},
      {"horizon", [](Scenario& s) { s.horizon = 0s; }},
      {"horizon", [](Scenario& s) { s.horizon = std::chrono::hours(24 * 400); }},
      {"traffic.profile", [](Scenario& s) { s.traffic.profile = "nobody"; }},
      {"traffic.arrivals.poisson.rate",
       [](Scenario& s) { s.traffic.arrivals = PoissonArrivals{}; }},
      {"traffic.arrivals.diurnal.second_harmonic",
       [](Scenario& s) {
         s.traffic.arrivals = DiurnalArrivals{5.0, 0.8, 0.4, 17h, 9h};
       }},
      {"traffic.arrivals.diurnal.peak",
       [](Scenario& s) {
         s.traffic.arrivals = DiurnalArrivals{5.0, 0.4, 0.1, 24h, 9h};
       }},
      {"traffic.arrivals.trace.file", [](Scenario& s) { s.traffic.arrivals = TraceArrivals{}; }},
      {"traffic.users.count", [](Scenario& s) { s.traffic.users.count = 0; }},
      {"traffic.users.activity.zipf", [](Scenario& s) { s.traffic.users.zipf = -1.0; }},
      {"traffic.input_tokens.lognormal.median",
       [](Scenario& s) {
         s.traffic.input_tokens = Lognormal{0.0, 1.0, 0.0};
       }},
      {"traffic.output_tokens.quantiles",
       [](Scenario& s) {
         s.traffic.output_tokens = QuantileGrid{{0.0, 1.0}, {5.0, 4.0}};
       }},
      {"traffic.token_correlation", [](Scenario& s) { s.traffic.token_correlation = 1.0; }},
      {"baseline.price.input", [](Scenario& s) { s.baseline.price.input_usd_per_token = -1.0; }},
      {"baseline.latency.ttft.lognormal.median",
       [](Scenario& s) { s.baseline.latency.ttft.median = 0.0; }},
      {"baseline.latency.timeout", [](Scenario& s) { s.baseline.latency.timeout_seconds = 0.0; }},
      {"baseline.error.bernoulli.p", [=](Scenario& s) { s.baseline.error_probability = nan; }},
      {"baseline.refusal.bernoulli.p", [](Scenario& s) { s.baseline.refusal_probability = 1.1; }},
      {"baseline.thumbs.up", [](Scenario& s) { s.baseline.thumbs.up = 0.99; }},
      {"baseline.quality.normal.sd", [](Scenario& s) { s.baseline.quality.sd = -0.1; }},
      {"baseline.same_prompt_correlation", [](Scenario& s) { s.same_prompt.correlation = 1.0; }},
      {"candidate.effects.speed", [](Scenario& s) { s.effects = {effect("speed", 2.0)}; }},
      {"candidate.effects.timeout", [](Scenario& s) { s.effects = {effect("timeout", 2.0)}; }},
      {"candidate.effects.cost.multiply", [](Scenario& s) { s.effects = {effect("cost", 0.0)}; }},
      {"candidate.effects.cost.harmful",
       [](Scenario& s) { s.effects = {effect("cost", 1.2, -1e-5)}; }},
      {"noise.deployment.timeout", [](Scenario& s) { s.noise.deployment["timeout"] = 0.1; }},
      {"noise.window.timeout",
       [](Scenario& s) {
         s.noise.window["timeout"] = {0.1, 10min};
       }},
      {"noise.window.cost.correlation_time",
       [](Scenario& s) {
         s.noise.window["cost"] = {0.1, 0s};
       }},
      {"telemetry.window", [](Scenario& s) { s.telemetry.window = 1ms; }},
      {"telemetry.delay.uniform.max",
       [](Scenario& s) {
         s.telemetry.delay = {DelayLaw::Kind::uniform, 2.0, 1.0};
       }},
      {"rollback.delay.fixed", [](Scenario& s) { s.rollback.delay.a = -1.0; }},
      {"objectives.latency", [](Scenario& s) { s.objectives.latency_seconds = 0.0; }},
      {"objectives.quality_floor", [](Scenario& s) { s.objectives.quality_floor = 2.0; }},
  };
  for (const Mistake& mistake : mistakes) {
    Scenario scenario = quiet_world();
    mistake.make(scenario);
    const Diagnostics diagnostics = validate(scenario);
    ASSERT_EQ(diagnostics.size(), 1U) << mistake.path;
    EXPECT_EQ(diagnostics[0].path, mistake.path);
    EXPECT_FALSE(diagnostics[0].message.empty());
    EXPECT_EQ(prepare(scenario).scenario, nullptr);
  }
}

TEST(Scenario, AnEffectHarmsByDirectionUnlessItSaysOtherwise) {
  EXPECT_TRUE(is_harmful(effect("cost", 1.25)));
  EXPECT_FALSE(is_harmful(effect("cost", 0.8)));
  EXPECT_TRUE(is_harmful(effect("quality", 1.0, -0.03)));
  EXPECT_FALSE(is_harmful(effect("quality", 1.0, 0.03)));
  EXPECT_FALSE(is_harmful(effect("cost", 1.0)));
  Effect collapse = effect("output_tokens", 0.2);
  EXPECT_FALSE(is_harmful(collapse));
  collapse.harmful = true;
  EXPECT_TRUE(is_harmful(collapse));
}

TEST(Scenario, HarmBeginsWithTheFirstHarmfulEffect) {
  Scenario scenario = quiet_world();
  EXPECT_FALSE(harmful_from(scenario).has_value());
  scenario.effects = {effect("quality", 1.0, 0.1), effect("cost", 1.2), effect("latency", 1.5)};
  scenario.effects[0].from = 1min;
  scenario.effects[1].from = 30min;
  scenario.effects[2].from = 20min;
  EXPECT_EQ(harmful_from(scenario), Duration(20min));
  EXPECT_TRUE(healthy_twin(scenario).effects.empty());
}

TEST(Scenario, ActuationHasALawOfItsOwnUnlessItIsCustom) {
  Rollback rollback;
  rollback.actuation = Actuation::redeploy;
  EXPECT_EQ(delay_law(rollback).a, 300.0);
  rollback.actuation = Actuation::custom;
  rollback.delay = {DelayLaw::Kind::fixed, 7.0, 0.0};
  EXPECT_EQ(delay_law(rollback).a, 7.0);
}

TEST(Scenario, CorrelationsThatNoWorldHasAreRefused) {
  Scenario scenario = quiet_world();
  scenario.traffic.token_correlation = 0.95;
  scenario.same_prompt.correlation = 0.1;
  const Prepared made = prepare(scenario);
  EXPECT_EQ(made.scenario, nullptr);
  ASSERT_EQ(made.diagnostics.size(), 1U);
  EXPECT_EQ(made.diagnostics[0].path, "baseline.same_prompt_correlation");
}

}  // namespace
}  // namespace gatewright::sim
