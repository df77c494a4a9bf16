// From target exposures to applied ones: the router obeys late and not always at once, and the latest
// target wins.
// Used by Driver, one per contender; it never decides an exposure.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "policies/exposure.h"
#include "policies/time.h"
#include "sim/run.h"
#include "sim/scenario.h"
#include "sim/streams.h"

namespace gatewright::sim {

/// An exposure from a moment on, until the next segment begins.
struct ExposureSegment {
  Instant from{};
  double from_seconds = 0.0;  ///< the same moment, as arrivals count
  Exposure exposure;
};

/// A target on its way: it is applied at `at` unless a later one has replaced it.
struct PendingTarget {
  Instant at{};
  std::uint64_t number = 0;
};

/// What a moment of an actuation brought.
struct Actuated {
  bool confirms = false;           ///< the router says what it serves now
  std::optional<Instant> again{};  ///< the same actuation goes on then
};

/// What can go wrong with an actuation is drawn once per actuation, but for `refused`, which is drawn
/// per attempt; all by (key, number), so that equal numbers of actuations meet equal luck.
class Router {
 public:
  explicit Router(const Rollback& rollback) : law_(delay_law(rollback)), rollback_(rollback) {}

  /// Back to the start of a rollout: nothing exposed, nothing asked for.
  void start(RunKey key);

  /// Asks for a target; nothing where it is what was asked for last. The delay of the n-th actuation
  /// is a function of (key, n).
  [[nodiscard]] std::optional<PendingTarget> request(Exposure target, Instant now);

  /// A moment of actuation `number` has come. Nothing happens where a later target has replaced it.
  Actuated apply(std::uint64_t number, Instant now);

  /// How much longer than its delay the present actuation was bound to take, by refusals and by landing
  /// short.
  [[nodiscard]] Duration retried() const noexcept { return retried_; }

  [[nodiscard]] Exposure applied() const noexcept { return timeline_.back().exposure; }
  /// Exposures since the start of the present window, in order; never empty.
  [[nodiscard]] std::span<const ExposureSegment> timeline() const noexcept {
    return {timeline_.data(), timeline_.size()};
  }
  /// Exposures since the start of the rollout, in order; never empty.
  [[nodiscard]] std::span<const ExposureSegment> history() const noexcept { return history_; }
  /// A new window begins at `start`: the timeline forgets all but the present exposure. Said again of
  /// the same window, it changes nothing.
  void roll(Instant start) noexcept;

 private:
  /// What the next moment of the present actuation brings.
  enum class Next : std::uint8_t {
    attempt,
    rest,             ///< of the way to the target
    acknowledgement,  ///< that got lost
    second_confirmation,
    nothing,
  };
  [[nodiscard]] bool happens(double share, StreamName name, std::uint64_t index) const noexcept;
  void serve(Exposure exposure, Instant now);
  Actuated arrive(Instant now);

  // What every window and every decision looks at comes first.
  boost::container::small_vector<ExposureSegment, 2> timeline_;
  std::optional<Exposure> target_;
  std::uint64_t actuations_ = 0;  ///< numbers given so far; the last one is the one that counts
  std::vector<ExposureSegment> history_;
  Next next_ = Next::nothing;
  std::uint64_t attempts_ = 0;  ///< of the present actuation
  Duration retried_{};
  RunKey key_;
  DelayLaw law_;
  Rollback rollback_;
};

}  // namespace gatewright::sim
