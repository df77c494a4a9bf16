// Ratings that come later than the answers they rate.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <vector>

#include "sim/telemetry/late_feedback.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

Scenario rated_world(DelayLaw delay) {
  Scenario scenario = quiet_world();
  scenario.baseline.thumbs = {.down = 0.1, .up = 0.1, .rate_given = 1.0, .delay = delay};
  return scenario;
}

/// Half of the traffic, for ever, or until everybody is served.
Contender rated(std::optional<Duration> whole_from = {}) {
  Script script;
  script.stages = {{"half", {.served = 5'000}}, {"all", {.served = kWholeExposure}}};
  if (whole_from) script.leave_at = {*whole_from};
  script.probes = {probe("thumbs_down", Statistic::Kind::rate)};
  return scripted(script);
}

struct Windows {
  std::map<std::uint64_t, Summary> baseline, candidate;
};
Windows windows(const Contender& contender, const Scenario& scenario) {
  RunTrace trace;
  const RunRecord record = play(contender, scenario, {7, 0}, &trace);
  EXPECT_EQ(record.faults, 0U) << "no report has more ratings than answers";
  Windows windows;
  for (const JournalEntry& entry : trace.journal.entries())
    if (const auto* told = std::get_if<Samples>(&entry.observation.event)) {
      windows.baseline[told->window] = told->baseline;
      windows.candidate[told->window] = told->candidate;
    }
  return windows;
}

TEST(LateFeedback, ADelayOfNothingIsNoDelay) {
  EXPECT_FALSE(RatingDelays({}, 1min, 1h).any());
  EXPECT_TRUE(RatingDelays({DelayLaw::Kind::fixed, 1.0, 0.0}, 1min, 1h).any());
  EXPECT_TRUE(RatingDelays({DelayLaw::Kind::uniform, 0.0, 1.0}, 1min, 1h).any());
}

TEST(LateFeedback, AWindowsRatingsComeWholeWindowsLater) {
  const Windows now = windows(rated(), rated_world({}));
  const Windows late = windows(rated(), rated_world({DelayLaw::Kind::fixed, 600.0, 0.0}));
  ASSERT_GT(late.candidate.size(), 200U);
  for (const auto& [k, told] : late.candidate) {
    EXPECT_EQ(told.count, now.candidate.at(k).count) << "answers count when they are given";
    EXPECT_EQ(told.sum, k < 10 ? 0.0 : now.candidate.at(k - 10).sum);
  }
}

TEST(LateFeedback, ARatingCountsAtTheArmThatAnsweredEvenAfterItsExposure) {
  const Contender contender = rated(Duration(1h));
  const Windows now = windows(contender, rated_world({}));
  const Windows late = windows(contender, rated_world({DelayLaw::Kind::fixed, 600.0, 0.0}));
  // The candidate answers everything from 1 h 0 min 2 s on; what comes in then was given before.
  EXPECT_EQ(late.candidate.at(65).sum, now.candidate.at(55).sum);
  EXPECT_GT(late.candidate.at(65).count, 1.7 * static_cast<double>(now.candidate.at(55).count));
  // The baseline answers nothing more, so its ratings find no report.
  EXPECT_EQ(late.baseline.at(65).count, 0U);
  EXPECT_EQ(late.baseline.at(65).sum, 0.0);
}

TEST(LateFeedback, NothingIsLostAndNothingComesTooSoon) {
  const Windows now = windows(rated(), rated_world({}));
  const Windows late = windows(rated(), rated_world({DelayLaw::Kind::uniform, 0.0, 300.0}));
  double given = 0.0;
  double come = 0.0;
  std::vector<double> given_until;
  for (const auto& [k, told] : late.candidate) {
    given += now.candidate.at(k).sum;
    come += told.sum;
    given_until.push_back(given);
    EXPECT_LE(come, given);
    const double due = k < 5 ? 0.0 : given_until[k - 5];
    EXPECT_GE(come, due);
  }
}

TEST(LateFeedback, WhatFindsNoAnswersIsCarriedToTheNextReport) {
  // One request a minute and every one rated, up to an hour later: windows without an answer are
  // common, and so are windows in which more ratings come than answers are given.
  Scenario sparse = rated_world({DelayLaw::Kind::uniform, 0.0, 3600.0});
  sparse.traffic.arrivals = PoissonArrivals{1.0 / 60.0};
  sparse.horizon = 200h;
  sparse.baseline.error_probability = 0.0;
  sparse.baseline.thumbs.down = 1.0;
  sparse.baseline.thumbs.up = 0.0;
  const Windows late = windows(rated(), sparse);
  double answers = 0.0;
  double ratings = 0.0;
  for (const auto& [k, told] : late.candidate) {
    EXPECT_LE(told.sum, static_cast<double>(told.count));
    answers += static_cast<double>(told.count);
    ratings += told.sum;
  }
  EXPECT_GT(answers, 5'000.0);
  // Those missing at the end: some 15 under way, and a queue that waits for answers. Each answer takes
  // in at most one rating and each gives one, so the queue is that of a walk reflected at 0 which is
  // tied to its start but for what is under way.
  EXPECT_GT(ratings, answers - 300.0);
  EXPECT_LE(ratings, answers);
}

TEST(LateFeedback, AReportCutShortSeesTheRatingsOfItsHalfOnly) {
  Scenario world = rated_world({DelayLaw::Kind::fixed, 600.0, 0.0});
  const Windows whole = windows(rated(), world);
  TelemetryFault fault;
  fault.kind = TelemetryFaultKind::truncated;
  world.telemetry.faults = {fault};
  const Windows cut = windows(rated(), world);
  double in_half = 0.0;
  double in_all = 0.0;
  for (const auto& [k, told] : cut.candidate) {
    EXPECT_LE(told.sum, whole.candidate.at(k).sum);
    in_half += told.sum;
    in_all += whole.candidate.at(k).sum;
  }
  EXPECT_NEAR(in_half, 0.5 * in_all, 2.0 * std::sqrt(in_all));  // four standard errors
}

}  // namespace
}  // namespace gatewright::sim
