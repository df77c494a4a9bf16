// Times as seconds in floating point: how requests and effects count them.
// Used within sim/; instants of decisions and events stay whole nanoseconds.
#pragma once

#include <chrono>

#include "policies/time.h"

namespace gatewright::sim {

[[nodiscard]] constexpr double to_seconds(Duration duration) noexcept {
  return std::chrono::duration<double>(duration).count();
}

/// Since the start of the rollout.
[[nodiscard]] constexpr double to_seconds(Instant at) noexcept {
  return to_seconds(at.time_since_epoch());
}

}  // namespace gatewright::sim
