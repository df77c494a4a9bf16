// Prices by hand: cached input, tiers, dated changes, two arms' own.
#include <gtest/gtest.h>

#include <memory>

#include "sim/arms/prices.h"
#include "sim/world.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

Arm::Price price() {
  return {.model = "m",
          .input_usd_per_token = 3e-6,
          .output_usd_per_token = 15e-6,
          .cached_input_usd_per_token = 0.3e-6,
          .tiers = {{.above_input_tokens = 200'000.0,
                     .input_usd_per_token = 6e-6,
                     .output_usd_per_token = 22.5e-6,
                     .cached_input_usd_per_token = 0.6e-6}},
          .changes = {{.from = 1h,
                       .input_usd_per_token = 2e-6,
                       .output_usd_per_token = 10e-6,
                       .cached_input_usd_per_token = std::nullopt,
                       .tiers = {}}},
          .file = {}};
}

TEST(Prices, CachedInputIsBilledAtItsPrice) {
  // 40% of the prompt from the cache: .6 x 3 + .4 x .3 = 1.92 per Mtok; in the tier .6 x 6 + .4 x .6.
  const PriceTable table(price(), 0.4);
  EXPECT_FLOAT_EQ(table.at(0.0).input, 1.92e-6F);
  EXPECT_FLOAT_EQ(table.at(0.0).tiers[0].input, 3.84e-6F);
  EXPECT_FLOAT_EQ(table.at(0.0).output, 15e-6F);
  // Without a price of its own what is cached costs as the rest does.
  EXPECT_FLOAT_EQ(table.at(3'600.0).input, 2e-6F);
}

TEST(Prices, HoldFromTheirMomentOn) {
  const PriceTable table(price(), 0.0);
  EXPECT_FLOAT_EQ(table.at(3'599.9).input, 3e-6F);
  EXPECT_FLOAT_EQ(table.at(3'600.0).output, 10e-6F);
  EXPECT_TRUE(table.at(1e9).tiers.empty());
}

/// A world of one prompt length and one answer length, without errors.
Scenario world(double input_tokens) {
  Scenario scenario = quiet_world();
  scenario.traffic.input_tokens = Lognormal{input_tokens, 0.0, 0.0};
  scenario.traffic.output_tokens = Lognormal{100.0, 0.0, 0.0};
  scenario.baseline.error_probability = 0.0;
  scenario.baseline.latency.timeout_seconds = 1e6;
  scenario.baseline.price = price();
  return scenario;
}

/// Mean cost per arm of requests before and after the first hour.
struct Costs {
  double before[2];
  double after[2];
};
Costs costs(const Scenario& scenario) {
  const auto ready = prepared(scenario);
  const auto world_of = std::make_unique<World>(*ready);
  world_of->start({1, 0});
  double sums[2][2] = {};
  double counts[2] = {};
  for (int window = 0; window < 120; ++window) {
    world_of->advance();
    for (std::size_t chunk = 0; chunk < world_of->chunks(); ++chunk) {
      const Columns& columns =
          world_of->fill(chunk, want(kBaselineArm, kCosts) | want(kCandidateArm, kCosts));
      for (std::size_t i = 0; i < columns.size; ++i) {
        const std::size_t when = columns.at_seconds[i] < 3'600.0 ? 0 : 1;
        ++counts[when];
        for (std::size_t arm = 0; arm < 2; ++arm)
          sums[when][arm] += static_cast<double>(columns.arm[arm].cost[i]);
      }
    }
  }
  Costs costs{};
  for (std::size_t arm = 0; arm < 2; ++arm) {
    costs.before[arm] = sums[0][arm] / counts[0];
    costs.after[arm] = sums[1][arm] / counts[1];
  }
  return costs;
}

TEST(Prices, AWholeRequestIsBilledInItsTier) {
  EXPECT_NEAR(costs(world(200'000.0)).before[0], 200'000 * 3e-6 + 100 * 15e-6, 1e-7);
  EXPECT_NEAR(costs(world(200'001.0)).before[0], 200'001 * 6e-6 + 100 * 22.5e-6, 1e-7);
}

TEST(Prices, ChangeWithTheRequestThatArrivesAtTheirMoment) {
  // Three times within one chunk, the last two at once but for 50 ms.
  Scenario scenario = world(1'000.0);
  scenario.baseline.price.changes = {{30s, 2e-6, 10e-6, {}, {}},
                                     {40s, 1e-6, 5e-6, {}, {}},
                                     {Duration(40'050ms), 4e-6, 20e-6, {}, {}}};
  const auto ready = prepared(scenario);
  const auto world_of = std::make_unique<World>(*ready);
  world_of->start({1, 0});
  world_of->advance();
  const Columns& columns = world_of->fill(0, want(kBaselineArm, kCosts));
  ASSERT_GT(columns.at_seconds[columns.size - 1], 40.05);
  for (std::size_t i = 0; i < columns.size; ++i) {
    const double at = columns.at_seconds[i];
    const double times = at < 30.0 ? 3.0 : at < 40.0 ? 2.0 : at < 40.05 ? 1.0 : 4.0;
    ASSERT_NEAR(static_cast<double>(columns.arm[0].cost[i]), times * (1'000e-6 + 500e-6), 1e-8);
  }
}

TEST(Prices, ChangeInTheMiddleOfARolloutForTheArmConcerned) {
  Scenario scenario = world(1'000.0);
  scenario.candidate_price = price();
  scenario.baseline.price.changes.clear();
  const Costs paid = costs(scenario);
  const double old_price = 1'000 * 3e-6 + 100 * 15e-6;
  EXPECT_NEAR(paid.before[0], old_price, 1e-8);
  EXPECT_NEAR(paid.before[1], old_price, 1e-8);
  EXPECT_NEAR(paid.after[0], old_price, 1e-8);
  EXPECT_NEAR(paid.after[1], 1'000 * 2e-6 + 100 * 10e-6, 1e-8);
  // The twin pays the baseline's.
  EXPECT_NEAR(costs(healthy_twin(scenario)).after[1], old_price, 1e-8);
}

}  // namespace
}  // namespace gatewright::sim
