// The native policy: stages climbed one by one, gates that hold or halt.
// Used by compile, which builds it from a plan; also the reference for what a policy should
// promise. Never sees the plan's text: names, defaults and validation are compile's.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policies/gates/combined_margins.h"
#include "policies/gates/gate_test.h"
#include "policies/metric.h"
#include "policies/plan.h"
#include "policies/policy.h"
#include "policies/staged/ramp.h"
#include "policies/staged/sample_ratio_guard.h"

namespace gatewright {

/// Whether a gate on `metric` gets evidence at `exposure`: its requests must exist there, and on
/// both arms if the gate compares them. Elsewhere the gate is ignored, neither silent nor failing.
[[nodiscard]] bool is_measured(const MetricInfo& metric, bool compares_arms,
                               const Exposure& exposure) noexcept;

/// The same for a test, which may ask for pairs of both arms' answers: those are mirrored requests.
[[nodiscard]] bool is_measured(const MetricInfo& metric, const GateTest& test,
                               const Exposure& exposure);

struct StagedGate {
  std::string name;
  Probe probe;  ///< of a metric in the table of metric.h
  std::unique_ptr<const GateTest> test;
  Budget budget{};
  GateRole role = GateRole::protective;
  EvidenceSpan evidence = EvidenceSpan::rollout;
  Duration silence{};
  double budget_share = 0.0;  ///< of the rollout's false alarms; 0: spends none
  /// False alarms it may raise in each stage, 0 where it is not measured; empty: `budget` in all.
  std::vector<double> spent{};
  /// The stage whose A/B test this is: measured there alone, and that stage waits for its end.
  std::optional<StageIndex> test_of{};
};

/// A gate that weighs the windows of several others together.
struct StagedCombination {
  std::string name;
  std::vector<std::size_t> gates;  ///< whose windows, in the order of the test's parts
  std::unique_ptr<const CombinedMargins> test;
  Budget budget{};
  GateRole role = GateRole::protective;
  EvidenceSpan evidence = EvidenceSpan::rollout;
  double budget_share = 0.0;
  std::vector<double> spent{};
};

struct StagedStage {
  Stage stage;
  StageRule rule;
};

/// All that a staged policy is made of.
struct StagedParts {
  std::string name;
  std::vector<StagedStage> stages;
  std::vector<StagedGate> gates;
  WhenHalted when_halted = WhenHalted::rollback;
  std::vector<StagedCombination> combined{};
  Spending spending = Spending::split;
  std::optional<SampleRatioGuard> guard{};
};

class StagedPolicy final : public Policy {
 public:
  /// The guard's probe and name come after those of the gates.
  explicit StagedPolicy(StagedParts parts);

  [[nodiscard]] std::string_view name() const noexcept override { return name_; }
  [[nodiscard]] std::span<const Stage> stages() const noexcept override { return stages_; }
  [[nodiscard]] std::span<const Probe> probes() const noexcept override { return probes_; }
  [[nodiscard]] std::span<const std::string> gate_names() const noexcept override {
    return gate_names_;
  }
  [[nodiscard]] GateMask protective_gates() const noexcept override { return protective_; }
  [[nodiscard]] Exposure exposure_after_halt(StageIndex stage) const noexcept override;
  [[nodiscard]] std::size_t slots() const noexcept override { return slots_; }
  void initialise(PolicyMemory memory, Instant started_at) const noexcept override;
  void observe(PolicyMemory memory, const RolloutView& view,
               const Observation& observation) const noexcept override;
  void enter_stage(PolicyMemory memory, const RolloutView& view) const noexcept override;
  [[nodiscard]] Proposal propose(ConstPolicyMemory memory,
                                 const RolloutView& view) const noexcept override;
  [[nodiscard]] double harm(ConstPolicyMemory memory, std::size_t gate) const noexcept override;
  [[nodiscard]] Finding finding(ConstPolicyMemory memory, std::size_t gate) const noexcept override;

 private:
  /// When the windows of a probe begin, and how long they are.
  struct Times {
    Duration initial_delay, every, window;
    /// In nanoseconds since the rollout's start. In floating point, because no window number may
    /// overflow; exact for the first 104 days.
    [[nodiscard]] double start_of(std::uint64_t number) const noexcept;
  };
  /// With all that a step reads of its probe, so that the probes themselves stay where they are.
  struct Gate {
    Budget budget;
    Duration silence;
    double new_share;        ///< of a window's requests, those that no earlier window held
    std::size_t first_slot;  ///< in the policy's memory: the gate's record, then its test's slots
    std::size_t slots;       ///< of both
    Times times;
    bool is_of_segment;
    bool compares_arms;
    bool needs_still_exposure;  ///< it keeps a promise, and only for windows no change cuts
    bool is_protective;
    bool forgets;  ///< its evidence does not survive a stage change
    bool is_ab;    ///< a stage's A/B test
    std::unique_ptr<const GateTest> test;
  };
  struct Combination {
    Budget budget;
    std::size_t first_slot;  ///< the gate's record, each part's last window, the test's slots
    bool is_protective;
    bool forgets;
    std::vector<std::size_t> gates;
    std::unique_ptr<const CombinedMargins> test;
  };
  /// What holds in a stage.
  struct Standing {
    StageRule rule;
    GateMask measured = 0;  ///< gate and probe share their index
  };
  /// What any gate may spend; they are numbered as in masks, single ones first.
  struct Spent {
    double budget_share = 0.0;
    bool steps_down = false;  ///< its evidence is an e-value or an anytime p-value
    double log_unit = 0.0;    ///< ln of the e-value that its test calls enough
  };

  /// Takes window `window` of probe and gate `index` into the gate's record; whether it was weighed.
  bool weigh(PolicyMemory memory, StageIndex stage, std::size_t index, std::uint64_t window,
             const Observation& observation, Duration now) const noexcept;
  /// The same for the guard, where there is one.
  void weigh_units(PolicyMemory memory, const RolloutView& view,
                   const Samples& units) const noexcept;
  [[nodiscard]] bool is_guarded(StageIndex stage) const noexcept {
    return guard_ && guard_->watches(stage);
  }
  /// Tells the combined gates that gate `index` was told its window, and the window if it was weighed.
  void combine(PolicyMemory memory, StageIndex stage, std::size_t index, std::uint64_t window,
               const Observation* weighed) const noexcept;
  /// ln of the e-value that makes a gate fail in a stage.
  [[nodiscard]] double log_needed(std::size_t gate, std::size_t stage) const noexcept {
    return log_needed_[stage * spent_.size() + gate];
  }
  /// A test's share of its evidence in shares of what the stage asks for.
  [[nodiscard]] double scale(std::size_t gate, std::size_t stage) const noexcept {
    return scales_[stage * spent_.size() + gate];
  }
  /// Whether the exposure stood still over the whole of a probe's window. A change inside it gives one
  /// arm more of the window's end than of its beginning, and whatever moves both arms meanwhile then
  /// looks like a difference between them.
  [[nodiscard]] static bool stood_still(PolicyMemory memory, const Times& times,
                                        std::uint64_t window) noexcept;
  /// What the step from the stage before does to a gate's scale.
  [[nodiscard]] double rescaled_by(std::size_t gate, StageIndex stage) const noexcept;
  void judge_combinations(ConstPolicyMemory memory, std::size_t stage, Proposal& proposal,
                          GateFindings& findings) const noexcept;
  /// All that fail once those of `failing` have.
  [[nodiscard]] GateMask stepped_down(GateMask failing, ConstPolicyMemory memory,
                                      std::size_t stage) const noexcept;
  [[nodiscard]] std::size_t first_slot(std::size_t gate) const noexcept;

  // What a step reads comes first, and lies together.
  std::vector<Gate> gates_;
  std::vector<Standing> standing_;  ///< per stage
  std::vector<double> scales_;      ///< per stage, of all gates
  std::vector<Combination> combined_;
  std::vector<Stage> stages_;
  std::vector<Probe> probes_;
  std::size_t slots_ = 0;
  std::size_t guard_slot_ = 0, guard_probe_ = 0, guard_gate_ = 0;  ///< where there is a guard
  std::optional<SampleRatioGuard> guard_;
  WhenHalted when_halted_;
  Spending spending_;
  GateMask protective_ = 0;
  std::vector<Spent> spent_;
  std::vector<double> log_needed_;  ///< per stage, of all gates
  std::string name_;
  std::vector<std::string> gate_names_;
};

}  // namespace gatewright
