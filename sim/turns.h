// Replications of one or more worlds, dealt out to threads one by one.
// Used by run_many(), and by rehearsals of a scenario and its healthy twin; results never depend on
// which thread played what.
#pragma once

#include <span>
#include <vector>

#include "sim/run.h"

namespace gatewright::sim {

/// run_many() in each of some worlds, such as a scenario and its healthy twin: replication by replication
/// in turns, so that no thread waits for a world's end and that an interrupt leaves as many of each, but
/// for one. A thread keeps a field for every world. `progress` is told of all worlds' replications.
[[nodiscard]] std::vector<ManyRecords> run_in_turns(std::span<const Contender> field,
                                                    std::span<const PreparedScenario* const> worlds,
                                                    const ManyOptions& options);

}  // namespace gatewright::sim
