#include "sim/windows/fidelity.h"

#include <array>
#include <cstdio>
#include <map>
#include <utility>

#include "sim/seconds.h"
#include "sim/telemetry/measurement.h"

namespace gatewright::sim {
namespace {

class Limits {
 public:
  Limits(const Contender& contender, const Scenario& scenario)
      : contender_(contender), scenario_(scenario) {}

  Diagnostics find() && {
    traffic();
    arms();
    effects();
    noise();
    rollout();
    probes();
    return std::move(found_);
  }

 private:
  void cannot(std::string path, std::string what) {
    found_.push_back({.path = std::move(path),
                      .message = "windows do not play " + std::move(what) +
                                 ": expected `fidelity: requests`, or `auto`"});
  }

  void traffic() {
    const Traffic& traffic = scenario_.traffic;
    if (std::holds_alternative<TraceArrivals>(traffic.arrivals))
      cannot("traffic.arrivals.trace", "recorded requests");
    if (traffic.users.sessions.requests > 1.0)
      cannot("traffic.users.sessions", "sessions, whose requests follow each other");
    if (traffic.tenants.burstiness)
      cannot("traffic.tenants.burstiness", "tenants whose requests come in bursts");
  }

  void arms() {
    if (scenario_.serving) cannot("serving", "servers, whose requests wait for each other");
    if (scenario_.rollback.cold > Duration::zero())
      cannot("rollback.cold", "a rollback that finds the old model cold");
    for (const TelemetryFault& fault : scenario_.telemetry.faults)
      if (fault.kind == TelemetryFaultKind::truncated)
        cannot("telemetry.faults", "reports that are cut short");
  }

  /// The law of a number is tabulated, and a table for every moment would cost more than requests.
  void effects() {
    for (std::size_t i = 0; i < scenario_.effects.size(); ++i) {
      const Effect& effect = scenario_.effects[i];
      const std::string path = "candidate.effects." + std::to_string(i);
      if (effect.above_input_tokens > 0.0)
        cannot(path + ".above_input_tokens", "effects on long prompts only");
      const std::optional<WorldMetric> metric = world_metric(effect.metric);
      const bool drifts = effect.ramp_in > Duration::zero() || effect.fade > Duration::zero();
      if (drifts && metric && !is_event(*metric))
        cannot(path, "a " + effect.metric + " that changes little by little");
    }
  }

  void noise() {
    for (const auto& [name, flipping] : scenario_.noise.prompts)
      if (flipping > 0.0) cannot("noise.prompts." + name, "prompts that flip");
    const auto numbers = [this](const std::string& path, const auto& noisy, auto size_of) {
      for (const auto& [name, law] : noisy) {
        const std::optional<WorldMetric> metric = world_metric(name);
        if (metric && !is_event(*metric) && size_of(law) > 0.0)
          cannot(path + name, "noise on numbers, only on events");
      }
    };
    numbers("noise.deployment.", scenario_.noise.deployment, [](double sd) { return sd; });
    numbers("noise.window.", scenario_.noise.window,
            [](const Noise::Window& law) { return law.size; });
  }

  void rollout() {
    const Assignment& assignment = contender_.assignment;
    const bool by_user = assignment.by == AssignmentUnit::user;
    const bool by_request = assignment.by == AssignmentUnit::request && assignment.allow.empty() &&
                            assignment.deny.empty();
    if (!by_user && !by_request)
      cannot("assignment", "an assignment by other units than users and requests");
    for (const Stage& stage : contender_.engine.policy().stages())
      if (stage.exposure.interleaved > 0)
        cannot("stages." + stage.name + ".interleaved", "interleaved answers");
  }

  void probes() {
    const std::span<const Probe> probes = contender_.engine.policy().probes();
    for (std::size_t i = 0; i < probes.size(); ++i) {
      if (probes[i].metric == kAssignedUnits) continue;  // users and requests: see rollout()
      const std::optional<WorldMetric> metric = world_metric(probes[i].metric);
      if (!metric || find_metric(probes[i].metric) == nullptr) continue;  // check_fit says so
      const Measurement measurement = measurement_of(probes[i]);
      const std::string path = "probes." + std::to_string(i);
      const bool is_of_requests = measurement.scope == MetricScope::all ||
                                  measurement.scope == MetricScope::answered ||
                                  measurement.scope == MetricScope::seen;
      if (is_gauge(*metric) || !is_of_requests)
        cannot(path + ".metric", "'" + probes[i].metric + "', which is no number of one answer");
      const bool tells_kinds = *metric == WorldMetric::error || *metric == WorldMetric::timeout ||
                               *metric == WorldMetric::length_collapse;
      if (measurement.pairs && is_event(*metric) && !tells_kinds)
        cannot(path + ".test", "pairs of '" + probes[i].metric + "'");
      if (measurement.covariate && (is_event(*metric) || is_event(*measurement.covariate)))
        cannot(path + ".test", "covariates of events");
    }
  }

  const Contender& contender_;
  const Scenario& scenario_;
  Diagnostics found_;
};

/// "2400".
std::string whole(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.0f", value);
  return text.data();
}

}  // namespace

Diagnostics beyond_windows(const Contender& contender, const Scenario& scenario) {
  return Limits(contender, scenario).find();
}

FidelityChoice choose_fidelity(std::span<const Contender> field, const PreparedScenario& scenario) {
  const Scenario& written = scenario.scenario();
  if (written.fidelity != Fidelity::automatic) return {.fidelity = written.fidelity};
  for (const Contender& contender : field) {
    const Diagnostics beyond = beyond_windows(contender, written);
    if (!beyond.empty())
      return {Fidelity::requests,
              beyond.front().path + ": " +
                  beyond.front().message.substr(0, beyond.front().message.find(": expected"))};
  }
  const double requests =
      scenario.tables().arrivals->mean_rate_per_second() * to_seconds(written.telemetry.window);
  if (requests < kWindowsFrom)
    return {Fidelity::requests,
            whole(requests) + " requests a window are drawn as fast one by one"};
  return {Fidelity::windows,
          whole(requests) + " requests a window, and nothing that needs them singly"};
}

}  // namespace gatewright::sim
