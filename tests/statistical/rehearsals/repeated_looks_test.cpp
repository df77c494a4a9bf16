// Claims, at 99.9% confidence a row, 4,000 rollouts unless said:
// - a two-sided z test at 5%, looked at K times on growing data, alarms as often as Armitage, McPherson
//   and Rowe computed (JRSS A 132, 1969, 235, table 2: 5.0%, 14.2%, 19.3%, 32.0% at K = 1, 5, 10, 50);
// - the anytime tests stay under their budget at 1,000 looks (500 rollouts, at the edge of harm and
//   with no difference at all).

#include "tests/statistical/rehearsals/rehearsal.h"

namespace gatewright::rehearsal {
namespace {

/// Quality far from its limits, so that the normal law is not clipped.
sim::Scenario normal_world(int per_minute, int looks) {
  sim::Scenario world = twin_world(per_minute, looks);
  world.baseline.quality = {.mean = 0.5, .sd = 0.05};
  return world;
}

TEST(RepeatedLooks, MeetArmitageMcPhersonAndRowe) {
  struct Row {
    int looks;
    double published;  // to three decimals; the interval allows for the rounding
  };
  for (const Row row : {Row{1, 0.050}, Row{5, 0.142}, Row{10, 0.193}, Row{50, 0.320}}) {
    GateSpec gate;
    gate.metric = "quality";
    gate.harm = {.relation = HarmSpec::Relation::difference, .margin = 0.0};
    gate.harm.direction = Direction::down;
    gate.test.name = "z_test";
    gate.test.parameters = {{"alpha", 0.05}, {"sides", std::string("two")}};
    const Alarms alarms =
        count_alarms(shadow_plan(row.looks, gate), normal_world(150, row.looks), 4000);
    expect_rate(alarms, row.published, 0.999, std::to_string(row.looks) + " looks at 5%");
  }
}

constexpr int kManyLooks = 1000;

void expect_within_budget(const GateSpec& gate, const sim::Scenario& world, const char* what) {
  const Alarms alarms = count_alarms(shadow_plan(kManyLooks, gate), world, 500);
  const auto estimate = analysis::share(alarms.halted, alarms.runs, 0.99);
  std::printf("  %-44s budget 0.05000   simulated %.5f [%.5f, %.5f] of %llu\n", what,
              estimate.value, estimate.lower, estimate.upper,
              static_cast<unsigned long long>(alarms.runs));
  EXPECT_LE(estimate.lower, 0.05) << what;
}

TEST(RepeatedLooks, NormalMixtureStaysUnderItsBudgetAtAThousandLooks) {
  GateSpec gate;
  gate.metric = "quality";
  gate.harm = {.relation = HarmSpec::Relation::difference, .margin = -0.01};
  gate.harm.direction = Direction::down;
  gate.test.name = "normal_mixture";
  sim::Scenario world = normal_world(20, kManyLooks);
  expect_within_budget(gate, world, "normal_mixture, no difference");
  sim::Effect& effect = world.effects.emplace_back();
  effect.metric = "quality";
  effect.shift = -0.01;
  expect_within_budget(gate, world, "normal_mixture, at the edge of harm");
}

TEST(RepeatedLooks, BetaBinomialMixtureStaysUnderItsBudgetAtAThousandLooks) {
  GateSpec gate;
  gate.metric = "error";
  gate.harm = {.relation = HarmSpec::Relation::ratio, .margin = 2.0};
  gate.test.name = "beta_binomial_mixture";
  sim::Scenario world = twin_world(50, kManyLooks);
  world.baseline.error_probability = 0.01;
  expect_within_budget(gate, world, "beta_binomial_mixture, no difference");
  sim::Effect& effect = world.effects.emplace_back();
  effect.metric = "error";
  effect.multiply = 2.0;
  expect_within_budget(gate, world, "beta_binomial_mixture, at the edge of harm");
}

TEST(RepeatedLooks, NormalMixtureStaysUnderItsBudgetWhereExposureBeginsInsideAWindow) {
  // A shock that both arms share moves latency within the window in which mirroring begins, so the
  // candidate answers less of the window's beginning than the baseline does.
  GateSpec gate;
  gate.metric = "latency";
  gate.harm = {.relation = HarmSpec::Relation::ratio, .margin = 1.0};
  gate.test.name = "normal_mixture";
  gate.test.parameters = {{"tightest_at", 1000.0}};
  PlanSpec plan = shadow_plan(30, gate);
  plan.every = 5min;
  plan.gates.front().initial_delay = 0s;
  sim::Scenario world = twin_world(600, 33);
  world.rollback.delay.a = 150.0;
  world.noise.window["latency"] = {.size = 0.25, .correlation_time = 7min};
  const Alarms alarms = count_alarms(plan, world, 200);
  const auto estimate = analysis::share(alarms.halted, alarms.runs, 0.99);
  EXPECT_LE(estimate.lower, 0.05) << estimate.value << "; 0.39 if such windows are weighed";
}

}  // namespace
}  // namespace gatewright::rehearsal
