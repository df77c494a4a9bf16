// The table of what the arms do: one request at the baseline, and how the candidate differs.
// Used by scenario_table.cpp; reads and writes, never validates what several numbers mean together.
#pragma once

#include "scenarios/shape.h"
#include "sim/scenario.h"

namespace gatewright::scenarios {

/// The section `baseline`.
[[nodiscard]] ShapeOf<sim::Scenario> baseline_shape();
/// The section `candidate`.
[[nodiscard]] ShapeOf<sim::Scenario> candidate_shape();

}  // namespace gatewright::scenarios
