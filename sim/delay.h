// Delays by law: from a key to a time, and the longest that a law can reasonably give.
// Used by Field for telemetry, by Router for actuation, by the checkers for their bound.
#pragma once

#include "policies/time.h"
#include "sim/scenario.h"
#include "sim/streams.h"

namespace gatewright::sim {

/// One delay; a function of law and key.
[[nodiscard]] Duration draw_delay(const DelayLaw& law, const StreamKey& key) noexcept;

/// A time that no draw exceeds: exact for fixed and uniform laws, ten standard deviations of the
/// logarithm for lognormal ones.
[[nodiscard]] Duration longest_delay(const DelayLaw& law) noexcept;

}  // namespace gatewright::sim
