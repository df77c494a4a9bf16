// Who is served: by session, tenant or time, lists of users, and interleaved answers.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "policies/plan_encoding.h"
#include "sim/users/assignment.h"
#include "sim/users/population.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

/// A chunk of requests with columns of our own.
struct Requests {
  explicit Requests(std::size_t n) : times(n) {
    columns->size = n;
    columns->at_seconds = times.data();
    for (std::size_t i = 0; i < n; ++i) {
      times[i] = static_cast<double>(i);
      columns->user[i] = static_cast<std::uint32_t>(i % 50);
      columns->tenant[i] = static_cast<std::uint32_t>(1 + i % 7);
      columns->session[i] = static_cast<std::uint32_t>(i / 3);
      columns->bucket[0][i] = static_cast<std::uint16_t>(100 * (i % 50));
    }
  }
  std::vector<double> times;
  std::unique_ptr<Columns> columns = std::make_unique<Columns>();
};

Assignment by(AssignmentUnit unit) {
  Assignment assignment;
  assignment.by = unit;
  return assignment;
}

TEST(AssignmentModes, UsersAndRequestsAreTheWorldsOwnColumns) {
  EXPECT_FALSE(is_special(by(AssignmentUnit::user)));
  EXPECT_FALSE(is_special(by(AssignmentUnit::request)));
  EXPECT_TRUE(is_special(by(AssignmentUnit::session)));
  Assignment listed = by(AssignmentUnit::user);
  listed.deny = {4};
  EXPECT_TRUE(is_special(listed));
}

TEST(AssignmentModes, ASessionAndATenantGoOneWayByTheirHash) {
  Requests requests(300);
  for (const AssignmentUnit unit : {AssignmentUnit::session, AssignmentUnit::tenant}) {
    AssignmentColumn column(by(unit));
    column.start({7, 3});
    column.fill(*requests.columns);
    for (std::size_t i = 0; i < 300; ++i) {
      const std::uint32_t number = unit == AssignmentUnit::session ? requests.columns->session[i]
                                                                   : requests.columns->tenant[i];
      EXPECT_EQ(column.buckets().of_place[i],
                bucket(AssignmentHash::md5, "7.3", std::to_string(number)));
    }
  }
}

TEST(AssignmentModes, ABlockOfTimeGoesOneWay) {
  Requests requests(300);
  Assignment assignment = by(AssignmentUnit::time);
  assignment.block = 1min;
  AssignmentColumn column(assignment);
  column.start({7, 3});
  column.fill(*requests.columns);
  for (std::size_t i = 0; i < 300; ++i)
    EXPECT_EQ(column.buckets().of_place[i],
              bucket(AssignmentHash::md5, "7.3", std::to_string(i / 60 + 1)));
}

TEST(AssignmentModes, ListedUsersAreServedAlwaysOrNever) {
  Requests requests(100);
  Assignment assignment = by(AssignmentUnit::user);
  assignment.allow = {49, 4};
  assignment.deny = {0, 4};
  AssignmentColumn column(assignment);
  column.start({7, 3});
  column.fill(*requests.columns);
  Split split;
  const auto served = [&](std::uint16_t share) {
    const ExposureSegment all{.exposure = {.served = share}};
    split.split(*requests.columns, column.buckets(), std::span(&all, 1), kNever);
    std::vector<bool> users(50);
    for (const std::uint16_t place : split.served()) users[requests.columns->user[place]] = true;
    return users;
  };
  EXPECT_FALSE(served(0)[49]) << "in the shadow nobody is served";
  EXPECT_TRUE(served(1)[49]);
  EXPECT_FALSE(served(1)[0]) << "its bucket is 0";
  EXPECT_FALSE(served(kWholeExposure)[0]);
  EXPECT_FALSE(served(kWholeExposure)[4]) << "`deny` wins";
  EXPECT_TRUE(served(kWholeExposure)[1]);
}

TEST(AssignmentModes, PlayInAWorld) {
  Scenario scenario = quiet_world();
  scenario.horizon = 2h;
  scenario.traffic.tenants.count = 40;
  for (const AssignmentUnit unit :
       {AssignmentUnit::user, AssignmentUnit::request, AssignmentUnit::session,
        AssignmentUnit::tenant, AssignmentUnit::time}) {
    Script script;
    script.stages = {{"half", {.served = 5'000}}};
    script.probes = {probe("latency", Statistic::Kind::mean)};
    RunTrace trace;
    const RunRecord record = play(scripted(script, by(unit)), scenario, {7, 0}, &trace);
    EXPECT_TRUE(record.violations.empty());
    const Totals sums = totals(trace, 0);
    const double share = static_cast<double>(sums.candidate.count) /
                         static_cast<double>(sums.candidate.count + sums.baseline.count);
    // Twelve blocks of time, or forty tenants, are not many; requests and sessions are.
    const bool fine = unit == AssignmentUnit::request || unit == AssignmentUnit::session;
    EXPECT_NEAR(share, 0.5, fine ? 0.006 : 0.45) << static_cast<int>(unit);
  }
}

TEST(AssignmentModes, BlocksOfTimeLeaveEachWindowToOneArm) {
  Script script;
  script.stages = {{"half", {.served = 5'000}}};
  script.probes = {probe("latency", Statistic::Kind::mean)};
  RunTrace trace;
  play(scripted(script, by(AssignmentUnit::time)), quiet_world(), {7, 0}, &trace);
  std::size_t windows = 0;
  for (const JournalEntry& entry : trace.journal.entries())
    if (const auto* told = std::get_if<Samples>(&entry.observation.event);
        told && told->window > 0) {
      ++windows;
      EXPECT_TRUE(told->baseline.count == 0 || told->candidate.count == 0);
    }
  EXPECT_GT(windows, 200U);
}

TEST(AssignmentModes, APlanThatSaysNothingNewHasTheDigestItHad) {
  PlanSpec plan = five_gates();
  EXPECT_EQ(encode(plan).find("interleaved"), std::string::npos);
  EXPECT_EQ(encode(plan).find("allow"), std::string::npos);
  const std::uint64_t before = plan_digest(plan);
  plan.assignment.deny = {4};
  plan.stages[0].interleaved = 0.2;
  EXPECT_NE(plan_digest(plan), before);
  const auto decoded = decode_plan(encode(plan));
  ASSERT_TRUE(std::holds_alternative<PlanSpec>(decoded));
  EXPECT_EQ(std::get<PlanSpec>(decoded).assignment, plan.assignment);
  EXPECT_EQ(std::get<PlanSpec>(decoded).stages[0].interleaved, 0.2);
  // What is not written is not read either.
  std::string text = encode(plan);
  text.replace(text.find("\"interleaved\":0.2"), 17, "\"interleaved\":0");
  EXPECT_TRUE(std::holds_alternative<DecodeError>(decode_plan(text)));
}

// ---- interleaving ----

PlanSpec compare() {
  PlanSpec plan;
  plan.name = "compare";
  plan.stages = {stage("compare", 0.0, 3h), stage("100%", 1.0, 30min)};
  plan.stages[0].interleaved = 0.2;
  plan.gates = {gate(
      "preference", "preference", "fixed_threshold",
      {.relation = HarmSpec::Relation::absolute, .direction = Direction::down, .margin = 0.45})};
  plan.gates[0].window = 30min;
  plan.gates[0].every = 30min;
  return plan;
}

Scenario scored_world(double shift) {
  Scenario scenario = quiet_world();
  scenario.baseline.error_probability = 0.0;
  scenario.baseline.quality = {0.5, 0.1};
  scenario.interleaving = {.clicked = 0.6, .scale = 0.3};
  if (shift != 0.0) scenario.effects = {effect("quality", 1.0, shift)};
  return scenario;
}

Summary wins(const Scenario& scenario) {
  Script script;
  script.stages = {{"compare", {.interleaved = 2'000}}};
  script.probes = {probe("preference", Statistic::Kind::rate)};
  RunTrace trace;
  const RunRecord record = play(scripted(script), scenario, {7, 0}, &trace);
  EXPECT_EQ(record.faults, 0U);
  const Totals sums = totals(trace, 0);
  EXPECT_EQ(sums.baseline.count, sums.candidate.count) << "one click, two teams";
  EXPECT_EQ(sums.baseline.sum + sums.candidate.sum, static_cast<double>(sums.candidate.count));
  return sums.candidate;
}

TEST(Interleaving, ClicksAreAsManyAsWritten) {
  // 239 minutes at 20 a second, of which 20% are interleaved and 60% of those clicked.
  const auto clicks = static_cast<double>(wins(scored_world(0.0)).count);
  const double expected = 239.0 * 60.0 * 20.0 * 0.2 * 0.6;
  EXPECT_NEAR(clicks, expected, 4.0 * std::sqrt(expected));
}

TEST(Interleaving, PreferenceFollowsTheQualityDifference) {
  // Difference d of two normal scores of sd 0.1 and correlation 0.6: sd 0.1 sqrt(2 x 0.4). Then
  // E Phi(d / s) = Phi(shift / sqrt(s^2 + sd_d^2)).
  for (const double shift : {0.0, -0.1, 0.05}) {
    const Summary won = wins(scored_world(shift));
    const double rate = won.sum / static_cast<double>(won.count);
    const double z = shift / std::sqrt(0.3 * 0.3 + 0.01 * 2.0 * 0.4);
    const double expected = 0.5 * std::erfc(-z / std::numbers::sqrt2);
    EXPECT_NEAR(rate, expected, 4.0 * 0.5 / std::sqrt(static_cast<double>(won.count))) << shift;
  }
}

TEST(Interleaving, AnArmWithoutAnAnswerLosesTheClick) {
  Scenario scenario = scored_world(0.0);
  scenario.effects = {effect("error", 1.0, 1.0)};
  const Summary won = wins(scenario);
  EXPECT_GT(won.count, 0U);
  EXPECT_EQ(won.sum, 0.0);
}

TEST(Interleaving, AThresholdOnThePreferenceHaltsTheWorseModelOnly) {
  const RunRecord same = play(contender(compare()), scored_world(0.0));
  EXPECT_EQ(same.outcome, Outcome::completed);
  const RunRecord worse = play(contender(compare()), scored_world(-0.1));
  EXPECT_EQ(worse.outcome, Outcome::halted);
  EXPECT_EQ(worse.cause, Cause::gate_failed);
  EXPECT_EQ(worse.stage, 0);
  EXPECT_TRUE(check_fit(contender(compare()), scored_world(0.0)).empty());
}

TEST(Interleaving, TakesOtherRequestsThanMirroringAndServing) {
  Requests requests(300);
  for (std::size_t i = 0; i < 300; ++i)
    requests.columns->mirror[i] = word_of((static_cast<double>(i) + 0.5) / 300.0);
  Split split;
  const ExposureSegment all{.exposure = {.mirrored = 1'000, .interleaved = 2'000}};
  split.split(*requests.columns, {}, std::span(&all, 1), kNever);
  EXPECT_EQ(split.places(kCandidateArm, MetricScope::interleaved).size(), 60U);
  EXPECT_EQ(split.interleaved().front(), 30);
  EXPECT_EQ(split.mirrored().size(), 90U);
  EXPECT_EQ(split.places(kBaselineArm, MetricScope::all).size(), 300U);
  EXPECT_TRUE(split.served().empty());
}

}  // namespace
}  // namespace gatewright::sim
