// Policies, gate tests and a driver that do exactly what a test tells them.
// Used by the unit tests of policies/; never by anything that ships.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "policies/compile.h"
#include "policies/digest.h"
#include "policies/engine.h"
#include "policies/journal.h"
#include "policies/staged/staged_policy.h"

namespace gatewright::testing {

using namespace std::chrono_literals;

[[nodiscard]] constexpr Instant at(Duration since_epoch) { return Instant(since_epoch); }

[[nodiscard]] constexpr Exposure served(std::uint16_t basis_points) {
  return {.served = basis_points};
}
[[nodiscard]] constexpr Exposure mirrored(std::uint16_t basis_points) {
  return {.mirrored = basis_points};
}

/// A policy whose proposal is set from outside. Probes 0, 1, 2 ask for samples of `error`,
/// distributions of `latency` and readings of `cpu`. Slot 0 counts observations.
class ScriptedPolicy final : public Policy {
 public:
  explicit ScriptedPolicy(std::vector<Stage> stages, const Statistic& of_samples = {})
      : stages_(std::move(stages)) {
    probes_.resize(3);
    probes_[0] = {.metric = "error",
                  .form = Form::samples,
                  .statistic = of_samples,
                  .window = 1min,
                  .every = 1min};
    probes_[1] = {.metric = "latency", .form = Form::distributions, .window = 1min, .every = 1min};
    probes_[2] = {.metric = "cpu", .form = Form::readings, .window = 1min, .every = 1min};
  }
  std::string_view name() const noexcept override { return "scripted"; }
  std::span<const Stage> stages() const noexcept override { return stages_; }
  std::span<const Probe> probes() const noexcept override { return probes_; }
  std::span<const std::string> gate_names() const noexcept override { return {}; }
  Exposure exposure_after_halt(StageIndex) const noexcept override { return {}; }
  std::size_t slots() const noexcept override { return 1; }
  void initialise(PolicyMemory, Instant) const noexcept override {}
  void observe(PolicyMemory memory, const RolloutView&,
               const Observation&) const noexcept override {
    memory[0] += 1.0;
  }
  void enter_stage(PolicyMemory, const RolloutView&) const noexcept override {}
  Proposal propose(ConstPolicyMemory, const RolloutView& view) const noexcept override {
    last_view = view;
    return next;
  }
  double harm(ConstPolicyMemory, std::size_t) const noexcept override { return 0.0; }

  Proposal next;                    ///< what it answers from now on
  mutable RolloutView last_view{};  ///< what it was asked last

 private:
  std::vector<Stage> stages_;
  std::vector<Probe> probes_;
};

/// Its harm is the sum of the candidate's values, its safety that of the baseline's.
class SumTest final : public GateTest {
 public:
  struct Settings {
    bool compares_arms = true;
    std::uint64_t min_samples = 0;
    Form form = Form::samples;
    Guarantee guarantee = Guarantee::none;
  };
  explicit SumTest(Settings settings) : settings_(settings) {}
  std::string_view name() const noexcept override { return "sum"; }
  Guarantee guarantee() const noexcept override { return settings_.guarantee; }
  Form form() const noexcept override { return settings_.form; }
  Statistic statistic() const override { return {}; }
  std::size_t slots() const noexcept override { return 3; }
  bool compares_arms() const noexcept override { return settings_.compares_arms; }
  void update(std::span<double> slots, const Observation& observation) const noexcept override {
    if (const auto* samples = std::get_if<Samples>(&observation.event)) {
      slots[0] += samples->candidate.sum;
      slots[1] += samples->baseline.sum;
      slots[2] += static_cast<double>(samples->candidate.count);
    } else if (const auto* readings = std::get_if<Readings>(&observation.event)) {
      slots[0] = readings->candidate.value;
      slots[1] = readings->baseline.value;
      slots[2] += 1.0;
    }
  }
  Evidence evidence(std::span<const double> slots, const Budget&) const noexcept override {
    return {.harm = slots[0],
            .safety = slots[1],
            .enough = slots[2] >= static_cast<double>(settings_.min_samples)};
  }

 private:
  Settings settings_;
};

/// A gate that fails when the candidate's values add up to 1 and passes when the baseline's do.
[[nodiscard]] inline StagedGate sum_gate(std::string name, std::string metric = "latency",
                                         SumTest::Settings settings = {}) {
  StagedGate gate{
      .name = std::move(name),
      .probe = {.metric = std::move(metric), .form = settings.form, .window = 5min, .every = 5min},
      .test = std::make_unique<SumTest>(settings),
      .silence = 15min};
  return gate;
}

[[nodiscard]] inline StagedStage stage(std::string name, Exposure exposure,
                                       StageRule rule = {.dwell = 30min, .timeout = 24h}) {
  return {.stage = {.name = std::move(name), .exposure = exposure}, .rule = rule};
}

/// An engine on the given stages (the last is made the last) and gates.
[[nodiscard]] inline Engine staged_engine(std::vector<StagedStage> stages,
                                          std::vector<StagedGate> gates = {},
                                          WhenHalted when_halted = WhenHalted::rollback) {
  stages.back().rule.is_last = true;
  return Engine(std::make_shared<StagedPolicy>(StagedParts{.name = "staged",
                                                           .stages = std::move(stages),
                                                           .gates = std::move(gates),
                                                           .when_halted = when_halted}));
}

/// Ten requests an arm; `harm` is what the candidate's values add up to, `safety` the baseline's.
[[nodiscard]] inline Samples samples(std::uint16_t probe, std::uint64_t window, double harm = 0.0,
                                     double safety = 0.0) {
  return {.probe = ProbeIndex{probe},
          .window = window,
          .baseline = {.count = 10, .sum = safety, .sum_of_squares = safety * safety},
          .candidate = {.count = 10, .sum = harm, .sum_of_squares = harm * harm}};
}

/// Tells an engine one thing after another, and keeps the journal.
class Driver {
 public:
  explicit Driver(Engine engine_of, Instant started_at = Instant{})
      : engine(std::move(engine_of)), state(engine.initial_state(started_at)) {}

  Decision tell(Instant when, Event event) {
    const Observation observation{.sequence = ++sequence, .at = when, .event = event};
    const Decision decision = engine.step(state, observation);
    journal.append(observation, decision, digest(state));
    return decision;
  }
  Decision tick(Duration when) { return tell(at(when), Tick{}); }
  Decision command(Duration when, OperatorCommand::Kind kind) {
    return tell(at(when), OperatorCommand{kind});
  }
  /// The router confirms whatever the target is.
  Decision confirm(Duration when) { return tell(at(when), ExposureApplied{state.target}); }

  Engine engine;
  RolloutState state;
  Journal journal;
  std::uint64_t sequence = 0;
};

/// A plan with one stage of each sort and gates of all forms, as compile takes it.
[[nodiscard]] inline PlanSpec example_plan() {
  PlanSpec plan;
  plan.name = "example";
  plan.about = "what the tests roll out";
  plan.false_alarm_budget = 0.05;
  plan.stages = {{.name = "shadow", .mirrored = 0.05, .dwell = 60min},
                 {.name = "1%", .served = 0.01, .dwell = 30min, .min_samples = 100},
                 {.name = "25%", .served = 0.25, .dwell = 30min},
                 {.name = "100%", .served = 1.0, .dwell = 60min}};
  GateSpec cost{.name = "cost", .metric = "cost"};
  cost.harm.margin = 1.2;
  cost.test = {.name = "normal_mixture", .parameters = {{"scale", std::string("log")}}};
  GateSpec errors{.name = "errors", .metric = "error_or_refusal"};
  errors.harm.margin = 2.0;
  errors.test.name = "beta_binomial_mixture";
  GateSpec latency{.name = "latency", .metric = "latency"};
  latency.harm = {.kind = HarmSpec::Kind::quantile, .probability = 0.99, .margin = 1.5};
  latency.test.parameters = {{"after", std::string("2 consecutive")},
                             {"definition", std::string("histogram")}};
  GateSpec cpu{.name = "cpu", .metric = "cpu"};
  cpu.harm = {.relation = HarmSpec::Relation::absolute, .margin = 0.9};
  plan.gates = {cost, errors, latency, cpu};
  return plan;
}

}  // namespace gatewright::testing
