// The table of scenario files: every key of a world, once.
// Used by load.h for reading and writing, by schema.h for describing.
// Never validates what several numbers mean together; that is sim::validate().
#pragma once

#include <vector>

#include "scenarios/shape.h"
#include "sim/scenario.h"

namespace gatewright::scenarios {

/// name, about, seed, horizon, traffic, tokens, baseline, candidate, noise, telemetry, rollback,
/// objectives.
[[nodiscard]] std::vector<Field<sim::Scenario>> scenario_fields();

/// Arrivals at the profile's rate where none are written.
void fill_arrivals(sim::Scenario& scenario);

/// The world with every default that depends on something else written into it: the profile's token
/// laws, and whether effects are harmful.
[[nodiscard]] sim::Scenario with_defaults(sim::Scenario scenario);

/// The path in the file of a path of sim::validate(), which speaks of the struct.
[[nodiscard]] std::string path_in_file(std::string path);

}  // namespace gatewright::scenarios
