// What a test that takes counts for normal does where they are few: the exact law of its looks.
// Used by promises.cpp, for lint.
// Never approximates: where events are many it says nothing.
#pragma once

#include <optional>

#include "analysis/power.h"

namespace gatewright::analysis {

/// The share of rollouts that a test of two totals of events halts at its planned looks, by recursion
/// over both counts from look to look, each look after its expected number of requests. Nothing where
/// the test is another, or where it has counted so many events by its last look that they are as good
/// as normal: more than 64 of the candidate, or 4,096 of the baseline.
[[nodiscard]] std::optional<double> halted_by_few_events(const Sight& sight, double candidate_mean);

}  // namespace gatewright::analysis
