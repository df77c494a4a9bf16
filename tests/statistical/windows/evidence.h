// What telemetry tells of windows, statistic by statistic, at one resolution or the other.
// Used by the tests of this folder and by the long comparison.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "policies/histogram.h"
#include "tests/statistical/windows/comparison.h"
#include "tests/support/worlds.h"

namespace gatewright::sim::testing {

/// Per arm, metric and statistic: one number a window.
using Evidence = std::map<std::string, Sample>;

/// What is asked of every window, and how windows are played.
struct Look {
  std::vector<Probe> probes;
  Exposure exposure{};
  std::size_t windows = 0;
  std::uint64_t seed = 0;
  Duration length = 1min;  ///< of the probes' windows; telemetry's are of a minute
};

inline Probe quantile_probe(std::string metric, double probability, Duration length = 1min) {
  Probe one = probe(std::move(metric), Statistic::Kind::quantile, Form::readings, length);
  one.statistic.probability = probability;
  return one;
}

/// "p95", where the number is 0.95.
inline std::string name_of_quantile(double probability) {
  std::string name = std::to_string(probability * 100.0);
  name.erase(name.find_last_not_of('0') + 1);
  if (name.back() == '.') name.pop_back();
  return "p" + name;
}

/// Adds what a report says; null arms are left out.
inline void take(const Probe& probe, const Event& event, Evidence& out) {
  const std::string base = probe.metric +
                           (probe.statistic.kind == Statistic::Kind::mean_log ? " log " : " ") +
                           (probe.segment.empty() ? "" : "of " + probe.segment + " ");
  for (const bool is_candidate : {false, true}) {
    const std::string name = (is_candidate ? "candidate " : "baseline ") + base;
    if (const auto* samples = std::get_if<Samples>(&event)) {
      const Summary& summary = is_candidate ? samples->candidate : samples->baseline;
      const auto n = static_cast<double>(summary.count);
      const double mean = n > 0.0 ? summary.sum / n : 0.0;
      const std::string kind = probe.statistic.pairs ? "of pairs " : "";
      out[name + kind + "count"].push_back(n);
      out[name + kind + "mean"].push_back(mean);
      out[name + kind + "variance"].push_back(n > 0.0 ? summary.sum_of_squares / n - mean * mean
                                                      : 0.0);
      if (samples->covariates) {
        const Covariate& beside =
            is_candidate ? samples->covariates->candidate : samples->covariates->baseline;
        out[name + "covariate"].push_back(n > 0.0 ? beside.sum / n : 0.0);
        out[name + "covariance"].push_back(
            n > 0.0 ? beside.sum_of_products / n - mean * beside.sum / n : 0.0);
      }
      if (is_candidate && samples->sum_of_products) {
        const auto& [count, sum, squares] = samples->baseline;
        out[base + "covariance of pairs"].push_back(
            n > 0.0 ? *samples->sum_of_products / n - mean * sum / n : 0.0);
      }
    }
    if (const auto* readings = std::get_if<Readings>(&event)) {
      const Reading& reading = is_candidate ? readings->candidate : readings->baseline;
      out[name + name_of_quantile(probe.statistic.probability)].push_back(reading.value);
    }
    if (const auto* bins = std::get_if<Distributions>(&event)) {
      const HistogramView view = is_candidate ? bins->candidate : bins->baseline;
      const auto n = static_cast<double>(count(view));
      double sum = 0.0, squares = 0.0;
      for (const HistogramBin& bin : view) {
        const double middle = HistogramGrid::middle(bin.bin);
        sum += static_cast<double>(bin.count) * middle;
        squares += static_cast<double>(bin.count) * middle * middle;
      }
      out[name + "histogram count"].push_back(n);
      out[name + "histogram mean"].push_back(n > 0.0 ? sum / n : 0.0);
      out[name + "histogram variance"].push_back(n > 0.0 ? squares / n - sum / n * (sum / n) : 0.0);
      out[name + "histogram median"].push_back(n > 0.0 ? quantile(view, 0.5) : 0.0);
      out[name + "histogram p95"].push_back(n > 0.0 ? quantile(view, 0.95) : 0.0);
    }
  }
}

/// Plays `look.windows` windows of the probes, in rollouts of at most kTogether.
inline Evidence evidence_of(Scenario scenario, Fidelity fidelity, const Look& look) {
  constexpr std::size_t kTogether = 2'000;
  scenario.fidelity = fidelity;
  Script script;
  script.stages = {{"steady", look.exposure}};
  script.probes = look.probes;
  const Contender one = scripted(script, {.by = AssignmentUnit::request});
  Evidence all;
  std::uint64_t replication = 0;
  decltype(prepared(scenario)) ready;
  for (std::size_t left = look.windows; left > 0; ++replication) {
    const std::size_t now = std::min(left, kTogether);
    // The exposure comes during window 0, which is left out.
    const Duration horizon = look.length * static_cast<Duration::rep>(now + 1);
    if (!ready || scenario.horizon != horizon) {
      scenario.horizon = horizon;
      EXPECT_TRUE(check_fit(one, scenario).empty());
      ready = prepared(scenario);
    }
    std::vector<RunTrace> traces;
    const auto records = run(std::span(&one, 1), *ready, {look.seed, replication}, &traces);
    EXPECT_EQ(records.front().faults, 0U);
    for (const JournalEntry& entry : traces.front().journal.entries()) {
      std::visit(
          [&](const auto& event) {
            if constexpr (requires { event.probe; })
              if (event.window > 0)
                take(look.probes[static_cast<std::size_t>(event.probe)], event, all);
          },
          entry.observation.event);
    }
    left -= now;
  }
  return all;
}

}  // namespace gatewright::sim::testing
