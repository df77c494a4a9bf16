// step() never allocates: counted by replacing operator new for the whole executable.
#include <gtest/gtest.h>

#include "policies/histogram.h"
#include "tests/support/count_allocations.h"
#include "tests/unit/policies/fakes.h"

namespace gatewright {
namespace {

using namespace testing;

TEST(Engine, AMillionStepsAllocateNothing) {
  PlanSpec plan = example_plan();
  plan.stages[0].dwell = 24h * 365;
  const Engine engine = *compile(plan).engine;
  RolloutState state = engine.initial_state(at(0s));
  Histogram histogram;
  for (int i = 1; i < 100; ++i) histogram.add(0.1 * i);
  const HistogramView view = histogram.view();
  const auto run = [&](std::uint64_t steps) {
    for (std::uint64_t i = 1; i <= steps; ++i) {
      const std::uint64_t round = i / 8;
      Observation observation{
          .sequence = state.sequence + 1, .at = after(state.at, 1s), .event = Tick{}};
      switch (i % 8) {
        case 0:
          observation.event = samples(0, round, -30.0, -30.0);
          break;
        case 1:
          observation.event = samples(1, round, 1.0, 1.0);
          break;
        case 2:
          observation.event = Distributions{
              .probe = ProbeIndex{2}, .window = round, .baseline = view, .candidate = view};
          break;
        case 3:
          observation.event = Readings{.probe = ProbeIndex{3},
                                       .window = round,
                                       .candidate = {.value = 0.5, .status = ReadingStatus::ok}};
          break;
        case 4:
          observation.event = ExposureApplied{mirrored(500)};
          break;
        case 5:
          observation.sequence = state.sequence;
          break;  // refused
        case 6:
          observation.event = OperatorCommand{OperatorCommand::Kind::approve};
          break;
        default:
          break;
      }
      std::ignore = engine.step(state, observation);
    }
  };
  const std::uint64_t before = allocations;
  run(1'000'000);
  EXPECT_EQ(allocations - before, 0U);
  EXPECT_EQ(state.phase, Phase::running);
  EXPECT_EQ(state.sequence, 875'000U) << "one in eight is refused";

  run(1);
  std::ignore = engine.step(state, {.sequence = state.sequence + 1,
                                    .at = state.at,
                                    .event = OperatorCommand{OperatorCommand::Kind::halt}});
  EXPECT_EQ(allocations - before, 0U) << "nor does the end";
}

TEST(Engine, WeighingUnitsAllocatesNothing) {
  PlanSpec plan;
  plan.name = "split";
  plan.stages = {{.name = "half", .served = 0.5, .dwell = 24h * 365}};
  plan.sample_ratio.emplace();
  const Engine engine = *compile(plan).engine;
  RolloutState state = engine.initial_state(at(0s));
  const std::uint64_t before = allocations;
  std::ignore =
      engine.step(state, {.sequence = 1, .at = state.at, .event = ExposureApplied{served(5'000)}});
  for (std::uint64_t window = 0; window < 1'000; ++window)
    std::ignore = engine.step(
        state, {.sequence = window + 2,
                .at = after(state.at, 5min),
                .event = Samples{
                    .window = window, .baseline = {.count = 50}, .candidate = {.count = 50}}});
  EXPECT_EQ(allocations - before, 0U);
  EXPECT_EQ(engine.policy().harm(state.memory, 0), 0.0);
}

TEST(Engine, ACopiedEngineSharesItsPolicy) {
  const Engine engine = *compile(example_plan()).engine;
  const std::uint64_t before = allocations;
  const Engine copy = engine;
  EXPECT_EQ(allocations - before, 0U);
  EXPECT_EQ(&copy.policy(), &engine.policy());
}

}  // namespace
}  // namespace gatewright
