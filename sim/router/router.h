// From target exposures to applied ones: the router obeys late, and the latest target wins.
// Used by Driver, one per contender; it never decides an exposure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "policies/exposure.h"
#include "policies/time.h"
#include "sim/run.h"
#include "sim/scenario.h"

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

class Router {
 public:
  explicit Router(const Rollback& rollback) : law_(delay_law(rollback)) {}

  /// Back to the start of a rollout: nothing exposed, nothing asked for.
  void start(RunKey key);

  /// Asks for a target; nothing where it is what was asked for last. The delay of the n-th actuation
  /// is a function of (key, n).
  [[nodiscard]] std::optional<PendingTarget> request(Exposure target, Instant now);

  /// The moment of actuation `number` has come: whether it still counts and was applied.
  bool apply(std::uint64_t number, Instant now);

  [[nodiscard]] Exposure applied() const noexcept { return timeline_.back().exposure; }
  /// Exposures since the start of the present window, in order; never empty.
  [[nodiscard]] std::span<const ExposureSegment> timeline() const noexcept { return timeline_; }
  /// A new window begins at `start`: forgets all but the present exposure.
  void roll(Instant start) noexcept;

 private:
  DelayLaw law_;
  RunKey key_;
  std::vector<ExposureSegment> timeline_;
  std::optional<Exposure> target_;
  std::uint64_t actuations_ = 0;  ///< numbers given so far; the last one is the one that counts
};

}  // namespace gatewright::sim
