#include "policies/staged/staged_policy.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "policies/staged/budget.h"
#include "tests/unit/policies/fakes.h"

namespace gatewright {
namespace {

using namespace testing;

/// 1% for 30 min, then 100% for 30 min, under the given gates.
Driver two_stages(std::vector<StagedGate> gates, StageRule rule = {.dwell = 30min, .timeout = 24h},
                  WhenHalted when_halted = WhenHalted::rollback) {
  std::vector<StagedStage> stages;
  stages.push_back(stage("1%", served(100), rule));
  stages.push_back(stage("100%", served(10'000), rule));
  return Driver(staged_engine(std::move(stages), std::move(gates), when_halted));
}

std::vector<StagedGate> gates_of(StagedGate first) {
  std::vector<StagedGate> gates;
  gates.push_back(std::move(first));
  return gates;
}

std::vector<StagedGate> gates_of(StagedGate first, StagedGate second) {
  std::vector<StagedGate> gates = gates_of(std::move(first));
  gates.push_back(std::move(second));
  return gates;
}

Event reading(std::uint16_t probe, std::uint64_t window, ReadingStatus candidate,
              ReadingStatus baseline = ReadingStatus::ok) {
  return Readings{.probe = ProbeIndex{probe},
                  .window = window,
                  .baseline = {.value = 0.0, .status = baseline},
                  .candidate = {.value = 0.0, .status = candidate}};
}

// ---- advancing ----

TEST(StagedPolicy, AdvancesOnceTheDwellIsOverAndEveryGateWasHeard) {
  Driver driver = two_stages(gates_of(sum_gate("a")));
  EXPECT_EQ(driver.tick(0s).cause, Cause::awaiting_exposure);
  EXPECT_EQ(driver.confirm(1min).cause, Cause::dwelling);
  EXPECT_EQ(driver.tell(at(20min), samples(0, 0)).cause, Cause::dwelling);
  EXPECT_EQ(driver.tick(31min - 1ns).cause, Cause::dwelling);
  const Decision decision = driver.tick(31min);
  EXPECT_EQ(decision.action, Action::advance);
  EXPECT_EQ(decision.cause, Cause::gates_passed);
  EXPECT_EQ(decision.undecided, 1U);
}

TEST(StagedPolicy, CompletesTheLastStageOnTheSameConditions) {
  Driver driver = two_stages({});
  driver.confirm(0s);
  EXPECT_EQ(driver.tick(30min).action, Action::advance);
  EXPECT_EQ(driver.confirm(31min).cause, Cause::dwelling);
  const Decision decision = driver.tick(61min);
  EXPECT_EQ(decision.action, Action::complete);
  EXPECT_EQ(decision.exposure, served(10'000));
  EXPECT_EQ(driver.state.phase, Phase::completed);
}

TEST(StagedPolicy, SilenceNeverAdvances) {
  Driver driver = two_stages(gates_of(sum_gate("a")), {.dwell = 30min, .timeout = 1'000h});
  driver.confirm(0s);
  EXPECT_EQ(driver.tell(at(10min), samples(0, 0)).silent, 0U);
  EXPECT_EQ(driver.tick(25min - 1ns).silent, 0U);
  EXPECT_EQ(driver.tick(25min).silent, 1U);
  for (Duration when = 30min; when < 900h; when += 7h) {
    const Decision decision = driver.tick(when);
    EXPECT_EQ(decision.action, Action::hold);
    EXPECT_EQ(decision.cause, Cause::gate_silent);
    EXPECT_EQ(decision.silent, 1U);
  }
  EXPECT_EQ(driver.tell(at(900h), samples(0, 1)).action, Action::advance);
}

TEST(StagedPolicy, AGateWithoutAnyWindowInThisStageBlocksEvenBeforeItIsSilent) {
  StagedGate gate = sum_gate("a");
  gate.silence = 10h;
  Driver driver = two_stages(gates_of(std::move(gate)));
  driver.confirm(0s);
  EXPECT_EQ(driver.tick(1h).cause, Cause::awaiting_samples);
  EXPECT_EQ(driver.tick(10h).cause, Cause::gate_silent);
}

TEST(StagedPolicy, SilenceIsCountedFromTheInitialDelay) {
  StagedGate gate = sum_gate("a");
  gate.probe.initial_delay = 2h;
  Driver driver = two_stages(gates_of(std::move(gate)));
  driver.confirm(0s);
  EXPECT_EQ(driver.tick(2h + 15min - 1ns).silent, 0U);
  EXPECT_EQ(driver.tick(2h + 15min).silent, 1U);
}

TEST(StagedPolicy, SilenceIsCountedAnewInEachStage) {
  std::vector<StagedStage> stages;
  stages.push_back(stage("1%", served(100)));
  stages.push_back(stage("10%", served(1'000)));
  Driver driver(staged_engine(std::move(stages), gates_of(sum_gate("a"))));
  driver.confirm(0s);
  driver.tell(at(29min), samples(0, 0));
  ASSERT_EQ(driver.tick(30min).action, Action::advance);
  EXPECT_EQ(driver.tick(44min).silent, 0U);
  EXPECT_EQ(driver.tick(45min).silent, 1U);
}

TEST(StagedPolicy, WindowsWithoutRequestsAreSilence) {
  Driver driver = two_stages(gates_of(sum_gate("a")));
  driver.confirm(0s);
  Samples no_candidate = samples(0, 0);
  no_candidate.candidate = {};
  Samples no_baseline = samples(0, 1);
  no_baseline.baseline = {};
  driver.tell(at(14min), no_candidate);
  EXPECT_EQ(driver.tell(at(15min), no_baseline).silent, 1U);
  EXPECT_EQ(driver.tell(at(15min), samples(0, 2)).silent, 0U);
}

TEST(StagedPolicy, AnAbsoluteGateNeedsNoBaseline) {
  Driver driver = two_stages(gates_of(sum_gate("a", "latency", {.compares_arms = false})));
  driver.confirm(0s);
  Samples told = samples(0, 0, 1.0);
  told.baseline = {};
  EXPECT_EQ(driver.tell(at(5min), told).action, Action::halt);
}

TEST(StagedPolicy, AGateBelowItsMinSamplesDoesNotBlockUnlessSafetyMustBeShown) {
  for (const AdvanceWhen advance_when : {AdvanceWhen::no_harm_shown, AdvanceWhen::safety_shown}) {
    Driver driver = two_stages(gates_of(sum_gate("a", "latency", {.min_samples = 1'000})),
                               {.dwell = 30min, .timeout = 24h, .advance_when = advance_when});
    driver.confirm(0s);
    driver.tell(at(29min), samples(0, 0, 5.0, 5.0));
    const Decision decision = driver.tick(30min);
    EXPECT_EQ(decision.undecided, 1U);
    EXPECT_EQ(decision.failing, 0U) << "harm below min_samples is not harm shown";
    EXPECT_EQ(decision.action,
              advance_when == AdvanceWhen::no_harm_shown ? Action::advance : Action::hold);
    if (decision.action == Action::hold) {
      EXPECT_EQ(decision.cause, Cause::awaiting_evidence);
    }
  }
}

TEST(StagedPolicy, SafetyMustBeShownByEveryProtectiveGateAndByNoAdvisoryOne) {
  StagedGate advisory = sum_gate("advisory");
  advisory.role = GateRole::advisory;
  Driver driver =
      two_stages(gates_of(sum_gate("protective"), std::move(advisory)),
                 {.dwell = 30min, .timeout = 24h, .advance_when = AdvanceWhen::safety_shown});
  driver.confirm(0s);
  driver.tell(at(29min), samples(0, 0, 0.0, 0.9));
  driver.tell(at(29min), samples(1, 0));
  Decision decision = driver.tick(30min);
  EXPECT_EQ(decision.cause, Cause::awaiting_evidence);
  EXPECT_EQ(decision.undecided, 3U);
  decision = driver.tell(at(31min), samples(0, 1, 0.0, 0.2));
  EXPECT_EQ(decision.action, Action::advance);
  EXPECT_EQ(decision.undecided, 2U);
}

TEST(StagedPolicy, MinSamplesCountsTheCandidateInThisStageByTheGateThatSawMost) {
  Driver driver = two_stages(gates_of(sum_gate("a"), sum_gate("b")),
                             {.dwell = 5min, .timeout = 24h, .min_samples = 30});
  driver.confirm(0s);
  driver.tell(at(6min), samples(0, 0));
  EXPECT_EQ(driver.tell(at(6min), samples(1, 0)).cause, Cause::awaiting_samples);
  EXPECT_EQ(driver.tell(at(7min), samples(1, 1)).cause, Cause::awaiting_samples);
  EXPECT_EQ(driver.tell(at(8min), samples(1, 2)).action, Action::advance);
}

TEST(StagedPolicy, OverlappingWindowsCountTheirRequestsOnce) {
  StagedGate gate = sum_gate("a");
  gate.probe.window = 50min;  // ten looks see the same request
  Driver driver =
      two_stages(gates_of(std::move(gate)), {.dwell = 5min, .timeout = 24h, .min_samples = 10});
  driver.confirm(0s);
  std::uint64_t window = 0;
  for (; window < 9; ++window)
    EXPECT_EQ(driver.tell(at(10min), samples(0, window)).cause, Cause::awaiting_samples);
  EXPECT_EQ(driver.tell(at(10min), samples(0, window)).action, Action::advance);
}

TEST(StagedPolicy, WaitsForApprovalOfThisStage) {
  Driver driver = two_stages({}, {.dwell = 30min, .timeout = 24h, .approval = true});
  driver.confirm(0s);
  EXPECT_EQ(driver.tick(30min).cause, Cause::awaiting_approval);
  EXPECT_EQ(driver.command(31min, OperatorCommand::Kind::approve).action, Action::advance);
  driver.confirm(31min);
  EXPECT_EQ(driver.tick(62min).cause, Cause::awaiting_approval);
  EXPECT_EQ(driver.command(63min, OperatorCommand::Kind::approve).action, Action::complete);
}

TEST(StagedPolicy, AnEarlyApprovalDoesNotShortenTheDwell) {
  Driver driver = two_stages({}, {.dwell = 30min, .timeout = 24h, .approval = true});
  driver.confirm(0s);
  EXPECT_EQ(driver.command(1min, OperatorCommand::Kind::approve).cause, Cause::dwelling);
  EXPECT_EQ(driver.tick(30min).action, Action::advance);
}

TEST(StagedPolicy, LostConfirmationRestartsTheDwell) {
  Driver driver = two_stages({});
  driver.confirm(0s);
  EXPECT_EQ(driver.tell(at(29min), ExposureApplied{served(80)}).cause, Cause::awaiting_exposure);
  EXPECT_EQ(driver.confirm(30min).cause, Cause::dwelling);
  EXPECT_EQ(driver.tick(59min).cause, Cause::dwelling);
  EXPECT_EQ(driver.tick(60min).action, Action::advance);
}

// ---- halting ----

TEST(StagedPolicy, AFailingProtectiveGateHaltsAtOnceEvenUnconfirmedAndPaused) {
  Driver driver = two_stages(gates_of(sum_gate("a"), sum_gate("b")));
  driver.command(1min, OperatorCommand::Kind::pause);
  const Decision decision = driver.tell(at(2min), samples(1, 0, 1.0));
  EXPECT_EQ(decision.action, Action::halt);
  EXPECT_EQ(decision.cause, Cause::gate_failed);
  EXPECT_EQ(decision.failing, 2U);
  EXPECT_EQ(decision.measure, 0U);
}

TEST(StagedPolicy, AFailingAdvisoryGateHaltsNothing) {
  StagedGate gate = sum_gate("a");
  gate.role = GateRole::advisory;
  Driver driver = two_stages(gates_of(std::move(gate)));
  driver.confirm(0s);
  const Decision decision = driver.tell(at(30min), samples(0, 0, 1.0));
  EXPECT_EQ(decision.action, Action::advance);
  EXPECT_EQ(decision.failing, 1U);
}

TEST(StagedPolicy, RollbackReturnsToZeroAndFreezeStays) {
  for (const WhenHalted when_halted : {WhenHalted::rollback, WhenHalted::freeze}) {
    Driver driver =
        two_stages(gates_of(sum_gate("a")), {.dwell = 30min, .timeout = 24h}, when_halted);
    driver.confirm(0s);
    const Decision decision = driver.tell(at(5min), samples(0, 0, 1.0));
    EXPECT_EQ(decision.exposure, when_halted == WhenHalted::freeze ? served(100) : Exposure{});
    EXPECT_EQ(driver.state.phase, Phase::halted);
    EXPECT_EQ(decision.stage, StageIndex{0});
  }
}

TEST(StagedPolicy, AStageThatCannotBeLeftTimesOut) {
  Driver driver = two_stages(gates_of(sum_gate("a")), {.dwell = 30min, .timeout = 2h});
  driver.confirm(0s);
  EXPECT_EQ(driver.tick(2h - 1ns).action, Action::hold);
  const Decision decision = driver.tick(2h);
  EXPECT_EQ(decision.action, Action::halt);
  EXPECT_EQ(decision.cause, Cause::stage_timeout);
}

TEST(StagedPolicy, AStageThatCanBeLeftAtItsTimeoutIsLeft) {
  Driver driver = two_stages({}, {.dwell = 30min, .timeout = 2h});
  driver.confirm(90min);
  EXPECT_EQ(driver.tick(2h).action, Action::advance);
}

TEST(StagedPolicy, TheTimeoutsClockStandsStillWhilePaused) {
  Driver driver = two_stages(gates_of(sum_gate("a")), {.dwell = 30min, .timeout = 2h});
  driver.confirm(0s);
  driver.command(1h, OperatorCommand::Kind::pause);
  EXPECT_EQ(driver.tick(100h).cause, Cause::paused);
  EXPECT_EQ(driver.command(101h, OperatorCommand::Kind::resume).cause, Cause::gate_silent);
  EXPECT_EQ(driver.tick(102h - 1ns).action, Action::hold);
  EXPECT_EQ(driver.tick(102h).cause, Cause::stage_timeout);
}

TEST(StagedPolicy, RepeatedPausesAddUpAndANewStageForgetsThem) {
  Driver driver = two_stages({}, {.dwell = 30min, .timeout = 2h, .approval = true});
  driver.confirm(0s);
  for (int i = 0; i < 3; ++i) {
    driver.command(10min + i * 20min, OperatorCommand::Kind::pause);
    driver.command(11min + i * 20min, OperatorCommand::Kind::pause);
    driver.command(20min + i * 20min, OperatorCommand::Kind::resume);
  }
  EXPECT_EQ(driver.tick(2h + 30min - 1ns).cause, Cause::awaiting_approval);
  ASSERT_EQ(driver.command(2h + 30min - 1ns, OperatorCommand::Kind::approve).action,
            Action::advance);
  EXPECT_EQ(driver.tick(4h + 30min - 2ns).cause, Cause::awaiting_exposure);
  EXPECT_EQ(driver.tick(4h + 30min - 1ns).cause, Cause::stage_timeout);
}

// ---- readings ----

TEST(StagedPolicy, AnErroneousReadingIsAFaultUntilTheNextReading) {
  Driver driver = two_stages(gates_of(sum_gate("a", "latency", {.form = Form::readings})));
  driver.confirm(0s);
  driver.tell(at(25min), reading(0, 0, ReadingStatus::ok));
  driver.tell(at(29min), reading(0, 1, ReadingStatus::error));
  EXPECT_EQ(driver.tick(30min).cause, Cause::gate_faulty);
  driver.tell(at(31min), reading(0, 2, ReadingStatus::ok, ReadingStatus::error));
  EXPECT_EQ(driver.tick(32min).cause, Cause::gate_faulty);
  EXPECT_EQ(driver.tell(at(33min), reading(0, 3, ReadingStatus::ok)).action, Action::advance);
}

TEST(StagedPolicy, AMissingReadingIsNoEvidence) {
  Driver driver = two_stages(gates_of(sum_gate("a", "latency", {.form = Form::readings})));
  driver.confirm(0s);
  for (std::uint64_t window = 0; window < 6; ++window)
    driver.tell(at(5min * (window + 1)), reading(0, window, ReadingStatus::missing));
  EXPECT_EQ(driver.tick(30min).cause, Cause::gate_silent);
  EXPECT_EQ(driver.tell(at(31min), reading(0, 7, ReadingStatus::ok, ReadingStatus::missing)).cause,
            Cause::gate_silent);
}

TEST(StagedPolicy, AnAbsoluteGateIgnoresTheBaselinesReading) {
  Driver driver =
      two_stages(gates_of(sum_gate("a", "cpu", {.compares_arms = false, .form = Form::readings})));
  driver.confirm(0s);
  EXPECT_EQ(driver.tell(at(30min), reading(0, 0, ReadingStatus::ok, ReadingStatus::error)).action,
            Action::advance);
}

// ---- what is measured where ----

TEST(StagedPolicy, AGateIsMeasuredWhereItsRequestsExist) {
  struct Case {
    const char* metric;
    bool compares_arms;
    Exposure exposure;
    bool is_measured;
  };
  for (const Case& c : std::vector<Case>{
           {"latency", true, mirrored(500), true},
           {"latency", true, served(100), true},
           {"latency", true, served(10'000), false},
           {"latency", false, served(10'000), true},
           {"latency", false, mirrored(500), true},
           {"latency", false, Exposure{}, false},
           {"latency", true, Exposure{}, false},
           {"thumbs_down", true, mirrored(500), false},
           {"thumbs_down", false, mirrored(500), false},
           {"thumbs_down", true, served(100), true},
           {"thumbs_down", true, served(10'000), false},
           {"thumbs_down", true, {.served = 10'000, .mirrored = 1}, false},
           {"thumbs_down", false, served(10'000), true},
           {"similarity", false, mirrored(500), true},
           {"similarity", false, served(5'000), false},
       })
    EXPECT_EQ(is_measured(*find_metric(c.metric), c.compares_arms, c.exposure), c.is_measured)
        << c.metric << (c.compares_arms ? " compared at " : " at ") << c.exposure.served
        << " served, " << c.exposure.mirrored << " mirrored";
}

TEST(StagedPolicy, GatesNotMeasuredInAStageAreNeitherSilentNorWeighed) {
  Driver driver = two_stages(gates_of(sum_gate("a")));
  driver.confirm(0s);
  EXPECT_EQ(driver.tell(at(29min), samples(0, 0)).measure, 1U);
  const Decision advance = driver.tick(30min);
  ASSERT_EQ(advance.action, Action::advance);
  EXPECT_EQ(advance.measure, 0U) << "at 100% there is nothing to compare with";
  driver.confirm(30min);
  const Decision late = driver.tell(at(31min), samples(0, 1, 9.0));
  EXPECT_EQ(late.fault, Fault::none);
  EXPECT_EQ(late.action, Action::hold);
  EXPECT_EQ(driver.state.windows[0], 2U);
  const Decision end = driver.tick(60min);
  EXPECT_EQ(end.action, Action::complete);
  EXPECT_EQ(end.silent, 0U);
}

TEST(StagedPolicy, EvidenceSurvivesAStageChangeOnlyWhereThePlanSaysSo) {
  for (const EvidenceSpan span : {EvidenceSpan::rollout, EvidenceSpan::stage}) {
    StagedGate gate = sum_gate("a");
    gate.evidence = span;
    std::vector<StagedStage> stages;
    stages.push_back(stage("1%", served(100)));
    stages.push_back(stage("10%", served(1'000)));
    Driver driver(staged_engine(std::move(stages), gates_of(std::move(gate))));
    const Policy& policy = driver.engine.policy();
    driver.confirm(0s);
    EXPECT_TRUE(std::isnan(policy.harm(driver.state.memory, 0)));
    driver.tell(at(30min), samples(0, 0, 0.6));
    ASSERT_EQ(driver.state.stage, StageIndex{1});
    if (span == EvidenceSpan::rollout)
      EXPECT_EQ(policy.harm(driver.state.memory, 0), 0.6);
    else
      EXPECT_TRUE(std::isnan(policy.harm(driver.state.memory, 0)));
    const Decision decision = driver.tell(at(31min), samples(0, 1, 0.6));
    EXPECT_EQ(decision.action, span == EvidenceSpan::rollout ? Action::halt : Action::hold);
  }
}

// ---- windows that a change of exposure cuts ----

/// The windows of the gate are [0, 5), [5, 10) ... minutes.
StagedGate gate_of(SumTest::Settings settings) { return sum_gate("a", "latency", settings); }

TEST(StagedPolicy, OnlyAComparisonThatPromisesSomethingRefusesAWindowThatAChangeOfExposureCuts) {
  using Settings = SumTest::Settings;
  struct Case {
    Settings settings;
    bool refuses;
  };
  for (const Case& c :
       {Case{{.guarantee = Guarantee::none}, false}, Case{{.guarantee = Guarantee::anytime}, true},
        Case{{.guarantee = Guarantee::fixed_looks}, true},
        Case{{.guarantee = Guarantee::average_run_length}, true},
        Case{{.compares_arms = false, .guarantee = Guarantee::anytime}, false}}) {
    Driver driver = two_stages(gates_of(gate_of(c.settings)));
    driver.confirm(2min);
    const Decision cut = driver.tell(at(5min), samples(0, 0, 1.0));
    EXPECT_EQ(cut.action, c.refuses ? Action::hold : Action::halt);
    if (!c.refuses) continue;
    EXPECT_EQ(driver.tell(at(10min), samples(0, 1, 1.0)).action, Action::halt);
  }
}

TEST(StagedPolicy, ACutWindowIsNeitherSilentNorHeardNorCounted) {
  Driver driver = two_stages(gates_of(gate_of({.guarantee = Guarantee::anytime})),
                             {.dwell = 14min, .timeout = 24h, .min_samples = 10});
  driver.confirm(1min);
  driver.tell(at(5min), samples(0, 0));
  const Decision waits = driver.tick(19min);
  EXPECT_EQ(waits.silent, 0U) << "the store did answer at 5 min";
  EXPECT_EQ(waits.cause, Cause::awaiting_samples);
  EXPECT_EQ(driver.tell(at(19min), samples(0, 1)).action, Action::advance);
}

TEST(StagedPolicy, BetweenTheWishForAnExposureAndItsReportNothingIsWeighed) {
  std::vector<StagedStage> stages;
  stages.push_back(stage("1%", served(100)));
  stages.push_back(stage("10%", served(1'000)));
  Driver driver(
      staged_engine(std::move(stages), gates_of(gate_of({.guarantee = Guarantee::anytime}))));
  driver.confirm(0s);
  driver.tell(at(25min), samples(0, 0));
  ASSERT_EQ(driver.tick(31min).action, Action::advance);
  driver.confirm(43min);
  EXPECT_EQ(driver.tell(at(44min), samples(0, 5)).undecided, 1U) << "wholly in the stage before";
  for (const std::uint64_t window : {6U, 7U, 8U})
    EXPECT_EQ(driver.tell(at(45min), samples(0, window, 1.0)).action, Action::hold) << window;
  EXPECT_EQ(driver.tell(at(50min), samples(0, 9, 1.0)).action, Action::halt);
}

TEST(StagedPolicy, ALateWindowOfTheStageBeforeIsStillWeighed) {
  std::vector<StagedStage> stages;
  stages.push_back(stage("1%", served(100)));
  stages.push_back(stage("10%", served(1'000)));
  Driver driver(
      staged_engine(std::move(stages), gates_of(gate_of({.guarantee = Guarantee::anytime}))));
  driver.confirm(0s);
  driver.tell(at(25min), samples(0, 0));
  ASSERT_EQ(driver.tick(31min).action, Action::advance);
  driver.confirm(32min);
  EXPECT_EQ(driver.tell(at(33min), samples(0, 5, 1.0)).action, Action::halt);
}

TEST(StagedPolicy, AnExposureShortOfItsTargetIsWeighedWhereItStandsStill) {
  Driver driver = two_stages(gates_of(gate_of({.guarantee = Guarantee::anytime})));
  for (const Duration when : {1min, 3min, 6min}) driver.tell(at(when), ExposureApplied{served(80)});
  EXPECT_EQ(driver.tell(at(6min), samples(0, 0, 1.0)).action, Action::hold);
  EXPECT_EQ(driver.tell(at(10min), samples(0, 1, 1.0)).action, Action::halt);
}

TEST(StagedPolicy, DriftOfTheExposureCutsAWindowToo) {
  Driver driver = two_stages(gates_of(gate_of({.guarantee = Guarantee::anytime})));
  driver.confirm(0s);
  driver.tell(at(7min), ExposureApplied{served(80)});
  driver.confirm(8min);
  EXPECT_EQ(driver.tell(at(10min), samples(0, 1, 1.0)).action, Action::hold);
  EXPECT_EQ(driver.tell(at(15min), samples(0, 2, 1.0)).action, Action::halt);
}

// ---- waking ----

TEST(StagedPolicy, WakesAtTheNextDeadline) {
  Driver driver = two_stages(gates_of(sum_gate("a")), {.dwell = 30min, .timeout = 2h});
  EXPECT_EQ(driver.tick(0s).wake_at, at(15min)) << "silence";
  driver.confirm(1min);
  EXPECT_EQ(driver.tell(at(16min), samples(0, 0)).wake_at, at(31min)) << "both fall together";
  EXPECT_EQ(driver.tell(at(17min), samples(0, 1)).wake_at, at(31min)) << "dwell";
  EXPECT_EQ(driver.tick(31min).wake_at, after(at(31min), 2h)) << "the next stage's timeout";
}

TEST(StagedPolicy, SleepingUntilEachWakeEndsTheRolloutInBoundedSteps) {
  for (const bool confirms : {true, false}) {
    for (const bool has_gate : {true, false}) {
      std::vector<StagedGate> gates;
      if (has_gate) gates.push_back(sum_gate("a"));
      Driver driver = two_stages(std::move(gates));
      Decision decision = confirms ? driver.confirm(0s) : driver.tick(0s);
      int steps = 0;
      while (driver.state.phase == Phase::running && ++steps < 20) {
        const Instant now = decision.wake_at;
        decision = driver.tell(now, Tick{});
        if (confirms && driver.state.phase == Phase::running &&
            driver.state.applied != driver.state.target)
          decision = driver.confirm(now.time_since_epoch());
      }
      EXPECT_LT(steps, 20);
      EXPECT_EQ(driver.state.phase, confirms && !has_gate ? Phase::completed : Phase::halted);
    }
  }
}

// ---- commuting, damage ----

TEST(StagedPolicy, SamplesOfDifferentGatesAtOneInstantCommute) {
  const auto play = [](bool swapped) {
    Driver driver = two_stages(gates_of(sum_gate("a"), sum_gate("b", "cost")));
    driver.confirm(0s);
    const Event a = samples(0, 0, 0.3, 0.1);
    const Event b = samples(1, 0, 0.2, 0.7);
    driver.tell(at(5min), swapped ? b : a);
    const Decision decision = driver.tell(at(5min), swapped ? a : b);
    return std::pair(decision, digest(driver.state));
  };
  EXPECT_EQ(play(false), play(true));
}

TEST(StagedPolicy, ADamagedMemoryIsNoUndefinedBehaviour) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Driver driver = two_stages(gates_of(sum_gate("a")));
  for (const double damage :
       {std::numeric_limits<double>::quiet_NaN(), kInfinity, -kInfinity, 1e300, -1e300, -2.5}) {
    for (std::size_t slot = 0; slot < driver.state.memory.size(); ++slot) {
      RolloutState state = driver.state;
      state.memory[slot] = damage;
      const Decision decision =
          driver.engine.step(state, {.sequence = 1, .at = at(1min), .event = samples(0, 0)});
      EXPECT_NE(decision.action, Action::complete);
    }
  }
}

TEST(StagedPolicy, ATestThatGivesNoNumberIsFaulty) {
  Driver driver = two_stages(gates_of(sum_gate("a", "latency", {.form = Form::readings})));
  driver.confirm(0s);
  Readings told{.probe = ProbeIndex{0},
                .baseline = {.value = 0.0, .status = ReadingStatus::ok},
                .candidate = {.value = -1.0, .status = ReadingStatus::ok}};
  driver.tell(at(29min), told);
  EXPECT_EQ(driver.tick(30min).cause, Cause::gate_faulty);
}

// ---- budget ----

TEST(Budget, IsSplitInProportionAndNeverExceeded) {
  const std::vector<BudgetClaim> claims{{1.0, 1}, {3.0, 2}, {0.0, 5}};
  const auto shares = split_budget(0.08, claims);
  EXPECT_DOUBLE_EQ(shares[0].rollout, 0.02);
  EXPECT_DOUBLE_EQ(shares[1].rollout, 0.06);
  EXPECT_DOUBLE_EQ(shares[1].evidence, 0.03);
  EXPECT_EQ(shares[2].rollout, 0.0);
  double spent = 0.0;
  for (std::size_t i = 0; i < claims.size(); ++i)
    spent += shares[i].evidence * static_cast<double>(claims[i].evidences);
  EXPECT_LE(spent, 0.08 * (1.0 + 1e-15));
}

TEST(Budget, NobodyMayClaimNothing) {
  EXPECT_TRUE(split_budget(0.05, {}).empty());
  const std::vector<BudgetClaim> claims{{0.0, 1}};
  EXPECT_EQ(split_budget(0.05, claims)[0].rollout, 0.0);
}

// ---- A/B tests and pairs ----

/// Half of the traffic for a test of 1,417 samples per arm, then everything.
Driver ab_test(std::optional<AdvanceWhen> advance_when = std::nullopt,
               std::vector<std::string> segments = {}) {
  PlanSpec plan;
  plan.name = "ab";
  plan.stages = {{.name = "test", .served = 0.5, .dwell = 10min, .timeout = 2h},
                 {.name = "100%", .served = 1.0, .dwell = 10min}};
  plan.stages[0].advance_when = advance_when;
  plan.stages[0].ab = AbSpec{.metric = "quality", .min_effect = 0.02, .spread = 0.19};
  plan.stages[0].ab->segments = std::move(segments);
  Compiled compiled = compile(plan);
  EXPECT_TRUE(compiled.engine.has_value());
  return Driver(*compiled.engine);
}

/// A window of `count` requests per arm: the baseline's quality 0.7, the candidate's so much more.
Samples qualities(std::uint64_t window, std::uint64_t count, double more) {
  const auto arm = [count](double mean) {
    const auto n = static_cast<double>(count);
    return Summary{count, n * mean, n * (mean * mean + 0.19 * 0.19)};
  };
  return {.window = window, .baseline = arm(0.7), .candidate = arm(0.7 + more)};
}

Finding finding_of(const Driver& driver, std::size_t gate = 0) {
  return driver.engine.policy().finding(driver.state.memory, gate);
}

/// Window `all.window` of the tests of all users and of a segment.
Decision tell_both(Driver& driver, const Samples& all, Samples segment) {
  const Duration now = static_cast<int>(all.window + 1) * 5min + 1min;
  driver.tell(at(now), all);
  segment.probe = ProbeIndex{1};
  return driver.tell(at(now), segment);
}

TEST(StagedPolicy, TheWinnerIsOfAllUsersAndASegmentThatLosesHalts) {
  const std::vector<std::string> premium{"premium"};
  Driver wins_there_alone = ab_test(AdvanceWhen::winner, premium);
  wins_there_alone.confirm(0s);
  tell_both(wins_there_alone, qualities(0, 2000, 0.0), qualities(0, 1000, 0.03));
  EXPECT_EQ(finding_of(wins_there_alone), Finding::equivalent);
  const Decision held =
      tell_both(wins_there_alone, qualities(1, 2000, 0.0), qualities(1, 1000, 0.03));
  EXPECT_EQ(finding_of(wins_there_alone, 1), Finding::candidate_wins);
  EXPECT_EQ(held.action, Action::hold);
  EXPECT_EQ(held.cause, Cause::awaiting_evidence);

  Driver loses_there = ab_test(AdvanceWhen::winner, premium);
  loses_there.confirm(0s);
  const Decision waits =
      tell_both(loses_there, qualities(0, 2000, 0.03), qualities(0, 1000, -0.04));
  EXPECT_EQ(finding_of(loses_there), Finding::candidate_wins);
  EXPECT_EQ(waits.action, Action::hold) << "the segment's sample is not complete";
  const Decision halted =
      tell_both(loses_there, qualities(1, 2000, 0.03), qualities(1, 1000, -0.04));
  EXPECT_EQ(finding_of(loses_there, 1), Finding::baseline_wins);
  EXPECT_EQ(halted.action, Action::halt);
}

TEST(StagedPolicy, AStageIsNotLeftBeforeItsTestIsOver) {
  Driver driver = ab_test();
  driver.confirm(0s);
  EXPECT_EQ(finding_of(driver), Finding::inconclusive);
  driver.tell(at(6min), qualities(0, 1000, 0.03));
  EXPECT_EQ(driver.tell(at(12min), qualities(1, 416, 0.03)).cause, Cause::awaiting_samples);
  EXPECT_EQ(finding_of(driver), Finding::inconclusive);
  EXPECT_EQ(driver.tell(at(17min), qualities(2, 1, 0.03)).action, Action::advance);
  EXPECT_EQ(finding_of(driver), Finding::candidate_wins);
  // It is the first stage's test: what comes later is not weighed.
  driver.confirm(18min);
  driver.tell(at(22min), qualities(3, 100'000, -0.1));
  EXPECT_EQ(finding_of(driver), Finding::candidate_wins);
  EXPECT_EQ(driver.tick(28min).action, Action::complete);
}

TEST(StagedPolicy, ATestThatTheBaselineWinsHalts) {
  Driver driver = ab_test();
  driver.confirm(0s);
  const Decision decision = driver.tell(at(6min), qualities(0, 2000, -0.03));
  EXPECT_EQ(decision.action, Action::halt);
  EXPECT_EQ(decision.cause, Cause::gate_failed);
  EXPECT_EQ(finding_of(driver), Finding::baseline_wins);
}

TEST(StagedPolicy, OnlyAWinnerGoesOnWhereOneIsAskedFor) {
  Driver better = ab_test(AdvanceWhen::winner);
  better.confirm(0s);
  better.tell(at(6min), qualities(0, 2000, 0.03));
  EXPECT_EQ(better.tick(10min).action, Action::advance);

  Driver equal = ab_test(AdvanceWhen::winner);
  equal.confirm(0s);
  equal.tell(at(6min), qualities(0, 2000, 0.0));
  EXPECT_EQ(finding_of(equal), Finding::equivalent);
  EXPECT_EQ(equal.tell(at(12min), qualities(1, 10, 0.0)).cause, Cause::awaiting_evidence);
  const Decision decision = equal.tell(at(2h), qualities(2, 10, 0.0));
  EXPECT_EQ(decision.action, Action::halt);
  EXPECT_EQ(decision.cause, Cause::stage_timeout);
}

// A pair is of one moment: what the exposure does in a window cannot pass for a difference.
TEST(StagedPolicy, PairsCountInWindowsThatAChangeOfExposureCuts) {
  for (const char* test : {"paired_rate", "beta_binomial_mixture"}) {
    PlanSpec plan;
    plan.name = "pairs";
    plan.false_alarm_budget = 0.05;
    plan.stages = {{.name = "shadow", .mirrored = 0.5, .dwell = 10min}};
    GateSpec gate{.name = "errors", .metric = "error"};
    gate.harm.margin = 1.0;
    gate.test.name = test;
    plan.gates = {gate};
    Driver driver(*compile(plan).engine);
    driver.confirm(2min);
    Samples told{.paired = true,
                 .baseline = {.count = 100, .sum = 1.0, .sum_of_squares = 1.0},
                 .candidate = {.count = 100, .sum = 60.0, .sum_of_squares = 60.0}};
    const bool of_pairs = gate.test.name == "paired_rate";
    if (of_pairs) told.sum_of_products = 1.0;
    // The window from 0 to 5 min began before the traffic was mirrored.
    EXPECT_EQ(driver.tell(at(6min), told).action, of_pairs ? Action::halt : Action::hold) << test;
  }
}

}  // namespace
}  // namespace gatewright
