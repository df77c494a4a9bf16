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
//    0:00.0    4   9955
//    1:30.0    7   7984
//   10:10.0    3   5227
//   10:15.0    0   2235     yes                                                   no effect yet
//   10:40.0    8   4087     yes                                                   the same
//   10:55.0    2   3226     yes     yes           1: user 2 in minute 10          not slow yet
//   19:59.5    0   2235     yes     yes           2: user 0 in minute 19          the same
//   20:00.0    1   1526     yes     yes    1      3: user 1 in minute 20     1
//   20:05.0    0   2235     yes     yes    2      4: user 0 in minute 20     2
//   20:10.0    1   1526     yes     yes    3                                      the same minute
//   20:30.0    2   3226     yes     yes    4      5: user 2 in minute 20     3
//   20:50.0    4   9955                                                           a long prompt
//   30:05.0    2   3226     yes     yes    5      6: user 2 in minute 30     4
//   30:10.0    4   9955
//   30:20.0    5   7174
//   30:50.0    0   2235     yes     yes    6      7: user 0 in minute 30     5
//   39:59.5    1   1526     yes     yes    7      8: user 1 in minute 39     6
//   40:00.0    3   5227
//   40:20.0    8   4087     yes     yes           9: user 8 in minute 40          slow no more
//   50:30.0    1   1526     yes     yes          10: user 1 in minute 50          after the halt
//   50:59.5    0   2235     yes     yes          11: user 0 in minute 50          a long prompt
//   51:00.0    0   2235                                                           rolled back
//   59:50.0    7   7984
//
// 14 served, 12 of them harmed, 7 bad; 11 user-impact minutes, 6 bad user-minutes. The harmed ones ask
// 11 x 1,000 and once 3,000 tokens. Half of the traffic from 10:48 to 51:00 is 20.1 exposure minutes;
// from 10:48 to the halt at 50:00 it took 39:12.
constexpr std::uint64_t kReplication = 3'101;
constexpr std::uint32_t kUsers[] = {4, 7, 3, 0, 8, 2, 0, 1, 0, 1, 2, 4,
                                    2, 4, 5, 0, 1, 3, 8, 1, 0, 0, 7};
constexpr int kBuckets[] = {9955, 7984, 5227, 2235, 4087, 3226, 2235, 1526, 2235, 1526, 3226, 9955,
                            3226, 9955, 7174, 2235, 1526, 5227, 4087, 1526, 2235, 2235, 7984};

TEST_F(HandCounted, TheTableIsOfTheRequestsThatArrive) {
  const auto ready = prepared(world());
  World played(*ready);
  played.start({7, kReplication});
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
  const RunRecord record = play(scripted(script), scenario, {7, kReplication});
  EXPECT_EQ(record.requests, 20U + 1U) << "those from 51:00 on are no longer this rollout's";
  EXPECT_EQ(record.candidate_requests, 14U);
  EXPECT_EQ(record.impact.user_impact_minutes, 11U);
  EXPECT_EQ(record.impact.bad_user_minutes, 6U);
  EXPECT_EQ(record.impact.impacted_requests, 7U);
  EXPECT_NEAR(record.impact.excess_cost_usd, 14'000.0 * 0.15e-6, 1e-9);
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
  const RunRecord record = play(scripted(script), scenario, {7, kReplication});
  EXPECT_EQ(record.impact.user_impact_minutes, 1U);
  EXPECT_NEAR(record.impact.excess_cost_usd, 3'000.0 * 0.15e-6, 1e-9);
  EXPECT_NEAR(record.impact.exposure_minutes, 25.0, 1e-12) << "present for whomever: 1:00 to 51:00";
}

}  // namespace
}  // namespace gatewright::sim
