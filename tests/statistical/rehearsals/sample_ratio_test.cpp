// Claims, at 99% a row: a healthy rollout is halted by the check of the split alone no more often than
// its share of the budget says (5% here, so that it can be seen; 500 rollouts a unit), whatever the
// unit and however unevenly units ask; users behind a cache are found in at least 90% of 100 rollouts;
// fnv1a's uneven ranks of numbered users (8.3% to 11.9% of them for 10%) in more than the budget.

#include "tests/statistical/rehearsals/rehearsal.h"

namespace gatewright::rehearsal {
namespace {

constexpr double kBudget = 0.05;

/// Three splits for twenty minutes each, and no other gate.
PlanSpec guarded_plan(AssignmentUnit unit) {
  PlanSpec plan;
  plan.name = "guarded";
  plan.assignment.by = unit;
  plan.every = 1min;
  for (const double share : {0.05, 0.25, 0.5}) {
    StageSpec& stage = plan.stages.emplace_back();
    stage.name = std::to_string(share);
    stage.served = share;
    stage.dwell = 20min;
  }
  plan.sample_ratio = SampleRatioSpec{.false_alarm = kBudget};
  return plan;
}

/// A few users and one tenant send most of the requests, in sessions.
sim::Scenario uneven_world() {
  sim::Scenario world;
  world.name = "uneven";
  world.horizon = 2h;
  world.traffic.arrivals = sim::PoissonArrivals{3.0};
  world.traffic.users = {.count = 2'000, .zipf = 1.1};
  world.traffic.users.sessions.requests = 4.0;
  world.traffic.tenants = {.count = 40, .zipf = 1.1, .largest = 0.5};
  return world;
}

TEST(SampleRatio, HealthySplitsStayUnderTheBudgetWhateverTheUnit) {
  for (const AssignmentUnit unit : {AssignmentUnit::user, AssignmentUnit::session,
                                    AssignmentUnit::tenant, AssignmentUnit::request}) {
    const Alarms alarms = count_alarms(guarded_plan(unit), uneven_world(), 500);
    const auto estimate = analysis::share(alarms.halted, alarms.runs, 0.99);
    std::printf("  by unit %d: %.4f [%.4f, %.4f]\n", static_cast<int>(unit), estimate.value,
                estimate.lower, estimate.upper);
    EXPECT_LE(estimate.lower, kBudget) << static_cast<int>(unit);
  }
}

TEST(SampleRatio, UnreliableRoutersDoNotRaiseIt) {
  sim::Scenario world = uneven_world();
  world.rollback.partial = 0.5;
  world.rollback.retry_after = 4min;
  world.rollback.applied_twice = 0.5;
  world.telemetry.lost = 0.1;
  world.telemetry.duplicated = 0.2;
  world.telemetry.reordered = 0.2;
  const Alarms alarms = count_alarms(guarded_plan(AssignmentUnit::user), world, 500);
  const auto estimate = analysis::share(alarms.halted, alarms.runs, 0.99);
  EXPECT_LE(estimate.lower, kBudget) << estimate.value;
}

TEST(SampleRatio, UsersBehindACacheAreFound) {
  PlanSpec plan = guarded_plan(AssignmentUnit::time);
  plan.sample_ratio = SampleRatioSpec{};
  const Alarms alarms = count_alarms(plan, uneven_world(), 100);
  EXPECT_GE(analysis::share(alarms.halted, alarms.runs, 0.99).lower, 0.90) << alarms.halted;
}

TEST(SampleRatio, UnevenRanksOfFnv1aAreFoundAboveTheBudget) {
  PlanSpec plan = guarded_plan(AssignmentUnit::user);
  plan.assignment.hash = AssignmentHash::fnv1a;
  plan.stages.front().served = 0.1;
  sim::Scenario world = uneven_world();
  world.traffic.users = {.count = 20'000, .zipf = 0.0};
  world.traffic.tenants = {};
  world.traffic.arrivals = sim::PoissonArrivals{10.0};
  const Alarms alarms = count_alarms(plan, world, 100);
  const auto estimate = analysis::share(alarms.halted, alarms.runs, 0.99);
  std::printf("  fnv1a: %.4f [%.4f, %.4f]\n", estimate.value, estimate.lower, estimate.upper);
  EXPECT_GT(estimate.lower, kBudget) << estimate.value;
}

}  // namespace
}  // namespace gatewright::rehearsal
