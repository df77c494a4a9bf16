// The invariants of the engine under random observations, sensible and not, of the example plan.
// Exact: fixed seeds. Each run draws some hundred events; the strength of faults differs by run.

#include <gtest/gtest.h>

#include "policies/histogram.h"
#include "tests/independent/random_worlds.h"
#include "tests/unit/policies/fakes.h"

namespace gatewright {
namespace {

using namespace testing;

/// Draws observations: mostly what a driver would tell, sometimes what it must not.
class Source {
 public:
  explicit Source(std::uint64_t seed)
      : random_(seed, 0), disorder_(0.1 * static_cast<double>(below(4))) {
    healthy_ = below(2) == 0;
  }

  [[nodiscard]] Observation next(const RolloutState& state) {
    now_ = after(now_, Duration(1min) * static_cast<int>(below(6)));
    Observation observation{.sequence = ++sequence_, .at = now_, .event = event(state)};
    if (chance(disorder_)) observation.sequence -= below(3);
    if (chance(disorder_)) observation.at -= Duration(1min) * static_cast<int>(below(3));
    return observation;
  }

  [[nodiscard]] bool chance(double probability) {
    return static_cast<double>(random_.bits() >> 11) * 0x1p-53 < probability;
  }

 private:
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return random_.bits() % bound; }

  [[nodiscard]] Event event(const RolloutState& state) {
    const double harm = healthy_ ? 1.0 : 1.6;
    const std::uint64_t window = chance(disorder_) ? below(50) : sequence_;
    switch (below(8)) {
      case 0:
        return Samples{.probe = ProbeIndex{0},
                       .window = window,
                       .baseline = normal(200, -6.0),
                       .candidate = normal(200, -6.0 + std::log(harm))};
      case 1:
        return Samples{.probe = ProbeIndex{1},
                       .window = window,
                       .baseline = events(200, 0.02),
                       .candidate = events(200, 0.02 * harm * harm)};
      case 2: {
        bins_.clear();
        for (std::uint32_t bin = 2'000; bin < 2'050;
             bin += 1 + static_cast<std::uint32_t>(below(9)))
          bins_.push_back({bin, below(20) + (chance(disorder_) ? 0 : 1)});
        return Distributions{
            .probe = ProbeIndex{2}, .window = window, .baseline = bins_, .candidate = bins_};
      }
      case 3:
        return Readings{
            .probe = ProbeIndex{3},
            .window = window,
            .candidate = {.value = 0.5,
                          .status = static_cast<ReadingStatus>(chance(disorder_) ? below(4) : 0)}};
      case 4:
      case 5:
        return ExposureApplied{chance(disorder_) ? served(static_cast<std::uint16_t>(below(11'000)))
                                                 : state.target};
      case 6:
        if (chance(0.05)) return OperatorCommand{static_cast<OperatorCommand::Kind>(below(5))};
        [[fallthrough]];
      default:
        return Tick{};
    }
  }

  [[nodiscard]] Summary normal(std::uint64_t count, double mean) {
    Summary summary{.count = count};
    for (std::uint64_t i = 0; i < count; ++i) {
      const double value = mean + static_cast<double>(below(100)) / 100.0;
      summary.sum += value;
      summary.sum_of_squares += value * value;
    }
    return summary;
  }

  [[nodiscard]] Summary events(std::uint64_t count, double rate) {
    Summary summary{.count = count};
    for (std::uint64_t i = 0; i < count; ++i) summary.sum += chance(rate) ? 1.0 : 0.0;
    summary.sum_of_squares = summary.sum;
    return summary;
  }

  gatewright::testing::Random random_;
  double disorder_;
  bool healthy_;
  Instant now_{};
  std::uint64_t sequence_ = 0;
  std::vector<HistogramBin> bins_;
};

/// What must hold of one step.
void check_step(const Policy& policy, const RolloutState& before, const RolloutState& now,
                const Observation& observation, const Decision& decision) {
  const auto stages = policy.stages();
  const auto stage = static_cast<std::size_t>(decision.stage);
  ASSERT_EQ(decision.exposure, now.target);
  ASSERT_EQ(decision.sequence, observation.sequence);
  ASSERT_EQ(decision.at, now.at);
  ASSERT_GT(decision.wake_at, decision.at) << "S8";

  // S1: one of the plan's exposures, rising only by an advance, one stage at a time.
  const bool advances = decision.action == Action::advance;
  ASSERT_EQ(static_cast<int>(now.stage) - static_cast<int>(before.stage), advances ? 1 : 0);
  ASSERT_EQ(now.target, now.phase == Phase::halted ? Exposure{} : stages[stage].exposure)
      << "S1, S5";

  // S2: what the record alone can show.
  if (advances || decision.action == Action::complete) {
    ASSERT_EQ(decision.silent, 0U);
    ASSERT_FALSE(now.paused);
    const auto* applied = std::get_if<ExposureApplied>(&observation.event);
    ASSERT_EQ(applied != nullptr ? applied->exposure : before.applied, before.target);
  }

  // S3, S4, S6.
  const bool is_ignored =
      before.phase != Phase::running || decision.cause == Cause::observation_refused;
  ASSERT_TRUE(is_ignored ? now == before : now.sequence == observation.sequence);
  RolloutState again = now;
  const Engine engine(std::shared_ptr<const Policy>(std::shared_ptr<void>(), &policy),
                      now.plan_digest);
  std::ignore = engine.step(again, observation);
  ASSERT_EQ(digest(again), digest(now)) << "S6";
}

TEST(Invariants, HoldUnderAnyObservations) {
  const Engine engine = *compile(example_plan()).engine;
  int halted = 0, completed = 0;
  std::uint64_t refused = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Source source(seed);
    RolloutState state = engine.initial_state(at(0s));
    for (int step = 0; step < 600; ++step) {
      const RolloutState before = state;
      const Observation observation = source.next(state);
      const Decision decision = engine.step(state, observation);
      ASSERT_NO_FATAL_FAILURE(check_step(engine.policy(), before, state, observation, decision))
          << "seed " << seed << ", step " << step;
      refused += decision.cause == Cause::observation_refused;
    }
    halted += state.phase == Phase::halted;
    completed += state.phase == Phase::completed;
  }
  // The runs must have met what they are meant to test.
  EXPECT_GT(halted, 50);
  EXPECT_GT(completed, 10);
  EXPECT_GT(refused, 1'000U);
}

}  // namespace
}  // namespace gatewright
