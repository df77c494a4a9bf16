#include "sim/world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

constexpr Wants kEverything = kWantUsers | kWantMirror | kWantInput | kWantBuckets |
                              want(kBaselineArm, 0x3F) | want(kCandidateArm, 0x3F);

struct Played {
  explicit Played(const Scenario& plain)
      : scenario(prepared(plain)), world(std::make_unique<World>(*scenario)) {
    world->start({3, 1});
    world->advance();
  }
  const Columns& fill(Wants wants, std::size_t chunk = 0) { return world->fill(chunk, wants); }
  std::shared_ptr<const PreparedScenario> scenario;
  std::unique_ptr<World> world;
};

template <typename T>
std::vector<T> head(const Column<T>& column, std::size_t n) {
  return {column.begin(), column.begin() + static_cast<std::ptrdiff_t>(n)};
}

TEST(World, AColumnHoldsTheSameWhateverElseIsWanted) {
  Played all(quiet_world());
  Played few(quiet_world());
  const Columns& a = all.fill(kEverything);
  for (const Wants wants : {want(kBaselineArm, kQualities), want(kBaselineArm, kCosts)}) {
    const Columns& b = few.fill(wants);
    ASSERT_EQ(a.size, b.size);
    EXPECT_EQ(head(a.arm[0].latency, a.size), head(b.arm[0].latency, b.size));
  }
  EXPECT_EQ(head(a.arm[0].quality, a.size),
            head(few.fill(want(0, kQualities)).arm[0].quality, a.size));
  EXPECT_EQ(head(a.arm[0].cost, a.size), head(few.fill(want(0, kCosts)).arm[0].cost, a.size));
  EXPECT_EQ(head(a.arm[1].latency, a.size),
            head(few.fill(want(1, kAnswers)).arm[1].latency, a.size));
  EXPECT_EQ(head(a.arm[1].quality, a.size),
            head(few.fill(want(1, kQualities)).arm[1].quality, a.size));
  EXPECT_EQ(head(a.user, a.size), head(few.fill(kWantUsers).user, a.size));
  EXPECT_EQ(head(a.bucket[2], a.size), head(few.fill(want_bucket(2)).bucket[2], a.size));
}

/// Every part that a request's answer can depend on.
Scenario full_world() {
  Scenario scenario = quiet_world();
  scenario.traffic.segments = {{"free", 0.8}, {"premium", 0.2}};
  scenario.traffic.tenants.count = 10;
  scenario.baseline.error_probability = 0.1;
  scenario.baseline.error_bursts = Arm::ErrorBursts{.burst_share = 0.3};
  scenario.baseline.refusal_detector.specificity = 0.9;
  scenario.baseline.collapse.probability = 0.1;
  scenario.baseline.hang.probability = 0.1;
  scenario.baseline.rate_limited_share = 0.5;
  scenario.noise.deployment = {{"latency", 0.02}, {"quality", 0.01}};
  scenario.noise.prompts = {{"error", 0.2}, {"quality", 0.3}};
  scenario.effects = {effect("latency", 1.5), effect("cost", 1.2), effect("error", 2.0)};
  scenario.effects[0].segment = "premium";
  scenario.effects[1].ramp_in = 1min;
  scenario.effects[2].above_input_tokens = 300.0;
  return scenario;
}

TEST(World, TheAnswersToSomeAreThoseOfAll) {
  constexpr Wants kParts = (Wants{1} << kArmBits) - 1;
  constexpr Wants kAll = kEverything | kWantSegment | kWantHarm | kWantExposedUsers |
                         want(kBaselineArm, 0xFF) | want(kCandidateArm, kParts);
  for (Scenario scenario : {quiet_world(), full_world()}) {
    scenario.traffic.arrivals = PoissonArrivals{40.0};  // two chunks
    for (const Wants not_wanted : {Wants{0}, kWantUsers | kWantBuckets | kWantUserTraits})
      for (const std::size_t step : {3U, 40U, 1'000U, 2'000U}) {
        Played all(scenario);
        Played some(scenario);
        for (std::size_t chunk = 0; chunk < all.world->chunks(); ++chunk) {
          const Wants wants = kAll & ~not_wanted;
          const Columns& a = all.fill(kAll, chunk);
          const Columns& b = some.world->begin(chunk, wants);
          std::vector<std::uint16_t> exposed;
          for (std::size_t i = step / 2; i < b.size; i += step)
            exposed.push_back(static_cast<std::uint16_t>(i));
          some.world->finish(exposed);
          if (not_wanted == 0) {
            EXPECT_EQ(all.world->words(), some.world->words());
          }
          EXPECT_EQ(head(a.input_tokens, a.size), head(b.input_tokens, b.size));
          EXPECT_EQ(head(a.harmed, a.size), head(b.harmed, b.size));
          const ArmColumns& baseline = b.arm[kBaselineArm];
          EXPECT_EQ(head(a.arm[kBaselineArm].latency, a.size), head(baseline.latency, b.size));
          EXPECT_EQ(head(a.arm[kBaselineArm].quality, a.size), head(baseline.quality, b.size));
          EXPECT_EQ(head(a.arm[kBaselineArm].cost, a.size), head(baseline.cost, b.size));
          EXPECT_EQ(head(a.arm[kBaselineArm].events, a.size), head(baseline.events, b.size));
          const ArmColumns& expected = a.arm[kCandidateArm];
          const ArmColumns& found = b.arm[kCandidateArm];
          for (const std::uint16_t i : exposed) {
            ASSERT_EQ(a.at_seconds[i], b.at_seconds[i]);
            ASSERT_EQ(a.user[i], b.user[i]);
            ASSERT_EQ(expected.output_tokens[i], found.output_tokens[i]);
            ASSERT_EQ(expected.ttft[i], found.ttft[i]);
            ASSERT_EQ(expected.tpot[i], found.tpot[i]);
            ASSERT_EQ(expected.latency[i], found.latency[i]);
            ASSERT_EQ(expected.cost[i], found.cost[i]);
            ASSERT_EQ(expected.quality[i], found.quality[i]);
            ASSERT_EQ(expected.events[i], found.events[i]);
            ASSERT_EQ(expected.agreement[i], found.agreement[i]);
            ASSERT_EQ(expected.similarity[i], found.similarity[i]);
          }
        }
      }
  }
}

TEST(World, UsersHaveTheirTenantAndSegmentAndRequestsTheirSession) {
  Scenario scenario = quiet_world();
  scenario.traffic.arrivals = PoissonArrivals{60.0};
  scenario.traffic.tenants.count = 10;
  scenario.traffic.segments = {{"free", 0.8}, {"premium", 0.2}};
  Played played(scenario);
  const std::size_t before = played.world->requests();
  played.world->advance();
  const Columns& columns = played.fill(kWantUsers | kWantTenant | kWantSegment | kWantSession, 1);
  std::array<std::size_t, 2> in_segment{};
  for (std::size_t i = 0; i < columns.size; ++i) {
    ASSERT_EQ(columns.tenant[i], columns.user[i] / 30 + 1) << "300 users, 10 tenants";
    ASSERT_EQ(columns.session[i], before + kChunk + i) << "each request is a session";
    ++in_segment.at(columns.segment[i]);
  }
  EXPECT_GT(in_segment[0], in_segment[1]);
  EXPECT_GT(in_segment[1], 0U);
  Played alone(scenario);
  alone.world->advance();
  EXPECT_EQ(head(alone.fill(kWantTenant, 1).tenant, columns.size),
            head(columns.tenant, columns.size))
      << "tenants need no wish for users";
}

TEST(World, DrawsOnlyTheStreamsBehindWhatIsWanted) {
  Played played(quiet_world());
  const World& world = *played.world;
  EXPECT_EQ(world.draws_behind(0), 0U);
  EXPECT_EQ(world.draws_behind(want_bucket(kRequestBuckets)), bit(Draw::assignment));
  EXPECT_EQ(world.draws_behind(want(kBaselineArm, 0)) & bit(Draw::candidate_output), 0U);
  EXPECT_EQ(world.draws_behind(want(kBaselineArm, 0)) & bit(Draw::baseline_quality), 0U);
  EXPECT_NE(world.draws_behind(want(kCandidateArm, kQualities)) & bit(Draw::baseline_quality), 0U)
      << "the candidate's quality leans on the baseline's";
  played.fill(kEverything);
  EXPECT_GE(world.words()[index_of(Draw::baseline_error)], world.chunk_times(0).size() / 2)
      << "two draws a word";
}

TEST(World, TheTwinSharesEveryDraw) {
  Scenario harmful = quiet_world();
  harmful.effects = {effect("latency", 2.0), effect("error", 5.0), effect("quality", 1.0, -0.2)};
  Played a(harmful);
  Played b(healthy_twin(harmful));
  const Columns& with = a.fill(kEverything);
  const Columns& without = b.fill(kEverything);
  ASSERT_EQ(with.size, without.size);
  for (std::size_t i = 0; i < with.size; ++i) {
    ASSERT_EQ(with.arm[0].latency[i], without.arm[0].latency[i]);
    ASSERT_EQ(with.arm[0].events[i], without.arm[0].events[i]);
    ASSERT_EQ(with.user[i], without.user[i]);
    ASSERT_EQ(with.arm[1].output_tokens[i], without.arm[1].output_tokens[i]);
    // Whoever fails without the effect fails with it: one uniform is compared with both.
    if ((without.arm[1].events[i] & kError) != 0) {
      ASSERT_NE(with.arm[1].events[i] & kError, 0);
    } else if ((with.arm[1].events[i] & kError) == 0) {
      ASSERT_FLOAT_EQ(with.arm[1].latency[i], 2.0F * without.arm[1].latency[i]);
    }
    ASSERT_LE(with.arm[1].quality[i], without.arm[1].quality[i]);
  }
}

TEST(World, AnEffectActsFromItsOnsetWithinAChunk) {
  Scenario scenario = quiet_world();
  scenario.effects = {effect("cost", 3.0)};
  scenario.effects[0].from = 20s;
  Played with(scenario);
  Played without(healthy_twin(scenario));
  const Columns& a = with.fill(kEverything);
  const Columns& b = without.fill(kEverything);
  std::size_t before = 0;
  for (std::size_t i = 0; i < a.size; ++i) {
    const bool began = a.at_seconds[i] >= 20.0;
    before += began ? 0 : 1;
    ASSERT_FLOAT_EQ(a.arm[1].cost[i], (began ? 3.0F : 1.0F) * b.arm[1].cost[i]);
  }
  EXPECT_GT(before, 100U);
  EXPECT_LT(before, a.size);
}

TEST(World, ARampGrowsFromRequestToRequest) {
  Scenario scenario = quiet_world();
  scenario.effects = {effect("latency", 3.0)};
  scenario.effects[0].ramp_in = 60s;
  scenario.baseline.latency.timeout_seconds = 1e6;
  Played with(scenario);
  Played without(healthy_twin(scenario));
  const Columns& a = with.fill(kEverything);
  const Columns& b = without.fill(kEverything);
  for (std::size_t i = 0; i < a.size; ++i)
    ASSERT_NEAR(a.arm[1].latency[i] / b.arm[1].latency[i], 1.0 + 2.0 * a.at_seconds[i] / 60.0,
                1e-4);
}

TEST(World, WindowsDoNotDependOnHowTheyWereReached) {
  Played through(quiet_world());
  std::vector<float> second;
  through.fill(kEverything);
  through.world->advance();
  const Columns& columns = through.fill(kEverything);
  second = head(columns.arm[1].latency, columns.size);

  Played direct(quiet_world());
  direct.world->advance();  // nothing of the first window was ever wanted
  EXPECT_EQ(head(direct.fill(kEverything).arm[1].latency, second.size()), second);
}

TEST(World, ChunksCutAWindowWithoutRemainder) {
  Scenario scenario = quiet_world();
  scenario.traffic.arrivals = PoissonArrivals{240.0};
  Played played(scenario);
  std::size_t requests = 0;
  double last = -1.0;
  for (std::size_t chunk = 0; chunk < played.world->chunks(); ++chunk) {
    for (const double at : played.world->chunk_times(chunk)) {
      EXPECT_GE(at, last);
      last = at;
      ++requests;
    }
  }
  EXPECT_EQ(played.world->chunks(), 4U);
  EXPECT_EQ(requests, played.world->requests());
  EXPECT_LT(last, 60.0);
}

TEST(World, BucketsStayWithTheirUser) {
  Played played(quiet_world());
  std::vector<int> bucket_of(300, -1);
  for (int window = 0; window < 5; ++window) {
    const Columns& columns = played.fill(kEverything);
    for (std::size_t i = 0; i < columns.size; ++i) {
      int& known = bucket_of[columns.user[i]];
      if (known < 0) known = columns.bucket[0][i];
      ASSERT_EQ(known, columns.bucket[0][i]);
      ASSERT_LT(columns.bucket[0][i], kWholeExposure);
      ASSERT_LT(columns.bucket[kRequestBuckets][i], kWholeExposure);
    }
    played.world->advance();
  }
}

}  // namespace
}  // namespace gatewright::sim
