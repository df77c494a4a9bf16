// The native policy: stages climbed one by one, gates that hold or halt.
// Used by compile, which builds it from a plan; also the reference for what a policy should
// promise. Never sees the plan's text: names, defaults and validation are compile's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "policies/gates/gate_test.h"
#include "policies/metric.h"
#include "policies/plan.h"
#include "policies/policy.h"
#include "policies/staged/ramp.h"

namespace gatewright {

/// Whether a gate on `metric` gets evidence at `exposure`: its requests must exist there, and on
/// both arms if the gate compares them. Elsewhere the gate is ignored, neither silent nor failing.
[[nodiscard]] bool is_measured(const MetricInfo& metric, bool compares_arms,
                               const Exposure& exposure) noexcept;

struct StagedGate {
  std::string name;
  Probe probe;  ///< of a metric in the table of metric.h
  std::unique_ptr<const GateTest> test;
  Budget budget{};
  GateRole role = GateRole::protective;
  EvidenceSpan evidence = EvidenceSpan::rollout;
  Duration silence{};
};

struct StagedStage {
  Stage stage;
  StageRule rule;
};

class StagedPolicy final : public Policy {
 public:
  StagedPolicy(std::string name, std::vector<StagedStage> stages, std::vector<StagedGate> gates,
               WhenHalted when_halted);

  [[nodiscard]] std::string_view name() const noexcept override { return name_; }
  [[nodiscard]] std::span<const Stage> stages() const noexcept override { return stages_; }
  [[nodiscard]] std::span<const Probe> probes() const noexcept override { return probes_; }
  [[nodiscard]] std::span<const std::string> gate_names() const noexcept override {
    return gate_names_;
  }
  [[nodiscard]] Exposure exposure_after_halt(StageIndex stage) const noexcept override;
  [[nodiscard]] std::size_t slots() const noexcept override { return slots_; }
  void initialise(PolicyMemory memory, Instant started_at) const noexcept override;
  void observe(PolicyMemory memory, const RolloutView& view,
               const Observation& observation) const noexcept override;
  void enter_stage(PolicyMemory memory, const RolloutView& view) const noexcept override;
  [[nodiscard]] Proposal propose(ConstPolicyMemory memory,
                                 const RolloutView& view) const noexcept override;
  [[nodiscard]] double harm(ConstPolicyMemory memory, std::size_t gate) const noexcept override;

 private:
  struct Gate {
    Budget budget;
    Duration silence;
    double new_share;        ///< of a window's requests, those that no earlier window held
    std::size_t first_slot;  ///< in the policy's memory: the gate's record, then its test's slots
    bool compares_arms;
    bool needs_still_exposure;  ///< it keeps a promise, and only for windows no change cuts
    bool is_protective;
    bool forgets;  ///< its evidence does not survive a stage change
    std::unique_ptr<const GateTest> test;
  };

  /// Takes window `window` of probe and gate `index` into the gate's record.
  void weigh(PolicyMemory memory, std::size_t index, std::uint64_t window,
             const Observation& observation, Duration now) const noexcept;

  std::string name_;
  std::vector<Stage> stages_;
  std::vector<StageRule> rules_;
  std::vector<GateMask> measured_;  ///< per stage; gate and probe share their index
  std::vector<Gate> gates_;
  std::vector<Probe> probes_;
  std::vector<std::string> gate_names_;
  WhenHalted when_halted_;
  std::size_t slots_ = 0;
};

}  // namespace gatewright
