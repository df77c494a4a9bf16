// What a world's telemetry counts over a whole run, and how far a mean may lie from its claim.
// Used by the tests of this folder; plain functions over tests/support/worlds.h.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/support/worlds.h"

namespace gatewright::sim::testing {

inline double mean(const Summary& s) { return s.sum / static_cast<double>(s.count); }

inline double standard_error(const Summary& s) {
  const double m = mean(s);
  const double variance = s.sum_of_squares / static_cast<double>(s.count) - m * m;
  return std::sqrt(std::max(variance, 0.0) / static_cast<double>(s.count));
}

/// Both arms' totals of each metric, over a run at one exposure.
inline std::vector<Totals> measured(const std::vector<std::string>& metrics,
                                    const Scenario& scenario, Exposure exposure) {
  Script script;
  script.stages = {{"all", exposure}};
  for (const std::string& metric : metrics)
    script.probes.push_back(probe(metric, Statistic::Kind::mean));
  RunTrace trace;
  EXPECT_EQ(play(scripted(script, {.by = AssignmentUnit::request, .hash = AssignmentHash::md5}),
                 scenario, {17, 0}, &trace)
                .faults,
            0U);
  std::vector<Totals> all;
  for (std::size_t i = 0; i < metrics.size(); ++i)
    all.push_back(totals(trace, static_cast<std::uint16_t>(i)));
  return all;
}

inline constexpr Exposure kHalf{.served = 5'000};

}  // namespace gatewright::sim::testing
