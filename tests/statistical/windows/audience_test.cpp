// Claims, seeds fixed: windows cover the same users as requests do; the number of different users that
// make n requests has the mean and the variance of sampling with replacement (each within 4 standard
// errors, 3,000 draws; the reference draws every request), and so has the number of those whom no window
// showed before (2,000 rollouts). User-minutes of rollouts whose exposure changes within a minute have the mean
// that requests give (within 4 standard errors, 200 rollouts each).
#include "sim/windows/audience.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>
#include <vector>

#include "sim/windows/counts.h"
#include "tests/statistical/windows/comparison.h"
#include "tests/support/worlds.h"

namespace gatewright::sim::testing {
namespace {

Scenario crowd(std::uint32_t users, double zipf) {
  Scenario scenario = quiet_world();
  scenario.traffic.users = {.count = users, .zipf = zipf};
  return scenario;
}

TEST(Audience, CoversTheUsersThatRequestsAreAssignedBy) {
  const Scenario scenario = crowd(3'000, 1.1);
  const auto world = prepared(scenario);
  const Assignment assignment;
  Audience audience(*world, false);
  for (const std::uint64_t replication : {0U, 7U}) {
    audience.start({5, replication});
    Assigner assigner(assignment, 3'000, 5, replication);
    const std::vector<double> activity = activities(scenario.traffic.users, {});
    for (const int basis_points : {100, 2'500, 10'000}) {
      const auto served = static_cast<std::uint16_t>(basis_points);
      double share = 0.0;
      for (std::uint32_t user = 0; user < 3'000; ++user)
        if (assigner.user_bucket(user) < served) share += activity[user];
      const auto parts = audience.parts(assignment, served);
      ASSERT_EQ(parts.size(), 1U);
      EXPECT_NEAR(parts[0].served, share, 1e-12);
      EXPECT_NEAR(parts[0].rest, 1.0 - share, 1e-12);
    }
  }
}

TEST(Audience, ListedUsersAreServedFirstOrNever) {
  const auto world = prepared(crowd(50, 0.0));
  Assignment assignment;
  assignment.allow = {3, 4};
  assignment.deny = {4, 5};
  Audience audience(*world, false);
  audience.start({1, 0});
  EXPECT_NEAR(audience.parts(assignment, 1)[0].served, 1.0 / 50.0, 1e-12);
  EXPECT_NEAR(audience.parts(assignment, 10'000)[0].served, 48.0 / 50.0, 1e-12);
}

TEST(Audience, SegmentsAreThoseOfTheirUsers) {
  Scenario scenario = crowd(2'000, 1.1);
  scenario.traffic.segments = {{"free", 0.8}, {"premium", 0.2}};
  scenario.effects = {effect("error", 2.0)};
  scenario.effects.front().segment = "premium";
  const auto world = prepared(scenario);
  Audience audience(*world, false);
  audience.start({9, 2});
  Segmenter segmenter(scenario.traffic.segments, 2'000);
  segmenter.start(9, 2);
  const std::vector<double> activity = activities(scenario.traffic.users, {});
  double premium = 0.0;
  for (std::uint32_t user = 0; user < 2'000; ++user)
    if (segmenter.segment_of(user) == 1) premium += activity[user];
  const auto parts = audience.parts({}, 10'000);
  ASSERT_EQ(parts.size(), 2U);
  for (const AudiencePart& part : parts)
    EXPECT_NEAR(part.served, part.holding == 0 ? 1.0 - premium : premium, 1e-12);
}

TEST(Audience, DifferentUsersAreCountedAsSamplingWithReplacementDoes) {
  const Scenario scenario = crowd(500, 1.0);
  const auto world = prepared(scenario);
  Audience audience(*world, false);
  audience.start({1, 0});
  const Assignment assignment;
  constexpr std::uint16_t kServed = 5'000;
  Assigner assigner(assignment, 500, 1, 0);
  constexpr std::size_t kTimes = 3'000;
  for (const std::uint64_t requests : {2U, 20U, 300U, 3'000U}) {
    Stream drawn({1, 0, "test.drawn", requests});
    Stream singly({1, 0, "test.singly", requests});
    Sample counted, exact;
    for (std::size_t i = 0; i < kTimes; ++i) {
      counted.push_back(
          static_cast<double>(audience.draw_users({assignment, kServed, 0}, requests, drawn)));
      std::set<std::uint32_t> users;
      for (std::uint64_t k = 0; k < requests;) {
        const std::uint32_t user = world->tables().population.user(singly());
        if (assigner.user_bucket(user) >= kServed) continue;
        users.insert(user);
        ++k;
      }
      exact.push_back(static_cast<double>(users.size()));
    }
    const Moments a = moments(counted), b = moments(exact);
    EXPECT_NEAR(a.mean, b.mean, 4.0 * std::sqrt((a.variance + b.variance) / kTimes)) << requests;
    EXPECT_NEAR(std::sqrt(a.variance), std::sqrt(b.variance), 0.1 * std::sqrt(b.variance))
        << requests;
  }
}

TEST(Audience, NewUsersComeAsRequestsShowThem) {
  const Scenario scenario = crowd(400, 1.0);
  const auto world = prepared(scenario);
  Audience audience(*world, false);
  Assignment assignment;
  assignment.allow = {3};
  assignment.deny = {5};
  constexpr std::uint16_t kServed = 2'000;
  constexpr double kArrivals = 40.0;
  constexpr std::uint64_t kSince = 3, kUntil = 12;
  Assigner assigner(assignment, 400, 1, 0);
  constexpr std::size_t kTimes = 2'000;
  std::array<Sample, 2> counted, exact;  // after all windows, per arm
  Stream drawn({1, 0, "test.drawn", 0});
  Stream singly({1, 0, "test.singly", 0});
  for (std::size_t i = 0; i < kTimes; ++i) {
    audience.start({1, 0});
    std::array<std::uint64_t, 2> all{};
    for (std::uint64_t window = kSince; window < kUntil; ++window) {
      const Audience::Look look{assignment, kServed, kSince, window, kArrivals};
      const auto now = audience.draw_new_users(look, drawn);
      EXPECT_EQ(audience.draw_new_users(look, drawn), now);
      for (const std::size_t arm : {0U, 1U}) all[arm] += now[arm];
    }
    std::array<std::set<std::uint32_t>, 2> users;
    const auto requests = draw_poisson(singly, kArrivals * static_cast<double>(kUntil - kSince));
    for (std::uint64_t k = 0; k < requests; ++k) {
      const std::uint32_t user = world->tables().population.user(singly());
      if (user != 3 && user != 5) users[assigner.user_bucket(user) < kServed ? 1 : 0].insert(user);
    }
    for (const std::size_t arm : {0U, 1U}) {
      counted[arm].push_back(static_cast<double>(all[arm]));
      exact[arm].push_back(static_cast<double>(users[arm].size()));
    }
  }
  for (const std::size_t arm : {0U, 1U}) {
    const Moments a = moments(counted[arm]), b = moments(exact[arm]);
    // Users of like activity count as equal: 0.5% of the mean.
    EXPECT_NEAR(a.mean, b.mean,
                4.0 * std::sqrt((a.variance + b.variance) / kTimes) + 0.005 * b.mean);
    EXPECT_NEAR(a.variance, b.variance, 4.0 * std::sqrt(4.0 / kTimes) * b.variance);
  }
}

TEST(Audience, NobodyIsCountedTwiceInAMinuteThatAChangeCuts) {
  Scenario scenario = crowd(300, 0.8);
  scenario.effects = {effect("error", 1.0, 0.2)};
  scenario.horizon = 3min;
  Script script;
  script.stages = {{"some", {.served = 2'500}}, {"most", {.served = 7'500}}};
  script.leave_at = {90s};
  const Contender one = scripted(script);
  std::array<Sample, 2> all, bad;
  for (const Fidelity fidelity : {Fidelity::requests, Fidelity::windows}) {
    scenario.fidelity = fidelity;
    const auto world = prepared(scenario);
    const std::size_t which = fidelity == Fidelity::windows ? 1 : 0;
    for (std::uint64_t replication = 0; replication < 200; ++replication) {
      const auto records = run(std::span(&one, 1), *world, {4, replication}, nullptr);
      const Impact& impact = records.front().impact;
      all[which].push_back(static_cast<double>(impact.user_impact_minutes));
      bad[which].push_back(static_cast<double>(impact.bad_user_minutes));
    }
  }
  for (const auto& [requests, windows] : {all, bad}) {
    const Moments a = moments(requests), b = moments(windows);
    EXPECT_GT(a.mean, 50.0);
    EXPECT_LT(std::fabs(a.mean - b.mean), 4.0 * std::sqrt((a.variance + b.variance) / 200.0))
        << a.mean << ' ' << b.mean;
  }
}

}  // namespace
}  // namespace gatewright::sim::testing
