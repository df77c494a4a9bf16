// A world of ten users and one hour that is small enough to count by hand.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include "sim/world.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

/// Prompts are of 1,000 tokens, those at 20:50 and 50:59.5 of 3,000; answers are of 100.
constexpr double kSeconds[] = {0,      90,   610,  615,  640,    655,  1199.5, 1200,
                               1205,   1210, 1230, 1250, 1805,   1810, 1820,   1850,
                               2399.5, 2400, 2420, 3030, 3059.5, 3060, 3590};

class HandCounted : public ::testing::Test {
 protected:
  HandCounted() {
    std::ofstream trace(path_);
    trace << "at_seconds,input_tokens,output_tokens\n";
    for (const double at : kSeconds)
      trace << at << (at == 1250 || at == 3059.5 ? ",3000,100\n" : ",1000,100\n");
  }
  ~HandCounted() override {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }

  /// An answer costs $0.15 for a million tokens of its prompt and takes 1.85 s; nothing fails or is refused.
  [[nodiscard]] Scenario world() const {
    Scenario scenario = quiet_world();
    scenario.horizon = 1h;
    scenario.traffic.arrivals =
        TraceArrivals{path_.string(), TraceFormat::csv, TraceRepeat::loop, 5min};
    scenario.traffic.users = {.count = 10, .zipf = 1.1};
    scenario.traffic.input_tokens.reset();
    scenario.traffic.output_tokens.reset();
    scenario.baseline.latency.ttft.sigma = 0.0;
    scenario.baseline.error_probability = 0.0;
    scenario.baseline.refusal_probability = 0.0;
    scenario.baseline.quality.sd = 0.0;
    scenario.baseline.price.output_usd_per_token = 0.0;
    scenario.rollback.delay = {DelayLaw::Kind::fixed, 60.0, 0.0};
    return scenario;
  }

  const std::filesystem::path path_ =
      std::filesystem::path(::testing::TempDir()) /
      ("gatewright_hand_counted_" +
       std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()) + ".csv");
};

// What happens, request by request. The candidate serves users whose bucket is below 5,000 from 1:00,
// a minute after half of the traffic was asked for, to 51:00, a minute after the halt. From 10:48 on
// its answers cost twice as much; from 20:00 to 40:00 they also take 25 s longer, beyond the
// objective of 20 s.
//
//   arrives  user bucket   served  harmed  bad    user-minute   bad user-minute
//    0:00.0    1   8455
//    1:30.0    2   8219
//   10:10.0    0     49     yes                                                   no effect yet
//   10:15.0    1   8455
//   10:40.0    3   6741
//   10:55.0    1   8455
//   19:59.5    9   4810     yes     yes           1: user 9 in minute 19          not slow yet
//   20:00.0    0     49     yes     yes    1      2: user 0 in minute 20     1
//   20:05.0    1   8455
//   20:10.0    0     49     yes     yes    2                                      the same minute
//   20:30.0    0     49     yes     yes    3                                      the same minute
//   20:50.0    2   8219                                                           a long prompt
//   30:05.0    0     49     yes     yes    4      3: user 0 in minute 30     2
//   30:10.0    0     49     yes     yes    5                                      the same minute
//   30:20.0    4   2217     yes     yes    6      4: user 4 in minute 30     3
//   30:50.0    4   2217     yes     yes    7                                      the same minute
//   39:59.5    2   8219
//   40:00.0    6   5349
//   40:20.0    6   5349
//   50:30.0    0     49     yes     yes           5: user 0 in minute 50          after the halt
//   50:59.5    0     49     yes     yes                                           a long prompt
//   51:00.0    0     49                                                           rolled back
//   59:50.0    2   8219
//
// 11 served, 10 of them harmed, 7 bad; 5 user-impact minutes, 3 bad user-minutes. The harmed ones ask
// 9 x 1,000 and once 3,000 tokens. Half of the traffic from 10:48 to 51:00 is 20.1 exposure minutes;
// from 10:48 to the halt at 50:00 it took 39:12.
constexpr std::uint32_t kUsers[] = {1, 2, 0, 1, 3, 1, 9, 0, 1, 0, 0, 2,
                                    0, 0, 4, 4, 2, 6, 6, 0, 0, 0, 2};
constexpr int kBuckets[] = {8455, 8219, 49,   8455, 6741, 8455, 4810, 49, 8455, 49, 49,  8219,
                            49,   49,   2217, 2217, 8219, 5349, 5349, 49, 49,   49, 8219};

TEST_F(HandCounted, TheTableIsOfTheRequestsThatArrive) {
  const auto ready = prepared(world());
  World played(*ready);
  played.start({7, 0});
  std::size_t row = 0;
  for (int window = 0; window < 60; ++window) {
    played.advance();
    for (std::size_t chunk = 0; chunk < played.chunks(); ++chunk) {
      const Columns& columns = played.fill(chunk, kWantUsers | want_bucket(0));
      for (std::size_t i = 0; i < columns.size; ++i, ++row) {
        ASSERT_LT(row, std::size(kUsers));
        EXPECT_EQ(columns.at_seconds[i], kSeconds[row]);
        EXPECT_EQ(columns.user[i], kUsers[row]);
        EXPECT_EQ(columns.bucket[0][i], kBuckets[row]);
      }
    }
  }
  EXPECT_EQ(row, std::size(kUsers));
}

TEST_F(HandCounted, ImpactIsWhatOneCountsByHand) {
  Scenario scenario = world();
  Effect cost = effect("cost", 2.0);
  cost.from = 10min + 48s;
  Effect slow = effect("latency", 1.0, 25.0);
  slow.from = 20min;
  slow.lasts = 20min;
  scenario.effects = {cost, slow};
  Script script;
  script.stages = {{"half", {.served = 5'000}}};
  script.halt_at = 50min;
  const RunRecord record = play(scripted(script), scenario, {7, 0});
  EXPECT_EQ(record.requests, 20U + 1U) << "those from 51:00 on are no longer this rollout's";
  EXPECT_EQ(record.candidate_requests, 11U);
  EXPECT_EQ(record.impact.user_impact_minutes, 5U);
  EXPECT_EQ(record.impact.bad_user_minutes, 3U);
  EXPECT_EQ(record.impact.impacted_requests, 7U);
  EXPECT_NEAR(record.impact.excess_cost_usd, 12'000.0 * 0.15e-6, 1e-9);
  EXPECT_NEAR(record.impact.exposure_minutes, 20.1, 1e-12);
  EXPECT_EQ(record.detection_delay, Duration(39min + 12s));
}

TEST_F(HandCounted, HarmForSomeRequestsCountsForThoseOnly) {
  // Long prompts cost twice as much: the baseline answers the one at 20:50, the candidate that at
  // 50:59.5.
  Scenario scenario = world();
  scenario.effects = {effect("cost", 2.0)};
  scenario.effects[0].above_input_tokens = 2'000.0;
  Script script;
  script.stages = {{"half", {.served = 5'000}}};
  script.halt_at = 50min;
  const RunRecord record = play(scripted(script), scenario, {7, 0});
  EXPECT_EQ(record.impact.user_impact_minutes, 1U);
  EXPECT_NEAR(record.impact.excess_cost_usd, 3'000.0 * 0.15e-6, 1e-9);
  EXPECT_NEAR(record.impact.exposure_minutes, 25.0, 1e-12) << "present for whomever: 1:00 to 51:00";
}

}  // namespace
}  // namespace gatewright::sim
