// A scenario in one sentence: what is wrong with the candidate, how much traffic, how many users.
// Used at the head of reports; made from the scenario's data, never from its prose.
#pragma once

#include <string>

#include "sim/scenario.h"

namespace gatewright::analysis {

/// "A candidate with cost +25% meets 40 requests/s from 20,000 users, for at most 12h."
[[nodiscard]] std::string sentence(const sim::Scenario& scenario);

}  // namespace gatewright::analysis
