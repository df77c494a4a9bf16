// The table of a scenario's servers: replicas, batches, queues, autoscaling.
// Used by scenario_table.cpp; reads and writes, never validates what several numbers mean together.
#pragma once

#include "scenarios/shape.h"
#include "sim/scenario.h"

namespace gatewright::scenarios {

/// The section `serving`.
[[nodiscard]] ShapeOf<sim::Serving> serving_shape();

}  // namespace gatewright::scenarios
