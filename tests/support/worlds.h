// Small worlds, plans and policies that tests play.
// Used by the tests of sim/; plain functions that return values to be changed.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "policies/compile.h"
#include "policies/engine.h"
#include "policies/plan.h"
#include "policies/policy.h"
#include "sim/run.h"
#include "sim/scenario.h"

namespace gatewright::sim::testing {

using namespace std::chrono_literals;

/// A healthy world of 20 requests a second and 300 users, in which delays are fixed.
inline Scenario quiet_world() {
  Scenario scenario;
  scenario.name = "quiet_world";
  scenario.horizon = 4h;
  scenario.traffic.arrivals = PoissonArrivals{20.0};
  scenario.traffic.users = {.count = 300, .zipf = 0.8};
  scenario.traffic.input_tokens = Lognormal{400.0, 0.8, 0.0};
  scenario.traffic.output_tokens = Lognormal{150.0, 0.6, 0.0};
  scenario.traffic.token_correlation = 0.1;
  scenario.baseline.price = {"test-model", 0.15e-6, 0.60e-6};
  scenario.telemetry.window = 1min;
  scenario.telemetry.delay = {DelayLaw::Kind::fixed, 10.0, 0.0};
  scenario.rollback.actuation = Actuation::custom;
  scenario.rollback.delay = {DelayLaw::Kind::fixed, 2.0, 0.0};
  return scenario;
}

inline Effect effect(std::string metric, double multiply, double shift = 0.0) {
  Effect effect;
  effect.metric = std::move(metric);
  effect.multiply = multiply;
  effect.shift = shift;
  return effect;
}

inline std::shared_ptr<const PreparedScenario> prepared(const Scenario& scenario) {
  Prepared made = prepare(scenario);
  for (const Diagnostic& diagnostic : made.diagnostics)
    if (diagnostic.severity == Severity::error)
      throw std::runtime_error(diagnostic.path + ": " + diagnostic.message);
  return made.scenario;
}

inline StageSpec stage(std::string name, double served, Duration dwell, double mirrored = 0.0) {
  StageSpec spec;
  spec.name = std::move(name);
  spec.served = served;
  spec.mirrored = mirrored;
  spec.dwell = dwell;
  return spec;
}

inline GateSpec gate(std::string name, std::string metric, std::string test, HarmSpec harm) {
  GateSpec spec;
  spec.name = std::move(name);
  spec.metric = std::move(metric);
  spec.test.name = std::move(test);
  spec.harm = harm;
  return spec;
}

/// Five gates that look every five minutes over a ramp of five stages.
inline PlanSpec five_gates() {
  PlanSpec plan;
  plan.name = "five_gates";
  plan.false_alarm_budget = 0.05;
  plan.stages = {stage("shadow", 0.0, 20min, 0.05), stage("1%", 0.01, 20min),
                 stage("10%", 0.10, 20min), stage("50%", 0.50, 20min), stage("100%", 1.0, 20min)};
  const auto ratio = [](double margin) {
    return HarmSpec{.relation = HarmSpec::Relation::ratio, .margin = margin};
  };
  plan.gates = {gate("latency", "latency", "normal_mixture", ratio(1.5)),
                gate("cost", "cost", "normal_mixture", ratio(1.1)),
                gate("failures", "error_or_refusal", "beta_binomial_mixture", ratio(2.0)),
                gate("length", "output_tokens", "normal_mixture", ratio(1.3)),
                gate("feedback", "thumbs_down", "beta_binomial_mixture", ratio(1.5))};
  for (const std::size_t log_gate : {0U, 1U, 3U})
    plan.gates[log_gate].test.parameters["scale"] = std::string("log");
  return plan;
}

inline Contender contender(const PlanSpec& plan) {
  Compiled compiled = compile(plan);
  for (const Diagnostic& diagnostic : compiled.diagnostics)
    if (diagnostic.severity == Severity::error)
      throw std::runtime_error(diagnostic.path + ": " + diagnostic.message);
  return {plan.name, *compiled.engine, plan.assignment, std::make_shared<const PlanSpec>(plan)};
}

/// What a scripted policy does, whatever it is told.
struct Script {
  std::vector<Stage> stages{{"all", {.served = kWholeExposure}}};
  std::vector<Duration>
      leave_at;  ///< per stage, since the start; the last completes. Missing: never
  std::optional<Duration> halt_at;
  Exposure after_halt;
  std::vector<Probe> probes;
};

class ScriptedPolicy : public Policy {
 public:
  explicit ScriptedPolicy(Script script) : script_(std::move(script)) {}
  std::string_view name() const noexcept override { return "scripted"; }
  std::span<const Stage> stages() const noexcept override { return script_.stages; }
  std::span<const Probe> probes() const noexcept override { return script_.probes; }
  std::span<const std::string> gate_names() const noexcept override { return {}; }
  Exposure exposure_after_halt(StageIndex) const noexcept override { return script_.after_halt; }
  std::size_t slots() const noexcept override { return 0; }
  void initialise(PolicyMemory, Instant) const noexcept override {}
  void observe(PolicyMemory, const RolloutView&, const Observation&) const noexcept override {}
  void enter_stage(PolicyMemory, const RolloutView&) const noexcept override {}
  double harm(ConstPolicyMemory, std::size_t) const noexcept override { return 0.0; }
  Proposal propose(ConstPolicyMemory, const RolloutView& view) const noexcept override {
    Proposal proposal;
    proposal.measure = ~ProbeMask{0};
    const auto stage = static_cast<std::size_t>(view.stage);
    const Duration now = view.at - view.started_at;
    const auto due = [&](Duration when) {
      if (now >= when) return true;
      proposal.wake_at = std::min(proposal.wake_at, view.started_at + when);
      return false;
    };
    if (script_.halt_at && due(*script_.halt_at)) {
      proposal.action = Action::halt;
    } else if (stage < script_.leave_at.size() && due(script_.leave_at[stage])) {
      proposal.action = stage + 1 == script_.stages.size() ? Action::complete : Action::advance;
    }
    return proposal;
  }

 protected:
  Script script_;
};

inline Contender scripted(Script script, Assignment assignment = {}) {
  return {"scripted", Engine(std::make_shared<ScriptedPolicy>(std::move(script))), assignment};
}

inline Probe probe(std::string metric, Statistic::Kind kind, Form form = Form::samples,
                   Duration length = 1min) {
  Probe probe;
  probe.metric = std::move(metric);
  probe.form = form;
  probe.statistic.kind = kind;
  probe.window = length;
  probe.every = length;
  return probe;
}

/// Plays one contender in one replication.
inline RunRecord play(const Contender& contender, const Scenario& scenario, RunKey key = {7, 0},
                      RunTrace* trace = nullptr) {
  std::vector<RunTrace> traces;
  auto records =
      run(std::span(&contender, 1), *prepared(scenario), key, trace == nullptr ? nullptr : &traces);
  if (trace != nullptr) *trace = std::move(traces.front());
  return records.front();
}

/// All windows of a probe that reached the engine, added up.
struct Totals {
  Summary baseline, candidate;
};
inline Totals totals(const RunTrace& trace, std::uint16_t probe) {
  Totals totals;
  for (const JournalEntry& entry : trace.journal.entries())
    if (const auto* samples = std::get_if<Samples>(&entry.observation.event))
      if (samples->probe == ProbeIndex{probe}) {
        totals.baseline += samples->baseline;
        totals.candidate += samples->candidate;
      }
  return totals;
}

}  // namespace gatewright::sim::testing
