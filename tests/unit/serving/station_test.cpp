#include "sim/serving/station.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "sim/streams.h"
#include "tests/support/count_allocations.h"
#include "tests/support/stepping_station.h"
#include "tests/support/token_station.h"

namespace gatewright::sim {
namespace {

using namespace testing;
using std::chrono::minutes;
using std::chrono::seconds;

Job job(double at, double work) { return {.at_seconds = at, .work = work}; }

/// All ends, in the order in which the station tells them.
std::vector<EndedJob> play(Station& station, std::span<const Job> jobs) {
  for (const Job& one : jobs) station.arrive(one);
  station.run_out();
  return {station.ended().begin(), station.ended().end()};
}

std::vector<Job> random_jobs(std::size_t count, double rate) {
  Stream stream({11, 0, "test", 0});
  std::vector<Job> jobs;
  double at = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    at -= std::log(stream.uniform()) / rate;
    jobs.push_back({.at_seconds = at,
                    .prefill_seconds = 0.2 * stream.uniform(),
                    .work = -100.0 * std::log(stream.uniform()),
                    .seconds_per_unit = 0.015,
                    .patience_seconds = 6.0,
                    .tag = static_cast<std::uint32_t>(i)});
  }
  return jobs;
}

TEST(Station, AnswersOneAloneInItsPrefillAndItsWork) {
  Station station(pool(1, 4, 0.5));
  const std::vector<Job> jobs{{.at_seconds = 2.0,
                               .prefill_seconds = 0.25,
                               .work = 100.0,
                               .seconds_per_unit = 0.01,
                               .tag = 5}};
  const auto ended = play(station, jobs);
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_DOUBLE_EQ(ended[0].at_seconds, 3.25);
  EXPECT_EQ(ended[0].waited_seconds, 0.0);
  EXPECT_EQ(ended[0].batch.variation(), 0.0);
  EXPECT_EQ(ended[0].tag, 5U);
}

TEST(Station, SharesAReplicaAsTheSlowdownSays) {
  // Two of work 2 and 1 from time 0, slowdown 0.5: both at pace 1 / 1.5 until the second ends at 1.5,
  // then the first alone for the 1 that is left.
  Station station(pool(1, 4, 0.5));
  const auto ended = play(station, std::vector{job(0.0, 2.0), job(0.0, 1.0)});
  ASSERT_EQ(ended.size(), 2U);
  EXPECT_DOUBLE_EQ(ended[0].at_seconds, 1.5);
  EXPECT_EQ(ended[0].sequence, 2U);
  EXPECT_DOUBLE_EQ(ended[1].at_seconds, 2.5);
  // Batches of 2 for 1.5 s and of 1 for 1 s: mean 1.6, sd sqrt(0.24).
  EXPECT_NEAR(ended[1].batch.variation(), std::sqrt(0.24) / 1.6, 1e-12);
}

TEST(Station, QueuesInOrderAndRejectsBeyondTheQueue) {
  ServingPool one = pool(1, 1, 0.0);
  one.queue = 2;
  Station station(one);
  const auto ended =
      play(station, std::vector{job(0.0, 3.0), job(1.0, 1.0), job(1.0, 1.0), job(2.0, 1.0)});
  ASSERT_EQ(ended.size(), 4U);
  EXPECT_EQ(ended[0].sequence, 4U);
  EXPECT_EQ(ended[0].end, JobEnd::rejected);
  EXPECT_EQ(ended[0].at_seconds, 2.0);
  EXPECT_EQ(ended[2].sequence, 2U);
  EXPECT_DOUBLE_EQ(ended[2].waited_seconds, 2.0);
  EXPECT_EQ(ended[3].sequence, 3U);
  EXPECT_DOUBLE_EQ(ended[3].at_seconds, 5.0);
}

TEST(Station, GivesUpWhatWaitsOrRunsTooLong) {
  Station station(pool(1, 1, 0.0));
  std::vector jobs{job(0.0, 10.0), job(1.0, 1.0), job(3.0, 1.0)};
  for (Job& one : jobs) one.patience_seconds = 4.0;
  const auto ended = play(station, jobs);
  ASSERT_EQ(ended.size(), 3U);
  EXPECT_EQ(ended[0].end, JobEnd::given_up);  // while it is answered
  EXPECT_EQ(ended[0].at_seconds, 4.0);
  EXPECT_EQ(ended[1].end, JobEnd::answered);  // its place is free in time
  EXPECT_EQ(ended[1].at_seconds, 5.0);
  EXPECT_EQ(ended[2].end, JobEnd::answered);
  EXPECT_EQ(ended[2].at_seconds, 6.0);
}

TEST(Station, TellsEndsByTimeThenByArrival) {
  Station station(pool(3, 1, 0.0));
  const auto ended = play(station, std::vector{job(0.0, 3.0), job(1.0, 2.0), job(2.0, 1.0)});
  ASSERT_EQ(ended.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(ended[i].at_seconds, 3.0);
    EXPECT_EQ(ended[i].sequence, i + 1);
  }
}

TEST(Station, TakesTheLeastLoadedReplica) {
  // Slowdown 1: had both gone to one replica, neither would end before 2.
  Station station(pool(2, 8, 1.0));
  const auto ended = play(station, std::vector{job(0.0, 1.0), job(0.0, 1.0)});
  EXPECT_DOUBLE_EQ(ended[1].at_seconds, 1.0);
}

/// Three thousand requests near saturation, with prefill, patience and a short queue: each ends as
/// token by token, but for rounding.
TEST(Station, JumpsToWhereTokensGo) {
  for (const double slowdown : {0.0, 0.05, 1.0}) {
    ServingPool three = pool(3, 4, slowdown);
    three.queue = 12;
    const std::vector<Job> jobs = random_jobs(3'000, slowdown == 1.0 ? 1.9 : 7.0);
    Station station(three);
    const auto ended = play(station, jobs);
    const auto expected = play_by_tokens(three, jobs);
    ASSERT_EQ(ended.size(), jobs.size());
    std::array<int, 3> seen{};
    for (const EndedJob& one : ended) {
      const TokenEnd& other = expected[one.tag];
      ASSERT_EQ(one.end, other.end) << one.tag << " with slowdown " << slowdown;
      ASSERT_NEAR(one.at_seconds, other.at_seconds, 1e-7) << one.tag;
      ++seen[static_cast<std::size_t>(one.end)];
    }
    EXPECT_GT(seen[0], 2'000);
    EXPECT_GT(seen[1] + seen[2], 10);
  }
}

/// The same against an event per token: twenty times as many requests, and the station of the benchmark.
TEST(Station, JumpsToWhereStepsGo) {
  for (const double slowdown : {0.0, 0.05, 1.0}) {
    ServingPool three = pool(3, 4, slowdown);
    three.queue = 12;
    const std::vector<Job> jobs = random_jobs(20'000, slowdown == 1.0 ? 1.9 : 7.0);
    Station station(three);
    const auto ended = play(station, jobs);
    const auto expected = SteppingStation(three, jobs).play();
    ASSERT_EQ(ended.size(), jobs.size());
    for (const EndedJob& one : ended) {
      ASSERT_EQ(one.end, expected[one.tag].end) << one.tag << " with slowdown " << slowdown;
      ASSERT_NEAR(one.at_seconds, expected[one.tag].at_seconds, 1e-7) << one.tag;
    }
  }
}

/// Patience of each request's own: deadlines do not come in order of arrival.
TEST(Station, KeepsDeadlinesInOrderWhateverTheirOrderOfArrival) {
  std::vector<Job> jobs = random_jobs(20'000, 8.0);
  Stream stream({11, 1, "test", 0});
  for (Job& one : jobs) one.patience_seconds = 0.5 + 9.0 * stream.uniform();
  Station station(pool(3, 4, 0.05));
  const auto ended = play(station, jobs);
  const auto expected = SteppingStation(pool(3, 4, 0.05), jobs).play();
  std::size_t given_up = 0;
  ASSERT_EQ(ended.size(), jobs.size());
  for (const EndedJob& one : ended) {
    ASSERT_EQ(one.end, expected[one.tag].end) << one.tag;
    ASSERT_NEAR(one.at_seconds, expected[one.tag].at_seconds, 1e-7) << one.tag;
    given_up += one.end == JobEnd::given_up ? 1U : 0U;
  }
  EXPECT_GT(given_up, 1'000U);
}

TEST(Station, SaysTheSameWhereverItIsAskedOnTheWay) {
  const std::vector<Job> jobs = random_jobs(3'000, 6.0);
  ServingPool three = pool(3, 4, 0.05);
  Station at_once(three);
  const auto expected = play(at_once, jobs);
  Station in_windows(three);
  std::vector<EndedJob> ended;
  double window = 1.0;
  const auto drain = [&] {
    ended.insert(ended.end(), in_windows.ended().begin(), in_windows.ended().end());
    in_windows.forget_ended();
  };
  for (const Job& one : jobs) {
    for (; window < one.at_seconds; window += 1.0) {
      in_windows.run_until(window);
      drain();
    }
    in_windows.arrive(one);
  }
  in_windows.run_out();
  drain();
  ASSERT_EQ(ended.size(), expected.size());
  for (std::size_t i = 0; i < ended.size(); ++i) {
    EXPECT_EQ(ended[i].at_seconds, expected[i].at_seconds);
    EXPECT_EQ(ended[i].sequence, expected[i].sequence);
    EXPECT_EQ(ended[i].end, expected[i].end);
  }
}

TEST(Station, ScalesUpAfterAColdStartAndDownAfterLowLoad) {
  ServingPool scaled = pool(1, 4, 0.0);
  scaled.autoscaling = Autoscaling{.least = 1,
                                   .most = 8,
                                   .target = 0.5,
                                   .every = seconds(10),
                                   .cold_start = seconds(30),
                                   .scale_down_after = minutes(2)};
  Station station(scaled);
  for (int i = 0; i < 6; ++i) station.arrive(job(0.0, 100.0));
  station.run_until(9.9);
  EXPECT_EQ(station.provisioned(), 1U);
  EXPECT_EQ(station.waiting(), 2U);
  station.run_until(10.0);  // four busy slots need two replicas at half their use
  EXPECT_EQ(station.provisioned(), 2U);
  EXPECT_EQ(station.ready(), 1U);
  station.run_until(39.9);
  EXPECT_EQ(station.waiting(), 2U);
  station.run_until(40.0);
  EXPECT_EQ(station.ready(), 2U);
  EXPECT_EQ(station.waiting(), 0U);
  station.run_until(60.0);
  EXPECT_EQ(station.provisioned(), 3U);  // six are busy now
  station.run_until(140.0);
  EXPECT_EQ(station.running(), 0U);
  EXPECT_EQ(station.provisioned(), 3U);
  // From 110 s on fewer would do, two of them until the last ended; two minutes later they go.
  station.run_until(230.0);
  EXPECT_EQ(station.provisioned(), 1U);
}

TEST(Station, LetsSurplusReplicasFinishWhatTheyHold) {
  Station station(pool(3, 1, 0.0));
  for (int i = 0; i < 3; ++i) station.arrive(job(0.0, 5.0));
  station.run_until(1.0);
  station.provision({.replicas = 1});
  EXPECT_EQ(station.ready(), 1U);
  EXPECT_EQ(station.running(), 3U);
  station.arrive(job(2.0, 1.0));
  station.run_out();
  ASSERT_EQ(station.ended().size(), 4U);
  EXPECT_EQ(station.ended()[2].at_seconds, 5.0);
  EXPECT_EQ(station.ended()[3].at_seconds, 6.0);  // one replica is left to begin it
  station.provision({.replicas = 2, .cold_start_seconds = 10.0});
  station.arrive(job(7.0, 1.0));
  station.arrive(job(7.0, 1.0));
  station.run_out();
  EXPECT_EQ(station.ended().back().at_seconds, 9.0);  // the second is still cold
  station.run_until(16.0);
  EXPECT_EQ(station.ready(), 2U);
}

TEST(Station, CountsItsUse) {
  Station station(pool(2, 2, 0.0));
  std::vector jobs{job(0.0, 4.0), job(0.0, 2.0)};
  jobs[0].tokens = 10.0;
  for (const Job& one : jobs) station.arrive(one);
  station.run_until(5.0);
  EXPECT_DOUBLE_EQ(station.use().busy_slot_seconds, 6.0);
  EXPECT_DOUBLE_EQ(station.use().slot_seconds, 20.0);
  EXPECT_DOUBLE_EQ(station.use().token_seconds, 40.0);
  EXPECT_DOUBLE_EQ(station.use().waiting_seconds, 0.0);
}

TEST(Station, AllocatesNothingOnceWarm) {
  const std::vector<Job> jobs = random_jobs(20'000, 6.0);
  Station station(pool(3, 4, 0.05));
  const auto one_round = [&] {
    station.start();
    for (const Job& one : jobs) {
      station.arrive(one);
      station.forget_ended();
    }
    station.run_out();
  };
  one_round();
  const std::uint64_t before = allocations.load();
  one_round();
  EXPECT_EQ(allocations.load(), before);
}

}  // namespace
}  // namespace gatewright::sim
