// Units of the assignment as the world counts them: each once per spell of exposure, at its arm.
#include <set>

#include <gtest/gtest.h>

#include "sim/users/unit_sightings.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

/// Half of the traffic from the start, three quarters from minute 60, to minute 120.
Script halves_then_more() {
  Script script;
  script.stages = {{"half", {.served = 5'000}}, {"more", {.served = 7'500}}};
  script.leave_at = {60min, 120min};
  script.probes = {probe(std::string(kAssignedUnits), Statistic::Kind::rate),
                   probe("latency", Statistic::Kind::mean)};
  return script;
}

/// Counts of windows [first, last) of the units' probe.
struct Units {
  std::uint64_t baseline = 0, candidate = 0;
  [[nodiscard]] std::uint64_t all() const { return baseline + candidate; }
};
Units units_in(const RunTrace& trace, std::uint64_t first, std::uint64_t last) {
  Units units;
  for (const JournalEntry& entry : trace.journal.entries())
    if (const auto* told = std::get_if<Samples>(&entry.observation.event))
      if (told->probe == ProbeIndex{0} && told->window >= first && told->window < last) {
        units.baseline += told->baseline.count;
        units.candidate += told->candidate.count;
      }
  return units;
}

Units play_units(const Assignment& assignment, const Scenario& world, std::uint64_t first,
                 std::uint64_t last) {
  RunTrace trace;
  (void)play(scripted(halves_then_more(), assignment), world, {7, 0}, &trace);
  return units_in(trace, first, last);
}

/// How many of users 0..count-1 a share covers, by their buckets.
std::uint64_t covered(const Assignment& assignment, std::uint32_t count, std::uint16_t served) {
  Assigner assigner(assignment, count, 7, 0);
  std::uint64_t covered = 0;
  for (std::uint32_t user = 0; user < count; ++user)
    covered += assigner.user_bucket(user) < served ? 1U : 0U;
  return covered;
}

// 72,000 requests an hour of 300 users, of whom the rarest sends one in a thousand: all are seen.
TEST(AssignedUnits, EveryUserCountsOncePerSpellAtTheArmOfItsBucket) {
  for (const AssignmentHash hash : {AssignmentHash::md5, AssignmentHash::fnv1a}) {
    const Assignment assignment{.by = AssignmentUnit::user, .hash = hash};
    const Units half = play_units(assignment, quiet_world(), 1, 60);
    EXPECT_EQ(half.all(), 300U);
    EXPECT_EQ(half.candidate, covered(assignment, 300, 5'000));
    const Units more = play_units(assignment, quiet_world(), 61, 120);
    EXPECT_EQ(more.all(), 300U);
    EXPECT_EQ(more.candidate, covered(assignment, 300, 7'500));
  }
}

TEST(AssignedUnits, AWindowThatAChangeOfExposureCutsHasNone) {
  EXPECT_EQ(play_units({}, quiet_world(), 0, 1).all(), 0U);
  EXPECT_EQ(play_units({}, quiet_world(), 60, 61).all(), 0U);
  EXPECT_GT(play_units({}, quiet_world(), 1, 2).all(), 200U);
}

TEST(AssignedUnits, ByRequestEveryRequestIsOne) {
  RunTrace trace;
  Scenario world = quiet_world();
  (void)play(scripted(halves_then_more(), {.by = AssignmentUnit::request}), world, {7, 0}, &trace);
  std::uint64_t requests = 0;
  for (const JournalEntry& entry : trace.journal.entries())
    if (const auto* told = std::get_if<Samples>(&entry.observation.event))
      if (told->probe == ProbeIndex{1} && told->window >= 1 && told->window < 60)
        requests += told->baseline.count + told->candidate.count;
  EXPECT_EQ(units_in(trace, 1, 60).all(), requests);
  world.traffic.users.sessions.requests = 1.0;
  EXPECT_EQ(play_units({.by = AssignmentUnit::session}, world, 1, 60).all(), requests)
      << "without sessions each request is one";
}

TEST(AssignedUnits, TenantsAndSessionsCountOnceEach) {
  Scenario world = quiet_world();
  world.traffic.tenants.count = 12;
  EXPECT_EQ(play_units({.by = AssignmentUnit::tenant}, world, 1, 60).all(), 12U);
  world = quiet_world();
  world.traffic.users.sessions.requests = 4.0;
  const std::uint64_t sessions = play_units({.by = AssignmentUnit::session}, world, 1, 60).all();
  // 59 min x 1,200 requests in sessions of 4 on average, and those under way when the hour begins.
  EXPECT_NEAR(static_cast<double>(sessions), 17'700.0, 1'500.0);
}

TEST(AssignedUnits, BehindACacheUsersComeInBlocks) {
  const Assignment cache{.by = AssignmentUnit::time, .block = 10min};
  for (std::uint64_t block = 0; block < 5; ++block) {
    const Units units = play_units(cache, quiet_world(), 10 * block + 1, 10 * block + 10);
    EXPECT_TRUE(units.baseline == 0 || units.candidate == 0) << block;
  }
  EXPECT_EQ(play_units(cache, quiet_world(), 1, 60).all(), 300U);
}

TEST(AssignedUnits, ListedUsersDoNotCount) {
  Assignment assignment;
  for (std::uint32_t user = 0; user < 30; ++user)
    (user < 20 ? assignment.allow : assignment.deny).push_back(user);
  EXPECT_EQ(play_units(assignment, quiet_world(), 1, 60).all(), 270U);
  assignment.by = AssignmentUnit::request;
  Assignment plain = assignment;
  plain.allow.clear();
  plain.deny.clear();
  EXPECT_LT(play_units(assignment, quiet_world(), 1, 60).all(),
            play_units(plain, quiet_world(), 1, 60).all());
}

TEST(AssignedUnits, LongerWindowsAddUpAndHaveTheSameUnits) {
  Script script = halves_then_more();
  script.probes.front() =
      probe(std::string(kAssignedUnits), Statistic::Kind::rate, Form::samples, 5min);
  RunTrace trace;
  (void)play(scripted(script), quiet_world(), {7, 0}, &trace);
  const Units one = play_units({}, quiet_world(), 5, 60);
  EXPECT_EQ(units_in(trace, 1, 12).all(), one.all());
}

// What one contender is told must not depend on who else plays: here one that changes its exposure at
// other times, one that counts no units, and one behind a cache.
TEST(AssignedUnits, DoNotDependOnTheOtherContenders) {
  Script other = halves_then_more();
  other.leave_at = {37min + 13s, 95min};
  Script none = halves_then_more();
  none.probes.erase(none.probes.begin());
  const std::vector<Contender> field{scripted(other, {.by = AssignmentUnit::time}), scripted(none),
                                     scripted(halves_then_more()), scripted(other),
                                     scripted(halves_then_more(), {.by = AssignmentUnit::request})};
  for (const bool depends : {false, true}) {
    Scenario world = quiet_world();
    if (depends) {
      world.effects.push_back(effect("latency", 1.2));
      world.effects.back().above_served = 0.6;  // each contender has a world of its own
    }
    std::vector<RunTrace> traces;
    (void)run(field, *prepared(world), {7, 0}, &traces);
    for (std::size_t i = 0; i < field.size(); ++i) {
      RunTrace alone;
      (void)play(field[i], world, {7, 0}, &alone);
      EXPECT_EQ(traces[i].journal.entries().back().digest, alone.journal.entries().back().digest);
      EXPECT_EQ(units_in(traces[i], 0, 200).all(), units_in(alone, 0, 200).all()) << i;
    }
  }
}

TEST(AssignedUnits, AreCountedOnArrivalWhateverServersDo) {
  Scenario world = quiet_world();
  const Units without = play_units({}, world, 1, 60);
  Serving serving;
  serving.baseline.replicas = serving.candidate.replicas = 50;
  world.serving = serving;
  const Units with = play_units({}, world, 1, 60);
  EXPECT_EQ(with.baseline, without.baseline);
  EXPECT_EQ(with.candidate, without.candidate);
}

TEST(AssignedUnits, ATruncatedReportCutsNone) {
  Scenario world = quiet_world();
  const Units whole = play_units({}, world, 1, 60);
  TelemetryFault fault;
  fault.kind = TelemetryFaultKind::truncated;
  world.telemetry.faults = {fault};
  EXPECT_EQ(play_units({}, world, 1, 60).all(), whole.all());
}

TEST(AssignedUnits, ASpellGoesOnThroughASecondConfirmation) {
  Scenario world = quiet_world();
  world.rollback.applied_twice = 1.0;
  world.rollback.retry_after = 10min;
  EXPECT_EQ(play_units({}, world, 1, 60).all(), 300U);
}

TEST(AssignedUnits, TheProbeMustFitTheTelemetryGrid) {
  Script script = halves_then_more();
  script.probes.front().every = script.probes.front().window = 90s;
  const Diagnostics diagnostics = check_fit(scripted(script), quiet_world());
  ASSERT_EQ(diagnostics.size(), 1U);
  EXPECT_EQ(diagnostics.front().path, "sample_ratio.every");
}

}  // namespace
}  // namespace gatewright::sim
