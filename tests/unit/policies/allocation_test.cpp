// step() never allocates: counted by replacing operator new for the whole executable.
#include <atomic>
#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "policies/histogram.h"
#include "tests/unit/policies/fakes.h"

namespace {

std::atomic<std::uint64_t> allocations = 0;

}  // namespace

// Not inlined, or the compiler sees malloc meet delete and warns.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

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

TEST(Engine, ACopiedEngineSharesItsPolicy) {
  const Engine engine = *compile(example_plan()).engine;
  const std::uint64_t before = allocations;
  const Engine copy = engine;
  EXPECT_EQ(allocations - before, 0U);
  EXPECT_EQ(&copy.policy(), &engine.policy());
}

}  // namespace
}  // namespace gatewright
