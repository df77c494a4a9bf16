// The exact quantile of a window's values, by each definition that a policy can mean.
// Used for readings; the definition alone moves a gate's trigger rate.
#pragma once

#include <span>

#include "policies/policy.h"

namespace gatewright::sim {

/// The quantile that `statistic` asks for; NaN where it is undefined. Reorders `values`.
[[nodiscard]] double quantile(std::span<float> values, const Statistic& statistic);

}  // namespace gatewright::sim
