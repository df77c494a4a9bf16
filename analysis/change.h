// A change of the candidate, in the terms of a gate's margin and as the mean that it makes of a law.
// Used by lint: by what gates see (review.cpp) and by what breaks their promises (promises.cpp).
// Never says whether a change is harm.
#pragma once

#include <optional>
#include <string>

#include "analysis/power.h"
#include "policies/plan.h"

namespace gatewright::analysis {

/// The change that this mean of the candidate is, in the terms of the margin.
[[nodiscard]] double change_of(const HarmSpec& harm, const Probe& probe, const MetricLaw& law,
                               double candidate);

/// And back; nothing where no mean is.
[[nodiscard]] std::optional<double> mean_of(const HarmSpec& harm, const Probe& probe,
                                            const MetricLaw& law, double change);

/// A change as its margin is stated: "1.31x", "+0.4pp", "2.4%", "+0.12 s".
[[nodiscard]] std::string change_text(const std::string& metric, const HarmSpec& harm,
                                      double change);

}  // namespace gatewright::analysis
