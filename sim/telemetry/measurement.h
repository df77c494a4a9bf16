// What is measured of a window: a metric in one of the ways in which evidence adds up.
// Used by Tally, which fills it per arm, and by ProbeWindows; probes of one kind share one.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "policies/metric.h"
#include "policies/observation.h"
#include "policies/policy.h"
#include "sim/arms/world_metric.h"
#include "sim/telemetry/bin_counts.h"
#include "sim/telemetry/value_ranges.h"

namespace gatewright::sim {

struct Measurement {
  enum class Kind : std::uint8_t {
    sum,        ///< Summary of the values
    log_sum,    ///< Summary of their natural logarithms
    histogram,  ///< counts on the fixed grid
    values,     ///< the values themselves, for exact quantiles
  };
  WorldMetric metric{};
  MetricScope scope{};
  Kind kind{};
  std::optional<std::uint8_t> segment{};   ///< only requests of this one; see Columns::segment
  bool pairs = false;                      ///< of mirrored requests, with products of both arms
  std::optional<WorldMetric> covariate{};  ///< summed beside
  friend constexpr bool operator==(const Measurement&, const Measurement&) = default;
};

/// The measurement that a probe needs, but for the segment, whose number is the scenario's to say. The
/// probe passed check_fit().
[[nodiscard]] Measurement measurement_of(const Probe& probe);

/// One arm's part of a measurement over some requests; which member counts is the measurement's kind.
struct ArmTally {
  Summary summary;
  Covariate covariate;  ///< of pairs: at the candidate, the sum of products alone
  BinCounts bins;
  std::vector<float> values;
  ValueRanges ranges;  ///< values that are not drawn yet, beside those
  void clear() noexcept;
  void add(const ArmTally& other);
};

/// A measurement over some requests, both arms.
using Tally = std::array<ArmTally, 2>;

}  // namespace gatewright::sim
