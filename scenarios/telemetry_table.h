// The table of how the engine learns of the world and how the world obeys it: telemetry, rollback,
// operators, objectives.
// Used by scenario_table.cpp; reads and writes, never validates what several numbers mean together.
#pragma once

#include <vector>

#include "scenarios/shape.h"
#include "sim/scenario.h"

namespace gatewright::scenarios {

[[nodiscard]] ShapeOf<sim::Telemetry> telemetry_shape();
[[nodiscard]] ShapeOf<sim::Rollback> rollback_shape();
[[nodiscard]] ShapeOf<std::vector<sim::OperatorAction>> operators_shape();
[[nodiscard]] ShapeOf<sim::Interleaving> interleaving_shape();
[[nodiscard]] ShapeOf<sim::Objectives> objectives_shape();

}  // namespace gatewright::scenarios
