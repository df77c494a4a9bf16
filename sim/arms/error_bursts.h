// When errors come in bursts: a chain of two states in continuous time, Gilbert's and Elliott's.
// Used by World, one per arm; it knows when, never how likely an error is then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sim/run.h"
#include "sim/scenario.h"
#include "sim/streams.h"

namespace gatewright::sim {

/// Exponential stretches, in turn in a burst and not, stationary from the first moment on (Gilbert,
/// "Capacity of a burst-noise channel", Bell System Technical Journal 39, 1960; Elliott, "Estimates
/// of error rates for codes on burst-noise channels", ibid. 42, 1963). The whole chain is a function
/// of (seed, replication, arm); it is drawn as far as it was asked for.
class BurstChain {
 public:
  BurstChain() = default;  ///< never in a burst
  BurstChain(const Arm::ErrorBursts& bursts, std::size_t arm);

  /// Back to the start of another replication.
  void start(RunKey key);
  /// Makes the time from the end of the call before to `end_seconds` known, and forgets what was before.
  void advance(double end_seconds);
  /// Whether each of these moments, rising and within the last advance(), lies in a burst.
  void fill(std::span<const double> at_seconds, std::span<std::uint8_t> in_burst) const noexcept;
  /// Appends the moments at which the state changes within the last advance().
  void add_changes(std::vector<double>& at_seconds) const {
    for (const Stretch& stretch : stretches_)
      if (stretch.until_seconds < known_until_seconds_) at_seconds.push_back(stretch.until_seconds);
  }
  /// Whether that moment lies in a burst.
  [[nodiscard]] bool at(double at_seconds) const noexcept {
    std::uint8_t in_burst = 0;
    if (stream_) fill(std::span(&at_seconds, 1), std::span(&in_burst, 1));
    return in_burst != 0;
  }

 private:
  double burst_seconds_ = 0.0;  ///< mean stretch
  double quiet_seconds_ = 0.0;
  double burst_share_ = 0.0;
  std::uint64_t index_ = 0;  ///< of the stream: both arms share one where they burst at once
  struct Stretch {
    double until_seconds;
    bool in_burst;
  };
  void add_stretch(double from_seconds, bool in_burst);

  std::optional<Stream> stream_;  ///< nothing: never in a burst
  double known_until_seconds_ = 0.0;
  std::vector<Stretch> stretches_;  ///< in turn; the last one ends after what is known
};

/// Probability of an error outside bursts that leaves `error_probability` as the mean; negative where
/// bursts alone bring more errors than that.
[[nodiscard]] constexpr double quiet_error_probability(const Arm& arm) noexcept {
  if (!arm.error_bursts) return arm.error_probability;
  const Arm::ErrorBursts& bursts = *arm.error_bursts;
  return (arm.error_probability - bursts.burst_share * bursts.burst_probability) /
         (1.0 - bursts.burst_share);
}

}  // namespace gatewright::sim
