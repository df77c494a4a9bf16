// The exact quantile of a window's values, by each definition that a policy can mean.
// Used for readings; the definition alone moves a gate's trigger rate.
#pragma once

#include <limits>
#include <span>

#include "policies/policy.h"
#include "sim/telemetry/value_ranges.h"

namespace gatewright::sim {

/// The quantile that `statistic` asks for; NaN where it is undefined. No value is not a number. It is
/// found sooner where `guess` is near, such as what it was in the window before.
[[nodiscard]] double quantile(std::span<const float> values, const Statistic& statistic,
                              double guess = std::numeric_limits<double>::quiet_NaN());
/// The same of values some of which are not drawn yet; what the quantile needs of them is drawn.
[[nodiscard]] double quantile(std::span<const float> values, const ValueRanges& ranges,
                              const Statistic& statistic,
                              double guess = std::numeric_limits<double>::quiet_NaN());

}  // namespace gatewright::sim
