// From columns to sums: adds the requests of a chunk to a measurement, one small kernel per kind.
// Used by Field, once per group of contenders with one exposure; never looks at a policy.
#pragma once

#include "sim/arms/columns.h"
#include "sim/router/split.h"
#include "sim/telemetry/measurement.h"
#include "sim/world.h"

namespace gatewright::sim {

/// Adds what `split` sends to each arm. Arms with any request have the wanted columns filled.
void add_chunk(const Measurement& measurement, const Columns& columns, const Split& split,
               Tally& tally);

/// The column of a metric that is a number per request, at one arm.
[[nodiscard]] const Column<float>& column_of(WorldMetric metric, const Columns& columns,
                                             std::size_t arm);

/// The columns that a measurement reads at one arm.
[[nodiscard]] Wants wants_of(const Measurement& measurement, std::size_t arm) noexcept;

}  // namespace gatewright::sim
