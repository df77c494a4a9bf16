// Small worlds whose answer is known exactly, played through the whole engine.
// Used by the tests of this folder; every window holds the same number of requests of both arms.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include "analysis/intervals.h"
#include "policies/compile.h"
#include "policies/plan.h"
#include "sim/run.h"
#include "sim/scenario.h"

namespace gatewright::rehearsal {

using namespace std::chrono_literals;

/// A recording with `per_minute` evenly spaced requests a minute, written once per size.
inline std::string even_trace(int per_minute, int minutes) {
  const auto folder = std::filesystem::temp_directory_path() / "gatewright-rehearsals";
  std::filesystem::create_directories(folder);
  const auto path =
      folder / ("even_" + std::to_string(per_minute) + "_" + std::to_string(minutes) + ".csv");
  if (!std::filesystem::exists(path)) {
    const auto partial = path.string() + "." + std::to_string(::getpid());
    {
      std::ofstream out(partial);
      out << "at_seconds,input_tokens,output_tokens\n";
      char line[64];
      for (int i = 0; i < per_minute * minutes; ++i) {
        std::snprintf(line, sizeof line, "%.9f,100,100\n", i * 60.0 / per_minute);
        out << line;
      }
    }
    std::filesystem::rename(partial, path);
  }
  return path.string();
}

/// Both arms answer every request of an even trace: independent answers, no noise, telemetry at once.
inline sim::Scenario twin_world(int per_minute, int minutes) {
  sim::Scenario scenario;
  scenario.name = "even";
  scenario.horizon = std::chrono::minutes(minutes + 3);
  sim::TraceArrivals arrivals;
  arrivals.file = even_trace(per_minute, minutes + 4);
  arrivals.format = sim::TraceFormat::csv;
  arrivals.repeat = sim::TraceRepeat::loop;
  scenario.traffic.arrivals = arrivals;
  scenario.traffic.users.count = 100;
  scenario.same_prompt.correlation = 0.0;
  scenario.baseline.error_probability = 0.0;
  scenario.baseline.refusal_probability = 0.0;
  scenario.rollback.actuation = sim::Actuation::custom;
  scenario.rollback.delay = {sim::DelayLaw::Kind::fixed, 0.0, 0.0};
  return scenario;
}

/// One shadow stage in which everything is mirrored, for `looks` windows of one minute. The first minute,
/// in which the exposure is applied, is not looked at; the last look arrives before the dwell is over.
inline PlanSpec shadow_plan(int looks, GateSpec gate) {
  PlanSpec plan;
  plan.name = "one_gate";
  plan.false_alarm_budget = 0.05;
  plan.every = 1min;
  StageSpec stage;
  stage.name = "shadow";
  stage.mirrored = 1.0;
  stage.dwell = std::chrono::minutes(looks + 1) + 30s;
  plan.stages = {stage};
  gate.name = "gate";
  gate.initial_delay = 1min;
  plan.gates = {std::move(gate)};
  return plan;
}

struct Alarms {
  std::uint64_t halted = 0;
  std::uint64_t runs = 0;
};

/// Rollouts halted among `runs`, and nothing else may happen but completion.
inline Alarms count_alarms(const PlanSpec& plan, const sim::Scenario& scenario, std::uint64_t runs,
                           std::uint64_t seed = 1) {
  auto compiled = compile(plan);
  for (const Diagnostic& problem : compiled.diagnostics)
    if (problem.severity == Severity::error)
      ADD_FAILURE() << problem.path << ": " << problem.message;
  auto prepared = sim::prepare(scenario);
  for (const Diagnostic& problem : prepared.diagnostics)
    ADD_FAILURE() << problem.path << ": " << problem.message;
  Alarms alarms;
  std::uint64_t unfinished = 0;
  if (!compiled.engine || !prepared.scenario) return alarms;
  const sim::Contender contender{
      .name = plan.name, .engine = *compiled.engine, .assignment = plan.assignment};
  sim::ManyOptions options;
  options.seed = seed;
  options.replications = runs;
  const auto records = sim::run_many({&contender, 1}, *prepared.scenario, options);
  for (const sim::RunRecord& record : records.by_contender.at(0)) {
    EXPECT_TRUE(record.violations.empty());
    unfinished += record.outcome == sim::Outcome::unfinished ? 1 : 0;
    alarms.halted += record.outcome == sim::Outcome::halted ? 1 : 0;
    ++alarms.runs;
  }
  EXPECT_EQ(unfinished, 0U);
  return alarms;
}

/// Claim: the simulated share of halted rollouts is the exact one. The test is the two-sided exact
/// binomial interval at `confidence`.
inline void expect_rate(const Alarms& alarms, double exact, double confidence,
                        const std::string& what) {
  const auto estimate = analysis::share(alarms.halted, alarms.runs, confidence);
  std::printf("  %-44s exact %.5f   simulated %.5f [%.5f, %.5f] of %llu\n", what.c_str(), exact,
              estimate.value, estimate.lower, estimate.upper,
              static_cast<unsigned long long>(alarms.runs));
  EXPECT_LE(estimate.lower, exact) << what;
  EXPECT_GE(estimate.upper, exact) << what;
}

}  // namespace gatewright::rehearsal
