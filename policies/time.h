// Time as the engine knows it: instants and durations that can be compared, never asked for.
// Used by everything; the clock has no now(), so nothing in policies/ can read one.
#pragma once

#include <chrono>
#include <cstdint>

namespace gatewright {

/// A clock without now(): std::chrono supplies units and arithmetic, the compiler forbids the rest.
/// The epoch is the driver's choice (the simulator counts from the start of the rollout, a
/// production driver usually from the Unix epoch). Resolution: one nanosecond.
struct RolloutClock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = std::chrono::duration<rep, period>;
  using time_point = std::chrono::time_point<RolloutClock>;
  static constexpr bool is_steady = true;
};

using Duration = RolloutClock::duration;
using Instant = RolloutClock::time_point;

/// "Never": later than every instant a rollout can reach.
inline constexpr Instant kNever = Instant::max();

/// The instant `ahead` (not negative) after `at`, or kNever where the sum would not fit.
[[nodiscard]] constexpr Instant after(Instant at, Duration ahead) noexcept {
  return at > kNever - ahead ? kNever : at + ahead;
}

/// The time from `since` to `at`, which is not earlier; the longest there is where it would not fit.
[[nodiscard]] constexpr Duration elapsed(Instant since, Instant at) noexcept {
  const bool fits = since.time_since_epoch().count() >= 0 || at < kNever + since.time_since_epoch();
  return fits ? at - since : Duration::max();
}

}  // namespace gatewright
