#include "policies/journal.h"

#include <functional>

#include <gtest/gtest.h>

#include "policies/encoding.h"
#include "policies/histogram.h"
#include "tests/unit/policies/fakes.h"

namespace gatewright {
namespace {

using namespace testing;

/// A rollout of the example plan in which every kind of observation occurs.
[[nodiscard]] Driver played() {
  Driver driver(*compile(example_plan()).engine);
  driver.confirm(0s);
  for (std::uint64_t window = 0; window < 40; ++window) {
    const Duration when = 5min * (window + 1);
    const double spread = static_cast<double>(window % 3);
    driver.tell(at(when), Samples{.probe = ProbeIndex{0},
                                  .window = window,
                                  .baseline = {50, -300.0 - spread, 1'900.0},
                                  .candidate = {50, -300.0, 1'900.0 + spread}});
    driver.tell(at(when), Samples{.probe = ProbeIndex{1},
                                  .window = window,
                                  .baseline = {50, 1.0, 1.0},
                                  .candidate = {50, spread, spread}});
    Histogram baseline, candidate;
    for (int i = 0; i < 50; ++i) baseline.add(1.0 + 0.01 * i), candidate.add(1.1 + 0.01 * i);
    driver.tell(at(when), Distributions{.probe = ProbeIndex{2},
                                        .window = window,
                                        .baseline = baseline.view(),
                                        .candidate = candidate.view()});
    const ReadingStatus status = window == 20 ? ReadingStatus::error : ReadingStatus::ok;
    driver.tell(at(when), Readings{.probe = ProbeIndex{3},
                                   .window = window,
                                   .candidate = {.value = 0.5, .status = status}});
    if (window % 4 == 0) driver.tell(at(when), samples(9, window));  // refused
    if (window == 15) driver.command(when, OperatorCommand::Kind::pause);
    if (window == 17) driver.command(when, OperatorCommand::Kind::resume);
    driver.tick(when + 1min);
    if (driver.state.applied != driver.state.target) driver.confirm(when + 2min);
  }
  return driver;
}

TEST(Journal, OwnsTheHistogramsOfItsEntries) {
  Journal journal;
  {
    std::vector<HistogramBin> bins{{3, 4}, {5, 6}};
    journal.append({.sequence = 1, .event = Distributions{.candidate = bins}}, {}, 0);
    bins.assign(2, {});
  }
  for (int i = 0; i < 100; ++i) journal.append({}, {}, 0);
  const auto& told = std::get<Distributions>(journal.entries()[0].observation.event);
  ASSERT_EQ(told.candidate.size(), 2U);
  EXPECT_EQ(told.candidate[1], (HistogramBin{5, 6}));
  EXPECT_TRUE(told.baseline.empty());
}

TEST(Journal, ReplaysWithoutDivergence) {
  const Driver driver = played();
  ASSERT_GT(driver.journal.entries().size(), 200U);
  EXPECT_NE(driver.state.stage, StageIndex{0});
  EXPECT_FALSE(replay(driver.engine, driver.journal).has_value());
  EXPECT_FALSE(replay(driver.engine, Journal()).has_value());
}

TEST(Journal, SurvivesTheRoundTripThroughText) {
  const Driver driver = played();
  Journal read;
  for (const JournalEntry& entry : driver.journal.entries())
    ASSERT_FALSE(decode_entry(encode(entry), read).has_value());
  ASSERT_EQ(read.entries().size(), driver.journal.entries().size());
  for (std::size_t i = 0; i < read.entries().size(); ++i)
    EXPECT_EQ(encode(read.entries()[i]), encode(driver.journal.entries()[i]));
  EXPECT_FALSE(replay(driver.engine, read).has_value());
}

TEST(Journal, ALineThatIsNoEntryIsNotAppended) {
  Journal journal;
  std::string line = encode(JournalEntry{.observation = {.sequence = 1}});
  ASSERT_FALSE(decode_entry(line, journal).has_value());
  line.pop_back();
  ASSERT_TRUE(decode_entry(line, journal).has_value());
  EXPECT_EQ(journal.entries().size(), 1U);
}

TEST(Journal, ASnapshotAtAnyIndexAndTheRestOfTheJournalGiveTheSameDecisions) {
  const Driver driver = played();
  RolloutState state = driver.engine.initial_state(at(0s));
  const auto& entries = driver.journal.entries();
  for (std::size_t start = 0; start < entries.size(); ++start) {
    const auto snapshot = decode_state(encode(state), driver.engine);
    ASSERT_TRUE(std::holds_alternative<RolloutState>(snapshot));
    Journal rest;
    for (std::size_t i = start; i < entries.size(); ++i)
      rest.append(entries[i].observation, entries[i].decision, entries[i].digest);
    const auto divergence = replay(driver.engine, rest, std::get<RolloutState>(snapshot));
    ASSERT_FALSE(divergence.has_value()) << start << ' ' << divergence->field;
    std::ignore = driver.engine.step(state, entries[start].observation);
  }
}

TEST(Journal, FeedingEveryObservationTwiceChangesNothing) {
  const Driver driver = played();
  RolloutState state = driver.engine.initial_state(at(0s));
  for (const JournalEntry& entry : driver.journal.entries()) {
    EXPECT_EQ(driver.engine.step(state, entry.observation), entry.decision);
    const Decision again = driver.engine.step(state, entry.observation);
    EXPECT_EQ(again.exposure, entry.decision.exposure);
    EXPECT_EQ(digest(state), entry.digest);
  }
}

TEST(Journal, ReplayFindsTheFirstDivergenceInEachField) {
  struct Change {
    std::string field;
    std::function<void(JournalEntry&)> apply;
  };
  const std::vector<Change> changes{
      {"decision.sequence", [](JournalEntry& e) { e.decision.sequence ^= 1; }},
      {"decision.at", [](JournalEntry& e) { e.decision.at += 1ns; }},
      {"decision.wake_at", [](JournalEntry& e) { e.decision.wake_at -= 1ns; }},
      {"decision.exposure.served", [](JournalEntry& e) { e.decision.exposure.served ^= 1; }},
      {"decision.exposure.mirrored", [](JournalEntry& e) { e.decision.exposure.mirrored ^= 1; }},
      {"decision.exposure.interleaved",
       [](JournalEntry& e) { e.decision.exposure.interleaved ^= 1; }},
      {"decision.action", [](JournalEntry& e) { e.decision.action = Action::complete; }},
      {"decision.cause", [](JournalEntry& e) { e.decision.cause = Cause::policy_halt; }},
      {"decision.fault", [](JournalEntry& e) { e.decision.fault = Fault::impossible_proposal; }},
      {"decision.stage", [](JournalEntry& e) { e.decision.stage = StageIndex{9}; }},
      {"decision.measure", [](JournalEntry& e) { e.decision.measure ^= 1; }},
      {"decision.failing", [](JournalEntry& e) { e.decision.failing ^= 1; }},
      {"decision.undecided", [](JournalEntry& e) { e.decision.undecided ^= 1; }},
      {"decision.silent", [](JournalEntry& e) { e.decision.silent ^= 1; }},
      {"digest", [](JournalEntry& e) { e.digest ^= 1; }}};
  const Driver driver = played();
  const auto& entries = driver.journal.entries();
  for (const Change& change : changes) {
    for (const std::size_t index : {std::size_t{0}, std::size_t{57}, entries.size() - 1}) {
      Journal changed;
      for (std::size_t i = 0; i < entries.size(); ++i) {
        JournalEntry entry = entries[i];
        if (i == index) change.apply(entry);
        changed.append(entry.observation, entry.decision, entry.digest);
      }
      const auto divergence = replay(driver.engine, changed);
      ASSERT_TRUE(divergence.has_value()) << change.field;
      EXPECT_EQ(divergence->index, index);
      EXPECT_EQ(divergence->field, change.field);
      EXPECT_NE(divergence->recorded, divergence->replayed);
    }
  }
}

TEST(Journal, AnotherPlanIsComparedByItsDecisions) {
  const Driver driver = played();
  PlanSpec plan = example_plan();
  plan.stages[0].dwell = 2h;
  const Engine engine = *compile(plan).engine;
  auto divergence = replay(engine, driver.journal);
  ASSERT_TRUE(divergence.has_value());
  EXPECT_EQ(divergence->index, 0U);
  EXPECT_EQ(divergence->field, "digest");

  divergence = replay(engine, driver.journal, std::nullopt, ReplayOf::decisions);
  ASSERT_TRUE(divergence.has_value());
  const Decision& differs = driver.journal.entries()[divergence->index].decision;
  EXPECT_GE(differs.at, at(45min)) << "up to the silence before it, nothing hangs on the dwell";
  EXPECT_LE(differs.at, at(1h));
}

}  // namespace
}  // namespace gatewright
