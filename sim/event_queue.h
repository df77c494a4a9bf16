// The order of a contender's events: a heap of plain values by (time, phase, sequence), integer
// nanoseconds. Used by Field, one per contender, since no contender waits for another; what happens at
// one instant happens in the order of phases, then of scheduling.
#pragma once

#include <cstdint>
#include <vector>

#include "policies/time.h"

namespace gatewright::sim {

/// What comes first at one instant, after the requests of a window that ends then.
enum class EventPhase : std::uint8_t {
  telemetry,  ///< windows closed before now are reported
  operators,  ///< people act
  engine,     ///< wake-ups
  actuation,  ///< the router applies a target
};

struct ScheduledEvent {
  Instant at{};
  std::uint64_t sequence = 0;  ///< given by the queue: rises with every push
  std::uint64_t number = 0;    ///< window, or number of an actuation
  EventPhase phase = EventPhase::telemetry;
};

/// The one place that says which of two events comes first.
[[nodiscard]] constexpr bool earlier(const ScheduledEvent& a, const ScheduledEvent& b) noexcept {
  if (a.at != b.at) return a.at < b.at;
  if (a.phase != b.phase) return a.phase < b.phase;
  return a.sequence < b.sequence;
}

/// A binary heap: below some sixty pending events nothing is faster, and a contender has a few.
class EventQueue {
 public:
  void push(ScheduledEvent event);
  /// The first event. The queue must not be empty.
  [[nodiscard]] const ScheduledEvent& front() const noexcept { return heap_.front(); }
  /// Removes and returns it.
  ScheduledEvent pop();
  [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
  /// When the first event is due; kNever: there is none.
  [[nodiscard]] Instant next_at() const noexcept { return heap_.empty() ? kNever : front().at; }
  void clear() noexcept;

 private:
  std::vector<ScheduledEvent> heap_;
  std::uint64_t next_sequence_ = 0;
};

}  // namespace gatewright::sim
