// The table of a scenario's traffic: arrivals, users, lengths of prompts and answers.
// Used by scenario_table.cpp; reads and writes, never validates what several numbers mean together.
#pragma once

#include "scenarios/shape.h"
#include "sim/scenario.h"

namespace gatewright::scenarios {

/// The section `traffic`.
[[nodiscard]] ShapeOf<sim::Traffic> traffic_shape();
/// The section `tokens`.
[[nodiscard]] ShapeOf<sim::Traffic> tokens_shape();

}  // namespace gatewright::scenarios
