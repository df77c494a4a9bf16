#include "sim/router/router.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "sim/delay.h"
#include "sim/router/split.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

Rollback fixed(double seconds) {
  Rollback rollback;
  rollback.actuation = Actuation::custom;
  rollback.delay = {DelayLaw::Kind::fixed, seconds, 0.0};
  return rollback;
}

Instant at(Duration since_start) { return Instant{} + since_start; }

TEST(Router, ObeysAfterItsDelay) {
  Router router(fixed(2.0));
  router.start({1, 0});
  const auto pending = router.request({.served = 100}, at(10s));
  ASSERT_TRUE(pending);
  EXPECT_EQ(pending->at, at(12s));
  EXPECT_EQ(router.applied(), Exposure{});
  EXPECT_TRUE(router.apply(pending->number, pending->at).confirms);
  EXPECT_EQ(router.applied().served, 100);
}

TEST(Router, IsAskedOnceForOneTarget) {
  Router router(fixed(2.0));
  router.start({1, 0});
  EXPECT_TRUE(router.request({}, at(0s))) << "even nothing is confirmed once";
  EXPECT_FALSE(router.request({}, at(1s)));
  EXPECT_TRUE(router.request({.served = 1}, at(1s)));
  EXPECT_FALSE(router.request({.served = 1}, at(9s)));
}

TEST(Router, TheLatestTargetWins) {
  Router router(fixed(5.0));
  router.start({1, 0});
  const auto up = router.request({.served = 100}, at(0s));
  const auto down = router.request({}, at(1s));
  EXPECT_FALSE(router.apply(up->number, up->at).confirms);
  EXPECT_TRUE(router.apply(down->number, down->at).confirms);
  EXPECT_EQ(router.applied(), Exposure{});
}

TEST(Router, RollingKeepsThePresentExposureOnly) {
  Router router(fixed(1.0));
  router.start({1, 0});
  router.apply(router.request({.served = 100}, at(1s))->number, at(100s));
  router.apply(router.request({.served = 200}, at(1s))->number, at(200s));
  EXPECT_EQ(router.timeline().size(), 3U);
  router.roll(at(300s));
  ASSERT_EQ(router.timeline().size(), 1U);
  EXPECT_EQ(router.timeline()[0].exposure.served, 200);
  EXPECT_EQ(router.timeline()[0].from, at(300s));
}

TEST(Delay, StaysWithinItsLawAndIsAFunctionOfItsKey) {
  const DelayLaw uniform{DelayLaw::Kind::uniform, 1.0, 5.0};
  double sum = 0.0;
  for (std::uint64_t i = 0; i < 4'000; ++i) {
    const Duration delay = draw_delay(uniform, {1, 2, "test", i});
    ASSERT_GE(delay, 1s);
    ASSERT_LE(delay, longest_delay(uniform));
    ASSERT_EQ(delay, draw_delay(uniform, {1, 2, "test", i}));
    sum += std::chrono::duration<double>(delay).count();
  }
  // 4,000 draws: the mean's standard error is 0.018 s.
  EXPECT_NEAR(sum / 4'000.0, 3.0, 0.1);
}

/// Ten requests, one a second, with buckets 0, 1000, .. 9000 and mirror draws 0.05, 0.15, .. 0.95.
struct TenRequests {
  TenRequests() {
    for (std::size_t i = 0; i < 10; ++i) {
      times[i] = static_cast<double>(i);
      columns->bucket[0][i] = static_cast<std::uint16_t>(1'000 * i);
      columns->mirror[i] = word_of(0.05 + 0.1 * static_cast<double>(i));
      for (const std::size_t arm : {kBaselineArm, kCandidateArm}) columns->arm[arm].events[i] = 0;
    }
    columns->size = 10;
    columns->at_seconds = times.data();
  }
  Buckets buckets() const { return {.of_place = columns->bucket[0].data()}; }
  std::array<double, 10> times{};
  std::unique_ptr<Columns> columns = std::make_unique<Columns>();
};

ExposureSegment from(double seconds, Exposure exposure) {
  return {Instant(Duration(static_cast<Duration::rep>(seconds * 1e9))), seconds, exposure};
}

std::vector<int> ints(Split::Places places) { return {places.begin(), places.end()}; }

TEST(RowSet, CountsAndListsItsRows) {
  // Every 3rd to 700th row of a stretch that begins and ends within a word of bits; and all, and none.
  for (const std::size_t step : {1U, 3U, 20U, 700U, 5'000U}) {
    RowBits bits{};
    std::vector<std::uint16_t> expected;
    for (std::size_t i = 77; i < 1'500; i += step) {
      bits[i / 64] |= std::uint64_t{1} << (i % 64);
      expected.push_back(static_cast<std::uint16_t>(i));
    }
    RowSet rows;
    rows.assign(bits);
    EXPECT_EQ(rows.size(), expected.size());
    EXPECT_EQ(std::vector(rows.places().begin(), rows.places().end()), expected);
    if (step == 1) {
      EXPECT_EQ(bits, rows_between(77, 1'500));
    }
    EXPECT_EQ(without(bits, bits), RowBits{});
    EXPECT_EQ(either(without(rows_between(0, kChunk), bits), bits), rows_between(0, kChunk));
    EXPECT_EQ(both(bits, rows_between(0, kChunk)), bits);
  }
  RowSet whole;
  whole.assign(rows_between(0, kChunk));
  EXPECT_EQ(whole.places().size(), kChunk);
  EXPECT_EQ(whole.places().back(), kChunk - 1);
  EXPECT_TRUE(RowSet().places().empty());
}

TEST(Split, ServesTheBucketsBelowTheShare) {
  TenRequests ten;
  Split split;
  split.split(*ten.columns, ten.buckets(), std::array{from(0, {.served = 3'000})}, kNever);
  EXPECT_EQ(ints(split.served()), (std::vector{0, 1, 2}));
  EXPECT_EQ(ints(split.places(kBaselineArm, MetricScope::all)), (std::vector{3, 4, 5, 6, 7, 8, 9}));
  EXPECT_TRUE(split.mirrored().empty());
  EXPECT_EQ(split.requests(), 10U);
}

TEST(Split, MirrorsAmongThoseTheCandidateDoesNotServe) {
  TenRequests ten;
  Split split;
  split.split(*ten.columns, ten.buckets(),
              std::array{from(0, {.served = 2'000, .mirrored = 5'000})}, kNever);
  EXPECT_EQ(ints(split.served()), (std::vector{0, 1}));
  EXPECT_EQ(ints(split.mirrored()), (std::vector{2, 3, 4}));
  EXPECT_EQ(ints(split.places(kCandidateArm, MetricScope::all)), (std::vector{0, 1, 2, 3, 4}));
  EXPECT_EQ(split.places(kBaselineArm, MetricScope::all).size(), 8U);
}

TEST(Split, FollowsTheExposureWithinTheChunk) {
  TenRequests ten;
  Split split;
  split.split(*ten.columns, ten.buckets(),
              std::array{from(0, {}), from(2.5, {.served = kWholeExposure}), from(5.0, {})},
              kNever);
  EXPECT_EQ(ints(split.served()), (std::vector{3, 4}));
}

TEST(Split, IgnoresRequestsAfterTheEnd) {
  TenRequests ten;
  Split split;
  split.split(*ten.columns, ten.buckets(), std::array{from(0, {.served = kWholeExposure})},
              Instant{} + 4s);
  EXPECT_EQ(ints(split.served()), (std::vector{0, 1, 2, 3}));
  EXPECT_EQ(split.requests(), 4U);
}

TEST(Split, ScopesNarrowToWhatWasAnsweredAndSeen) {
  TenRequests ten;
  ten.columns->arm[kBaselineArm].events[9] = kError;
  ten.columns->arm[kCandidateArm].events[0] = kError;
  ten.columns->arm[kCandidateArm].events[3] = kError | kTimeout;
  ten.columns->arm[kCandidateArm].events[4] = kRefusal;
  Split split;
  split.split(*ten.columns, ten.buckets(),
              std::array{from(0, {.served = 2'000, .mirrored = 5'000})}, kNever);
  split.find_answered(*ten.columns);
  EXPECT_EQ(ints(split.places(kCandidateArm, MetricScope::answered)), (std::vector{1, 2, 4}));
  EXPECT_EQ(ints(split.places(kCandidateArm, MetricScope::seen)), (std::vector{1}));
  EXPECT_EQ(ints(split.places(kBaselineArm, MetricScope::seen)),
            (std::vector{2, 3, 4, 5, 6, 7, 8}));
  for (const std::size_t arm : {kBaselineArm, kCandidateArm})
    EXPECT_EQ(ints(split.places(arm, MetricScope::paired)), (std::vector{2, 4}));
}

TEST(Split, SeenIsEverythingAnsweredWhereNothingIsMirrored) {
  TenRequests ten;
  Split split;
  split.split(*ten.columns, ten.buckets(), std::array{from(0, {.served = kWholeExposure})}, kNever);
  split.find_answered(*ten.columns);
  EXPECT_EQ(split.places(kCandidateArm, MetricScope::seen).size(), 10U);
}

}  // namespace
}  // namespace gatewright::sim
