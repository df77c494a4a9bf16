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

/// Prompts are of 1,000 tokens, those of user 5 of 3,000; answers are of 100.
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
//    1:30.0    0     49     yes                                                   no effect yet
//   10:10.0    1   8455
//   10:15.0    3   6741
//   10:40.0    0     49     yes                                                   no effect yet
//   10:55.0    9   4810     yes     yes           1: user 9 in minute 10
//   19:59.5    2   8219
//   20:00.0    1   8455
//   20:05.0    8   9083
//   20:10.0    0     49     yes     yes    1      2: user 0 in minute 20     1
//   20:30.0    0     49     yes     yes    2                                      the same minute
//   20:50.0    5   2826     yes     yes    3      3: user 5 in minute 20     2
//   30:05.0    0     49     yes     yes    4      4: user 0 in minute 30     3
//   30:10.0    2   8219
//   30:20.0    3   6741
//   30:50.0    0     49     yes     yes    5                                      the same minute
//   39:59.5    3   6741
//   40:00.0    2   8219
//   40:20.0    4   2217     yes     yes           5: user 4 in minute 40          fast again
//   50:30.0    3   6741
//   50:59.5    5   2826     yes     yes           6: user 5 in minute 50          after the halt
//   51:00.0    2   8219
//   59:50.0    1   8455                                                           rolled back
//
// 10 served, 8 of them harmed, 5 bad; 6 user-impact minutes, 3 bad user-minutes. The harmed ones ask
// 6 x 1,000 and, user 5, 2 x 3,000 tokens. Half of the traffic from 10:48 to 51:00 is 20.1 exposure
// minutes; from 10:48 to the halt at 50:00 it took 39:12.
constexpr std::uint32_t kUsers[] = {1, 0, 1, 3, 0, 9, 2, 1, 8, 0, 0, 5,
                                    0, 2, 3, 0, 3, 2, 4, 3, 5, 2, 1};
constexpr int kBuckets[] = {8455, 49,   8455, 6741, 49,   4810, 8219, 8455, 9083, 49,   49,  2826,
                            49,   8219, 6741, 49,   6741, 8219, 2217, 6741, 2826, 8219, 8455};

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
  EXPECT_EQ(record.candidate_requests, 10U);
  EXPECT_EQ(record.impact.user_impact_minutes, 6U);
  EXPECT_EQ(record.impact.bad_user_minutes, 3U);
  EXPECT_EQ(record.impact.impacted_requests, 5U);
  EXPECT_NEAR(record.impact.excess_cost_usd, 12'000.0 * 0.15e-6, 1e-9);
  EXPECT_NEAR(record.impact.exposure_minutes, 20.1, 1e-12);
  EXPECT_EQ(record.detection_delay, Duration(39min + 12s));
}

TEST_F(HandCounted, HarmForSomeRequestsCountsForThoseOnly) {
  // Long prompts cost twice as much: those of user 5, at 20:50 and 50:59.5.
  Scenario scenario = world();
  scenario.effects = {effect("cost", 2.0)};
  scenario.effects[0].above_input_tokens = 2'000.0;
  Script script;
  script.stages = {{"half", {.served = 5'000}}};
  script.halt_at = 50min;
  const RunRecord record = play(scripted(script), scenario, {7, 0});
  EXPECT_EQ(record.impact.user_impact_minutes, 2U);
  EXPECT_NEAR(record.impact.excess_cost_usd, 6'000.0 * 0.15e-6, 1e-9);
  EXPECT_NEAR(record.impact.exposure_minutes, 25.0, 1e-12) << "present for whomever: 1:00 to 51:00";
}

}  // namespace
}  // namespace gatewright::sim
