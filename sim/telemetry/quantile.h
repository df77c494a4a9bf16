// The exact quantile of a window's values, by each definition that a policy can mean.
// Used for readings; the definition alone moves a gate's trigger rate.
#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "policies/policy.h"
#include "sim/telemetry/value_ranges.h"

namespace gatewright::sim {

/// The greatest of some values, kept when a high quantile of them was looked for: a higher one is among them.
struct Tail {
  float above = 0.0F;         ///< what is kept is greater
  std::size_t below = 0;      ///< so many are not
  std::vector<float> values;  ///< none: nothing is known
};

/// The quantile that `statistic` asks for; NaN where it is undefined. No value is not a number. It is
/// found sooner where `guess` is near, such as what it was in the window before, and where a `tail` of the
/// same values is known, which it may change.
[[nodiscard]] double quantile(std::span<const float> values, const Statistic& statistic,
                              double guess = std::numeric_limits<double>::quiet_NaN(),
                              Tail* tail = nullptr);
/// The same of values some of which are not drawn yet; what the quantile needs of them is drawn.
[[nodiscard]] double quantile(std::span<const float> values, const ValueRanges& ranges,
                              const Statistic& statistic,
                              double guess = std::numeric_limits<double>::quiet_NaN(),
                              Tail* tail = nullptr);

}  // namespace gatewright::sim
