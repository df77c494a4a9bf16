// A world in which everything happens that windows count, and what is asked of it.
// Used by the tests of this folder and by the long comparison.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/statistical/windows/evidence.h"

namespace gatewright::sim::testing {

/// Rejections, a detector that errs, timeouts by hangs, collapses; so many requests a minute at each of
/// two arms with half of the requests.
inline Scenario eventful(double requests_per_arm) {
  Scenario scenario = quiet_world();
  scenario.traffic.input_tokens.reset();
  scenario.traffic.output_tokens.reset();
  scenario.traffic.token_correlation = 0.3;
  scenario.traffic.arrivals = PoissonArrivals{2.0 * requests_per_arm / 60.0};
  scenario.baseline.rate_limited_share = 0.4;
  scenario.baseline.refusal_detector = {0.9, 0.98};
  scenario.baseline.hang = {0.01, 30.0};
  scenario.baseline.collapse = {0.02, 5.0, 0.1};
  scenario.baseline.thumbs.rate_given = 0.5;
  scenario.effects = {effect("cost", 1.25), effect("error", 1.0, 0.02), effect("latency", 1.1)};
  return scenario;
}

/// Every number and every event.
inline std::vector<Probe> sums() {
  using Kind = Statistic::Kind;
  std::vector<Probe> probes;
  for (const auto& [metric, kind] : {std::pair{"latency", Kind::mean},
                                     {"latency", Kind::mean_log},
                                     {"ttft", Kind::mean_log},
                                     {"input_tokens", Kind::mean},
                                     {"output_tokens", Kind::mean_log},
                                     {"cost", Kind::mean},
                                     {"cost", Kind::mean_log},
                                     {"quality", Kind::mean},
                                     {"error", Kind::rate},
                                     {"error_429", Kind::rate},
                                     {"refusal", Kind::rate},
                                     {"error_or_refusal", Kind::rate},
                                     {"thumbs_down", Kind::rate},
                                     {"thumbs_up", Kind::rate},
                                     {"timeout", Kind::rate}})
    probes.push_back(probe(metric, kind));
  return probes;
}

/// Quantiles of two numbers, the distribution of a third, and means beside.
inline std::vector<Probe> quantiles(Duration length = 1min) {
  using Kind = Statistic::Kind;
  return {quantile_probe("latency", 0.95, length),
          quantile_probe("latency", 0.99, length),
          quantile_probe("cost", 0.95, length),
          probe("output_tokens", Kind::mean, Form::distributions, length),
          probe("latency", Kind::mean, Form::samples, length),
          probe("cost", Kind::mean, Form::samples, length),
          probe("error", Kind::rate, Form::samples, length)};
}

}  // namespace gatewright::sim::testing
