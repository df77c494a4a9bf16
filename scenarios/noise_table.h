// The table of a scenario's run-to-run noise.
// Used by scenario_table.cpp; reads and writes, never validates what several numbers mean together.
#pragma once

#include "scenarios/shape.h"
#include "sim/scenario.h"

namespace gatewright::scenarios {

/// The section `noise`.
[[nodiscard]] ShapeOf<sim::Noise> noise_shape();

}  // namespace gatewright::scenarios
