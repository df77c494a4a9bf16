// The order of events: a heap of plain values by (time, phase, sequence), integer nanoseconds.
// Used by Field; what happens at one instant happens in the order of phases, then of scheduling.
#pragma once

#include <cstdint>
#include <vector>

#include "policies/time.h"

namespace gatewright::sim {

/// What comes first at one instant.
enum class EventPhase : std::uint8_t {
  arrivals,   ///< requests of the window that ends now are played
  telemetry,  ///< windows closed before now are reported
  operators,  ///< people act
  engine,     ///< wake-ups
  actuation,  ///< the router applies a target
};

struct ScheduledEvent {
  Instant at{};
  std::uint64_t sequence = 0;  ///< given by the queue: rises with every push
  std::uint64_t number = 0;    ///< window, or number of an actuation
  std::uint32_t contender = 0;
  EventPhase phase = EventPhase::arrivals;
};

/// The one place that says which of two events comes first.
[[nodiscard]] constexpr bool earlier(const ScheduledEvent& a, const ScheduledEvent& b) noexcept {
  if (a.at != b.at) return a.at < b.at;
  if (a.phase != b.phase) return a.phase < b.phase;
  return a.sequence < b.sequence;
}

/// A binary heap: below some sixty pending events nothing is faster, and a field has a few each.
class EventQueue {
 public:
  void push(ScheduledEvent event);
  /// Removes and returns the first event. The queue must not be empty.
  ScheduledEvent pop();
  [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
  void clear() noexcept;

 private:
  std::vector<ScheduledEvent> heap_;
  std::uint64_t next_sequence_ = 0;
};

}  // namespace gatewright::sim
