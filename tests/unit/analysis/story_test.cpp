#include "analysis/story.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <sstream>

#include "analysis/layout.h"
#include "tests/unit/analysis/records.h"

namespace gatewright::analysis {
namespace {

using testing::halted;
using ::testing::HasSubstr;
using testing::kCost;
using ::testing::Not;
using testing::paper_contender;
using namespace std::chrono_literals;

constexpr Exposure kShadow{.served = 0, .mirrored = 500};
constexpr Exposure kOne{.served = 100};

/// Three looks in the shadow, one observation refused, an advance, a look, a halt by cost, a late tick.
struct PaperTrace : sim::RunTrace {
  PaperTrace() {
    initial_state.target = kShadow;
    add(1min, {.exposure = kShadow, .cause = Cause::dwelling}, {std::nan(""), 0.11});
    add(2min, {.exposure = kShadow, .cause = Cause::dwelling}, {0.19, 0.12});
    add(2min,
        {.exposure = kShadow, .cause = Cause::observation_refused, .fault = Fault::window_stale},
        {0.19, 0.12});
    add(3min, {.exposure = kShadow, .cause = Cause::dwelling}, {0.99, 0.13});
    add(60min + 12s,
        {.exposure = kOne,
         .action = Action::advance,
         .cause = Cause::gates_passed,
         .stage = StageIndex{1}},
        {0.4, 0.1});
    add(70min, {.exposure = kOne, .cause = Cause::dwelling, .stage = StageIndex{1}}, {0.7, 0.1});
    add(79min + 1s,
        {.exposure = {},
         .action = Action::halt,
         .cause = Cause::gate_failed,
         .stage = StageIndex{1},
         .failing = kCost},
        {1.07, 0.1});
    add(80min, {.exposure = {}, .cause = Cause::rollout_ended, .stage = StageIndex{1}},
        {1.07, 0.1});
  }
  void add(Duration at, Decision decision, std::vector<double> evidence) {
    const Observation observation{
        .sequence = journal.entries().size() + 1, .at = Instant{} + at, .event = Tick{}};
    decision.sequence = observation.sequence;
    decision.at = observation.at;
    journal.append(observation, decision, 0);
    harm.push_back(std::move(evidence));
  }
};

sim::RunRecord record() {
  sim::RunRecord made = halted(1, kCost, 78min + 1s);
  made.impact.user_impact_minutes = 41;
  made.faults = 1;
  made.fingerprint = 0x5c0e91d2;
  return made;
}

TEST(Story, EndsByTheGatesThatHaltNotByThoseThatAdvise) {
  const auto contender = paper_contender({"cost", "latency"}, testing::kLatency);
  const std::string by = ending(contender, halted(1, kCost | testing::kLatency, 5min));
  EXPECT_THAT(by, HasSubstr("by latency,"));
  EXPECT_THAT(by, Not(HasSubstr("cost")));
}

TEST(Story, HoldsInARowAreOne) {
  const auto rows = story_rows(PaperTrace(), false);
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0].looks, 3U);
  EXPECT_EQ(rows[0].at, 3min);
  EXPECT_EQ(rows[1].action, Action::advance);
  EXPECT_EQ(rows[1].stage, 0) << "the stage in which the decision was taken";
  EXPECT_EQ(rows[1].before, kShadow);
  EXPECT_EQ(rows[1].after, kOne);
  EXPECT_EQ(rows[2].stage, 1);
  EXPECT_EQ(rows[3].action, Action::halt);
  EXPECT_EQ(rows[3].failing, kCost);
}

TEST(Story, EveryLookIsEveryEntry) {
  const auto rows = story_rows(PaperTrace(), true);
  ASSERT_EQ(rows.size(), 8U);
  EXPECT_EQ(rows[2].fault, Fault::window_stale);
}

TEST(Story, TellsTimeStageDecisionCauseEvidenceAndExposure) {
  const std::string page = story(paper_contender(), PaperTrace(), record(), {.repro = "again"});
  EXPECT_EQ(page,
            "         stage  decision cause        cost  latency  exposure\n"
            "00:03:00 shadow hold     dwelling       .9       .1  0%\n"
            "01:00:12 shadow ADVANCE  gates_passed   .4       .1  0% -> 1%\n"
            "01:10:00 1%     hold     dwelling       .7       .1  1%\n"
            "01:19:01 1%     HALT     gate_failed   1.0*      .1  1% -> 0%\n"
            "halted at stage 1% by cost, 78 min after first exposure, 41 user-impact minutes\n"
            "1 observation refused\n"
            "fingerprint 000000005c0e91d2\n"
            "repro: again\n");
}

TEST(Story, FiveGatesFitThePage) {
  const std::vector<std::string> gates{"latency", "cost", "error_or_refusal", "output_tokens",
                                       "thumbs_down"};
  const std::string page = story(paper_contender(gates), PaperTrace(), record(), {});
  std::istringstream in(page);
  for (std::string line; std::getline(in, line);) EXPECT_LE(width(line), kPageWidth) << line;
  for (const std::string& gate : gates) EXPECT_THAT(page, HasSubstr(gate));
}

TEST(Story, EndingsAreSentences) {
  const auto contender = paper_contender();
  EXPECT_EQ(ending(contender, testing::completed(5h)),
            "completed after 5.0 h, 0 user-impact minutes");
  EXPECT_EQ(ending(contender, testing::unfinished()),
            "unfinished at stage 1% after 12.0 h, 0 user-impact minutes");
  EXPECT_THAT(ending(contender, halted(1, 0, 90min)),
              HasSubstr("halted at stage 1% by stage_timeout"));
}

TEST(Story, TellsWhatToDoAboutWhatStoppedARollout) {
  sim::Contender advised = paper_contender();
  PlanSpec plan;
  plan.gates.resize(2);
  plan.gates[0].advice = "spend less";
  advised.plan = std::make_shared<const PlanSpec>(plan);
  EXPECT_THAT(ending(advised, record()), HasSubstr("halted at stage 1% by cost (spend less), "));
  EXPECT_EQ(nlohmann::json::parse(story_json(advised, PaperTrace(), record(), {}))["advice"],
            nlohmann::json({"spend less"}));
  // A gate without advice, and a plan without any, say nothing.
  EXPECT_TRUE(advice(advised, halted(1, testing::kLatency, 10min)).empty());
  EXPECT_TRUE(advice(paper_contender(), record()).empty());
  EXPECT_FALSE(nlohmann::json::parse(story_json(paper_contender(), PaperTrace(), record(), {}))
                   .contains("advice"));

  sim::RunRecord starved = halted(0, 0, 24h);
  starved.waited_for = Cause::awaiting_samples;
  EXPECT_THAT(ending(advised, starved), HasSubstr("by stage_timeout (insufficient data), "));
  starved.waited_for = Cause::awaiting_approval;
  EXPECT_THAT(ending(advised, starved), Not(HasSubstr("insufficient")));
}

TEST(Story, TellsWhatATestFound) {
  sim::RunRecord found = record();
  found.findings = {Finding::none, Finding::candidate_wins};
  EXPECT_TRUE(ending(paper_contender(), found).ends_with("; latency: candidate wins"));
  const auto told = nlohmann::json::parse(story_json(paper_contender(), PaperTrace(), found, {}));
  EXPECT_EQ(told["findings"], nlohmann::json({{"latency", "candidate_wins"}}));
}

TEST(Story, BrokenInvariantsAreTold) {
  sim::RunRecord broken = record();
  broken.violations = {{"S1", 7, "exposure fell"}};
  EXPECT_THAT(story(paper_contender(), PaperTrace(), broken, {}),
              HasSubstr("broken invariant S1 at step 7: exposure fell"));
  EXPECT_THAT(story(paper_contender(), PaperTrace(), record(), {}), Not(HasSubstr("broken")));
}

TEST(Story, JsonHasTheSameRows) {
  const auto whole =
      nlohmann::json::parse(story_json(paper_contender(), PaperTrace(), record(), {}));
  ASSERT_EQ(whole["rows"].size(), 4U);
  EXPECT_EQ(whole["rows"][3]["failing"][0], "cost");
  EXPECT_DOUBLE_EQ(whole["rows"][3]["harm"]["cost"], 1.07);
  EXPECT_EQ(whole["outcome"], "halted");
  EXPECT_EQ(whole["user_impact_minutes"], 41);
}

}  // namespace
}  // namespace gatewright::analysis
