#include "policies/engine.h"

#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "policies/assert.h"
#include "policies/histogram.h"
#include "tests/unit/policies/fakes.h"

namespace gatewright {
namespace {

using namespace testing;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A driver of a scripted policy with three stages: 1%, 10%, 100%.
struct Scripted {
  std::shared_ptr<ScriptedPolicy> policy = std::make_shared<ScriptedPolicy>(
      std::vector<Stage>{{"1%", served(100)}, {"10%", served(1'000)}, {"100%", served(10'000)}});
  Driver driver{Engine(policy, 42)};

  /// Proposes on a tick, with the exposure confirmed.
  Decision propose(Duration when, Action action, Cause cause = Cause::none) {
    policy->next.action = Action::hold;
    driver.confirm(when);
    policy->next.action = action;
    policy->next.cause = cause;
    return driver.tick(when);
  }
};

// ---- admit ----

/// Feeds `event` and checks that it is refused with `fault` and leaves no trace.
void expect_refused(Driver& driver, Observation observation, Fault fault) {
  const RolloutState before = driver.state;
  const Decision decision = driver.engine.step(driver.state, observation);
  EXPECT_EQ(decision.fault, fault) << to_string(decision.fault);
  EXPECT_EQ(decision.cause, Cause::observation_refused);
  EXPECT_EQ(decision.action, Action::hold);
  EXPECT_EQ(decision.sequence, observation.sequence);
  EXPECT_EQ(decision.at, before.at);
  EXPECT_EQ(decision.exposure, before.target);
  EXPECT_GT(decision.wake_at, decision.at);
  EXPECT_EQ(digest(driver.state), digest(before));
  EXPECT_TRUE(driver.state == before);
}

void expect_refused(Event event, Fault fault) {
  Scripted scripted;
  scripted.driver.tick(1min);
  expect_refused(scripted.driver, {.sequence = 2, .at = at(2min), .event = event}, fault);
}

void expect_admitted(Event event, Fault fault = Fault::none) {
  Scripted scripted;
  const Decision decision = scripted.driver.tell(at(1min), event);
  EXPECT_NE(decision.cause, Cause::observation_refused) << to_string(decision.fault);
  EXPECT_EQ(decision.fault, fault);
  EXPECT_EQ(scripted.driver.state.sequence, 1U);
  EXPECT_EQ(scripted.driver.state.memory[0], 1.0);
}

TEST(Admission, RefusesASequenceNumberThatDoesNotRise) {
  Scripted scripted;
  expect_refused(scripted.driver, {.sequence = 0, .at = at(1min), .event = Tick{}},
                 Fault::sequence_repeated);
  scripted.driver.sequence = 6;
  scripted.driver.tick(1min);
  for (const std::uint64_t sequence : {7U, 6U, 1U, 0U})
    expect_refused(scripted.driver, {.sequence = sequence, .at = at(2min), .event = Tick{}},
                   Fault::sequence_repeated);
}

TEST(Admission, AcceptsGapsInSequenceNumbersAndEqualTimes) {
  Scripted scripted;
  scripted.driver.tick(1min);
  scripted.driver.sequence = 1000;
  EXPECT_EQ(scripted.driver.tick(1min).fault, Fault::none);
}

TEST(Admission, RefusesTimeThatFalls) {
  Scripted scripted;
  scripted.driver.tick(5min);
  expect_refused(scripted.driver, {.sequence = 9, .at = at(5min - 1ns), .event = Tick{}},
                 Fault::time_reversed);
}

TEST(Admission, RefusesATimeThatIsNever) {
  Scripted scripted;
  expect_refused(scripted.driver, {.sequence = 1, .at = kNever, .event = Tick{}}, Fault::malformed);
}

TEST(Admission, RefusesAnUnknownProbe) {
  expect_refused(samples(3, 0), Fault::unknown_probe);
  expect_refused(samples(65'535, 0), Fault::unknown_probe);
  expect_refused(Distributions{.probe = ProbeIndex{3}}, Fault::unknown_probe);
  expect_refused(Readings{.probe = ProbeIndex{3}}, Fault::unknown_probe);
}

TEST(Admission, RefusesEvidenceInAFormTheProbeDidNotAskFor) {
  expect_refused(samples(1, 0), Fault::wrong_form);
  expect_refused(samples(2, 0), Fault::wrong_form);
  expect_refused(Distributions{.probe = ProbeIndex{0}}, Fault::wrong_form);
  expect_refused(Readings{.probe = ProbeIndex{1}}, Fault::wrong_form);
}

TEST(Admission, RefusesAWindowThatIsNotNew) {
  Scripted scripted;
  scripted.driver.tell(at(1min), samples(0, 5));
  for (const std::uint64_t window : {5U, 4U, 0U})
    expect_refused(scripted.driver, {.sequence = 2, .at = at(2min), .event = samples(0, window)},
                   Fault::window_stale);
  EXPECT_EQ(scripted.driver.tell(at(2min), samples(0, 6)).fault, Fault::none);
}

TEST(Admission, RefusesAWindowThatHasNoSuccessor) {
  expect_refused(samples(0, std::numeric_limits<std::uint64_t>::max()), Fault::malformed);
}

TEST(Admission, RefusesNumbersThatAreNotFinite) {
  for (const double value : {kNan, kInfinity, -kInfinity}) {
    Samples in_sum = samples(0, 0);
    in_sum.candidate.sum = value;
    expect_refused(in_sum, Fault::not_finite);
    Samples in_squares = samples(0, 0);
    in_squares.baseline.sum_of_squares = value;
    expect_refused(in_squares, Fault::not_finite);
    expect_refused(Readings{.probe = ProbeIndex{2},
                            .baseline = {.value = 1.0, .status = ReadingStatus::ok},
                            .candidate = {.value = value, .status = ReadingStatus::ok}},
                   Fault::not_finite);
  }
}

TEST(Admission, RefusesSummariesThatNoRequestsCanHave) {
  const auto with_candidate = [](Summary summary) {
    Samples told = samples(0, 0);
    told.candidate = summary;
    return told;
  };
  for (const Summary impossible : {Summary{.count = 0, .sum = 1.0, .sum_of_squares = 1.0},
                                   Summary{.count = 0, .sum = 0.0, .sum_of_squares = 1.0},
                                   Summary{.count = 5, .sum = 0.0, .sum_of_squares = -1.0},
                                   Summary{.count = 5, .sum = 3.0, .sum_of_squares = 1.0},
                                   Summary{.count = 5, .sum = 6.0, .sum_of_squares = 9.0},
                                   Summary{.count = 5, .sum = -1.0, .sum_of_squares = 1.0}})
    expect_refused(with_candidate(impossible), Fault::impossible_summary);
  expect_admitted(with_candidate({}));
  expect_admitted(with_candidate({.count = 5, .sum = 5.0, .sum_of_squares = 5.0}));
}

/// An engine whose probe asks for these beside the two summaries, and what it says to a window.
class Beside {
 public:
  explicit Beside(const Statistic& statistic)
      : policy_(std::make_shared<ScriptedPolicy>(
            std::vector<Stage>{{.name = "all", .exposure = served(5'000)}}, statistic)),
        engine_(policy_) {}
  [[nodiscard]] Fault says(const Samples& told) const {
    RolloutState state = engine_.initial_state(at(0s));
    return engine_.step(state, {.sequence = 1, .at = at(1min), .event = told}).fault;
  }

 private:
  std::shared_ptr<ScriptedPolicy> policy_;
  Engine engine_;
};

TEST(Admission, WantsExactlyTheSumsThatWereAskedFor) {
  Samples pairs;
  pairs.paired = true;
  pairs.baseline = {.count = 10, .sum = 4.0, .sum_of_squares = 4.0};
  pairs.candidate = {.count = 10, .sum = 3.0, .sum_of_squares = 3.0};
  Statistic asks_pairs;
  asks_pairs.pairs = true;
  const Beside of_pairs(asks_pairs), of_nothing({});
  EXPECT_EQ(of_pairs.says(pairs), Fault::wrong_form);
  EXPECT_EQ(of_nothing.says(pairs), Fault::none);
  for (const double both : {0.0, 1.0, 3.0}) {
    pairs.sum_of_products = both;
    EXPECT_EQ(of_pairs.says(pairs), Fault::none);
    EXPECT_EQ(of_nothing.says(pairs), Fault::wrong_form);
  }
  pairs.paired = false;
  EXPECT_EQ(of_pairs.says(pairs), Fault::wrong_form);
  pairs.paired = true;
  for (const double both : {-1.0, 3.5, 11.0}) {
    pairs.sum_of_products = both;
    EXPECT_EQ(of_pairs.says(pairs), Fault::impossible_summary) << both;
  }
  pairs.sum_of_products = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(of_pairs.says(pairs), Fault::not_finite);
  pairs.sum_of_products = 3.0;
  pairs.baseline.count = 11;
  EXPECT_EQ(of_pairs.says(pairs), Fault::impossible_summary);
  // Nine and eight of ten cannot have fewer than seven in common.
  pairs.baseline = {.count = 10, .sum = 9.0, .sum_of_squares = 9.0};
  pairs.candidate = {.count = 10, .sum = 8.0, .sum_of_squares = 8.0};
  pairs.sum_of_products = 6.0;
  EXPECT_EQ(of_pairs.says(pairs), Fault::impossible_summary);
}

TEST(Admission, HoldsCovariatesToCauchyAndSchwarz) {
  Statistic asks;
  asks.covariate = "input_tokens";
  const Beside adjusted(asks);
  Samples told;
  told.baseline = {.count = 10, .sum = 4.0, .sum_of_squares = 4.0};
  told.candidate = {.count = 10, .sum = 4.0, .sum_of_squares = 4.0};
  EXPECT_EQ(adjusted.says(told), Fault::wrong_form);
  const auto with = [&](const Covariate& covariate) {
    told.covariates = {.baseline = {5.0, 9.0, 2.0}, .candidate = covariate};
    return adjusted.says(told);
  };
  EXPECT_EQ(with({5.0, 9.0, 6.0}), Fault::none);
  EXPECT_EQ(with({5.0, 9.0, -6.0}), Fault::none);
  EXPECT_EQ(with({5.0, 9.0, 6.1}), Fault::impossible_summary);
  EXPECT_EQ(with({10.0, 9.0, 0.0}), Fault::impossible_summary);
  EXPECT_EQ(with({0.0, -1.0, 0.0}), Fault::impossible_summary);
  EXPECT_EQ(with({5.0, std::numeric_limits<double>::infinity(), 0.0}), Fault::not_finite);
  told.candidate = {};
  EXPECT_EQ(with({0.0, 0.0, 0.0}), Fault::none);
  EXPECT_EQ(with({1.0, 1.0, 0.0}), Fault::impossible_summary);
}

TEST(Admission, ForgivesTheRoundingOfSums) {
  double sum = 0.0, squares = 0.0;
  for (int i = 0; i < 1'000'000; ++i) sum += 0.1, squares += 0.1 * 0.1;
  Samples told = samples(0, 0);
  told.candidate = {.count = 1'000'000, .sum = sum, .sum_of_squares = squares};
  expect_admitted(told);
}

TEST(Admission, RefusesSharesAboveTheWhole) {
  expect_refused(ExposureApplied{served(10'001)}, Fault::impossible_exposure);
  expect_refused(ExposureApplied{mirrored(10'001)}, Fault::impossible_exposure);
  expect_refused(ExposureApplied{{.interleaved = 65'535}}, Fault::impossible_exposure);
  expect_admitted(ExposureApplied{served(10'000)});
}

TEST(Admission, RefusesMalformedHistogramsCommandsAndReadings) {
  const auto refused = [](std::vector<HistogramBin> bins) {
    expect_refused(Distributions{.probe = ProbeIndex{1}, .candidate = bins}, Fault::malformed);
  };
  refused({{5, 1}, {5, 1}});
  refused({{6, 1}, {5, 1}});
  refused({{5, 0}});
  refused({{HistogramGrid::kBins, 1}});
  refused({{1, std::numeric_limits<std::uint64_t>::max()}, {2, 1}});
  expect_refused(OperatorCommand{static_cast<OperatorCommand::Kind>(4)}, Fault::malformed);
  expect_refused(
      Readings{.probe = ProbeIndex{2}, .candidate = {.status = static_cast<ReadingStatus>(3)}},
      Fault::malformed);
  const std::vector<HistogramBin> good{{0, 1}, {HistogramGrid::kBins - 1, 2}};
  expect_admitted(Distributions{.probe = ProbeIndex{1}, .baseline = good, .candidate = good});
}

TEST(Admission, AcceptsReadingsThatAreMissingOrErrorsAndTellsOfErrors) {
  expect_admitted(Readings{.probe = ProbeIndex{2}});
  expect_admitted(Readings{.probe = ProbeIndex{2}, .candidate = {.value = kNan}});
  expect_admitted(Readings{.probe = ProbeIndex{2}, .candidate = {.status = ReadingStatus::error}},
                  Fault::reading_error);
}

TEST(Admission, TheFirstFaultInOrderIsTold) {
  Scripted scripted;
  scripted.driver.tick(5min);
  Observation wrong{.sequence = 1, .at = at(1min), .event = samples(9, 0)};
  expect_refused(scripted.driver, wrong, Fault::sequence_repeated);
  wrong.sequence = 2;
  expect_refused(scripted.driver, wrong, Fault::time_reversed);
  wrong.at = at(5min);
  expect_refused(scripted.driver, wrong, Fault::unknown_probe);
}

TEST(Admission, ARefusedObservationStillGetsTheStandingAnswer) {
  Scripted scripted;
  scripted.policy->next = {
      .wake_at = at(1h), .measure = 5, .failing = 1, .undecided = 2, .silent = 4};
  scripted.driver.tick(1min);
  scripted.policy->next.action = Action::halt;  // what is refused must not even halt
  const Decision decision = scripted.driver.engine.step(
      scripted.driver.state, {.sequence = 1, .at = at(2min), .event = Tick{}});
  EXPECT_EQ(decision.action, Action::hold);
  EXPECT_EQ(decision.wake_at, at(1h));
  EXPECT_EQ(decision.measure, 5U);
  EXPECT_EQ(decision.failing, 1U);
  EXPECT_EQ(decision.undecided, 2U);
  EXPECT_EQ(decision.silent, 4U);
}

// ---- observe ----

TEST(Engine, StartsInTheFirstStageWithNothingApplied) {
  Scripted scripted;
  const RolloutState state = scripted.driver.engine.initial_state(at(7s));
  EXPECT_EQ(state.plan_digest, 42U);
  EXPECT_EQ(state.target, served(100));
  EXPECT_EQ(state.applied, Exposure{});
  EXPECT_EQ(state.at, at(7s));
  EXPECT_EQ(state.dwelling_since, kNever);
}

TEST(Engine, AFirstStageWithoutExposureNeedsNoConfirmation) {
  const auto policy = std::make_shared<ScriptedPolicy>(
      std::vector<Stage>{{"idle", Exposure{}}, {"100%", served(10'000)}});
  EXPECT_EQ(Engine(policy).initial_state(at(3s)).dwelling_since, at(3s));
}

TEST(Engine, TheDwellRestartsWhenConfirmationWasLost) {
  Scripted scripted;
  Driver& driver = scripted.driver;
  driver.tell(at(1min), ExposureApplied{served(80)});
  EXPECT_EQ(driver.state.dwelling_since, kNever);
  driver.confirm(2min);
  driver.confirm(3min);
  EXPECT_EQ(driver.state.dwelling_since, at(2min));
  driver.tell(at(4min), ExposureApplied{served(80)});
  EXPECT_EQ(driver.state.dwelling_since, kNever);
  EXPECT_FALSE(scripted.policy->last_view.exposure_confirmed);
  driver.confirm(5min);
  EXPECT_EQ(driver.state.dwelling_since, at(5min));
  EXPECT_TRUE(scripted.policy->last_view.exposure_confirmed);
}

TEST(Engine, AnyOtherShareThanTheTargetIsUnconfirmed) {
  Scripted scripted;
  scripted.driver.tell(at(1min), ExposureApplied{{.served = 100, .mirrored = 1}});
  EXPECT_FALSE(scripted.policy->last_view.exposure_confirmed);
}

TEST(Engine, ApprovalHoldsForThePresentStageOnly) {
  Scripted scripted;
  scripted.driver.command(1min, OperatorCommand::Kind::approve);
  EXPECT_TRUE(scripted.policy->last_view.approved);
  EXPECT_EQ(scripted.propose(2min, Action::advance).action, Action::advance);
  EXPECT_FALSE(scripted.driver.state.approved);
}

// ---- dispose ----

TEST(Engine, AdvancesExactlyOneStageAndAsksForConfirmationAnew) {
  Scripted scripted;
  const Decision decision = scripted.propose(2min, Action::advance, Cause::gates_passed);
  EXPECT_EQ(decision.action, Action::advance);
  EXPECT_EQ(decision.cause, Cause::gates_passed);
  EXPECT_EQ(decision.stage, StageIndex{1});
  EXPECT_EQ(decision.exposure, served(1'000));
  EXPECT_EQ(scripted.driver.state.stage_entered_at, at(2min));
  EXPECT_EQ(scripted.driver.state.dwelling_since, kNever);
  // The policy still proposes to advance, but the new exposure is not confirmed.
  EXPECT_EQ(scripted.driver.tick(3min).cause, Cause::awaiting_exposure);
  EXPECT_EQ(scripted.driver.state.stage, StageIndex{1});
}

TEST(Engine, AnEagerPolicyIsAskedAgainAtOnce) {
  Scripted scripted;
  scripted.policy->next.wake_at = kNever;
  EXPECT_EQ(scripted.propose(2min, Action::advance).wake_at, at(2min + 1ns));
}

TEST(Engine, UnconfirmedExposureNeverAdvances) {
  for (const Action action : {Action::advance, Action::complete}) {
    Scripted scripted;
    if (action == Action::complete) {
      scripted.propose(1min, Action::advance);
      scripted.propose(2min, Action::advance);
    }
    const RolloutState before = scripted.driver.state;
    scripted.policy->next.action = action;
    const Decision decision = scripted.driver.tick(1h);
    EXPECT_EQ(decision.action, Action::hold);
    EXPECT_EQ(decision.cause, Cause::awaiting_exposure);
    EXPECT_EQ(decision.exposure, before.target);
    EXPECT_EQ(scripted.driver.state.stage, before.stage);
  }
}

TEST(Engine, APausedRolloutNeverAdvancesButHalts) {
  Scripted scripted;
  scripted.driver.confirm(1min);
  scripted.driver.command(2min, OperatorCommand::Kind::pause);
  scripted.policy->next.action = Action::advance;
  Decision decision = scripted.driver.tick(3min);
  EXPECT_EQ(decision.action, Action::hold);
  EXPECT_EQ(decision.cause, Cause::paused);
  scripted.policy->next = {.action = Action::halt, .failing = 1};
  decision = scripted.driver.tick(4min);
  EXPECT_EQ(decision.action, Action::halt);
  EXPECT_EQ(decision.cause, Cause::gate_failed);
}

TEST(Engine, ResumeLetsItAdvanceAgain) {
  Scripted scripted;
  scripted.driver.confirm(1min);
  scripted.driver.command(2min, OperatorCommand::Kind::pause);
  scripted.policy->next.action = Action::advance;
  EXPECT_EQ(scripted.driver.command(3min, OperatorCommand::Kind::resume).action, Action::advance);
}

TEST(Engine, APausedRolloutWakesWithinAnHour) {
  Scripted scripted;
  scripted.policy->next.wake_at = at(24h);
  EXPECT_EQ(scripted.driver.tick(1min).wake_at, at(24h));
  EXPECT_EQ(scripted.driver.command(2min, OperatorCommand::Kind::pause).wake_at, at(62min));
}

TEST(Engine, AnOperatorHaltsWhateverThePolicySays) {
  Scripted scripted;
  scripted.driver.confirm(1min);
  scripted.policy->next.action = Action::advance;
  const Decision decision = scripted.driver.command(2min, OperatorCommand::Kind::halt);
  EXPECT_EQ(decision.action, Action::halt);
  EXPECT_EQ(decision.cause, Cause::operator_halt);
  EXPECT_EQ(decision.exposure, Exposure{});
  EXPECT_EQ(decision.wake_at, kNever);
  EXPECT_EQ(decision.measure, 0U);
}

TEST(Engine, APolicyMayHaltWithoutAFailingGate) {
  Scripted scripted;
  scripted.policy->next.action = Action::halt;
  EXPECT_EQ(scripted.driver.tick(1min).cause, Cause::policy_halt);
}

TEST(Engine, MovesThatThePlanDoesNotHaveAreHeld) {
  Scripted scripted;
  Decision decision = scripted.propose(1min, Action::complete);  // in the first stage
  EXPECT_EQ(decision.action, Action::hold);
  EXPECT_EQ(decision.fault, Fault::impossible_proposal);
  decision = scripted.propose(2min, static_cast<Action>(9));
  EXPECT_EQ(decision.fault, Fault::impossible_proposal);
  scripted.propose(3min, Action::advance);
  scripted.propose(4min, Action::advance);
  decision = scripted.propose(5min, Action::advance);  // in the last stage
  EXPECT_EQ(decision.action, Action::hold);
  EXPECT_EQ(decision.fault, Fault::impossible_proposal);
  EXPECT_EQ(decision.exposure, served(10'000));
  decision = scripted.propose(6min, Action::complete);
  EXPECT_EQ(decision.action, Action::complete);
  EXPECT_EQ(decision.exposure, served(10'000));
}

TEST(Engine, WakesAfterNowWhateverThePolicySays) {
  Scripted scripted;
  for (const Instant wake : {Instant::min(), at(0s), at(1min), at(1min + 1ns), kNever}) {
    scripted.policy->next.wake_at = wake;
    const Decision decision = scripted.driver.tick(1min);
    EXPECT_EQ(decision.wake_at, std::max(wake, at(1min + 1ns)));
  }
}

TEST(Engine, TheEndsAbsorbEverything) {
  for (const bool completes : {true, false}) {
    Scripted scripted;
    Driver& driver = scripted.driver;
    if (completes) {
      scripted.propose(1min, Action::advance);
      scripted.propose(2min, Action::advance);
      scripted.propose(3min, Action::complete);
    } else {
      scripted.propose(3min, Action::halt);
    }
    const RolloutState end = driver.state;
    const std::vector<Event> events{Tick{},
                                    samples(0, 9, 1.0),
                                    samples(9, 9),
                                    ExposureApplied{served(100)},
                                    OperatorCommand{OperatorCommand::Kind::halt},
                                    OperatorCommand{OperatorCommand::Kind::resume}};
    for (const Event& event : events) {
      const Decision decision = driver.tell(at(1h), event);
      EXPECT_EQ(decision.action, Action::hold);
      EXPECT_EQ(decision.cause, Cause::rollout_ended);
      EXPECT_EQ(decision.exposure, end.target);
      EXPECT_EQ(decision.wake_at, kNever);
      EXPECT_TRUE(driver.state == end);
    }
  }
}

TEST(Engine, DecisionsAreLevelSoThatEachOneAloneSetsTheRouter) {
  Scripted scripted;
  scripted.propose(1min, Action::advance);
  scripted.policy->next.action = Action::hold;
  const Decision first = scripted.driver.tick(2min);
  Decision second = scripted.driver.tick(2min);
  second.sequence = first.sequence;
  EXPECT_EQ(first, second);
  EXPECT_EQ(first.exposure, served(1'000));
}

TEST(Engine, TimesMayReachBothEndsOfTheirType) {
  const auto policy = std::make_shared<ScriptedPolicy>(std::vector<Stage>{{"1%", served(100)}});
  const Engine engine(policy);
  RolloutState state = engine.initial_state(Instant::min());
  Observation observation{.sequence = 1, .at = Instant::max() - 1ns, .event = Tick{}};
  EXPECT_EQ(engine.step(state, observation).wake_at, kNever);
  state = engine.initial_state(kNever);
  observation.at = kNever;
  EXPECT_EQ(engine.step(state, observation).cause, Cause::observation_refused);
}

TEST(Engine, RefusesToStepAStateOfAnotherPlan) {
  Scripted scripted;
  RolloutState state = scripted.driver.state;
  state.plan_digest = 1;
  EXPECT_DEATH(std::ignore = scripted.driver.engine.step(state, {.sequence = 1}), "");
  state = scripted.driver.state;
  state.memory.clear();
  EXPECT_DEATH(std::ignore = scripted.driver.engine.step(state, {.sequence = 1}), "");
}

TEST(Assertion, TheInstalledHandlerIsCalledBeforeTheEnd) {
  EXPECT_EXIT(
      {
        set_assertion_handler([](const char* expression, const char*, int) {
          std::fputs(expression, stderr);
          std::_Exit(3);
        });
        GATEWRIGHT_ASSERT(1 + 1 == 3);
      },
      ::testing::ExitedWithCode(3), "1 \\+ 1 == 3");
}

TEST(Time, SumsAndDifferencesSaturate) {
  EXPECT_EQ(after(at(1s), 2s), at(3s));
  EXPECT_EQ(after(kNever, 1ns), kNever);
  EXPECT_EQ(after(kNever - 1ns, 1ns), kNever);
  EXPECT_EQ(after(at(-5s), Duration::max()), kNever - 5s);
  EXPECT_EQ(elapsed(at(1s), at(3s)), 2s);
  EXPECT_EQ(elapsed(at(-1s), at(3s)), 4s);
  EXPECT_EQ(elapsed(Instant::min(), kNever), Duration::max());
  EXPECT_EQ(elapsed(Instant::min(), Instant::min()), 0s);
}

}  // namespace
}  // namespace gatewright
