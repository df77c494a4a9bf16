// The rate of synthetic arrivals over time, as pieces in which it is constant: level, daily wave,
// random modulation, changes. Used by arrivals; played in order, a path does not depend on the
// windows it is asked for.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "policies/time.h"
#include "sim/run.h"
#include "sim/scenario.h"
#include "sim/traffic/modulation.h"

namespace gatewright::sim {

/// Time is in nanoseconds since the start of the rollout.
using Nanoseconds = std::int64_t;

/// From where the piece before ends, or the first one's start.
struct RatePiece {
  double per_second = 0.0;
  Nanoseconds to = 0;
};

/// Product of the changes in force.
class ChangeFactor {
 public:
  explicit ChangeFactor(const std::vector<TrafficChange>& changes);
  [[nodiscard]] bool is_empty() const noexcept { return changes_.empty(); }
  [[nodiscard]] double at(Nanoseconds time) const noexcept;
  /// When the factor next changes after `time`.
  [[nodiscard]] Nanoseconds until(Nanoseconds time) const noexcept;

 private:
  struct Change {
    Nanoseconds from, to;
    double factor;
  };
  std::vector<Change> changes_;
};

/// Between which a number lies.
struct Bounds {
  double least = 0.0;
  double most = 0.0;
};

/// The daily wave 1 + a cos + b cos of the double, of DiurnalArrivals.
struct DailyWave {
  double amplitude = 0.0;
  double second_harmonic = 0.0;
  Duration peak{};
  Duration start_of_day{};

  /// `since_seconds`: since the start of the rollout.
  [[nodiscard]] double factor(double since_seconds) const noexcept;
  /// Of the factor in that minute since the start of the rollout.
  [[nodiscard]] Bounds within_minute(Nanoseconds minute) const noexcept;
};

/// A wave as a factor of pieces, which hold it for a minute at a time.
struct MinutelyWave {
  const DailyWave* wave = nullptr;
  enum class Held : std::uint8_t {
    middle,  ///< its factor in the middle of the minute
    most,    ///< the upper bound within the minute
  } held = Held::middle;
};

/// Of one law of arrivals, without its daily wave.
struct RateLaw {
  double per_second = 0.0;
  std::vector<Modulation> modulations{};
  double day_level_log_variance = 0.0;
  Duration start_of_day{};
};

class RatePath {
 public:
  RatePath(RateLaw law, ChangeFactor changes);

  void start(RunKey key) noexcept;
  /// Overwrites `out` with the pieces of [from, to); calls follow each other in time. The rate is
  /// multiplied by the wave, if there is one.
  void fill(Nanoseconds from, Nanoseconds to, MinutelyWave wave, std::vector<RatePiece>& out);
  [[nodiscard]] const ChangeFactor& changes() const noexcept { return changes_; }
  /// Random words used since the start.
  [[nodiscard]] std::uint64_t draws() const noexcept;

 private:
  [[nodiscard]] double day_level(std::int64_t day) noexcept;

  RateLaw law_;
  ChangeFactor changes_;
  RunKey key_;
  std::int64_t day_ = -1;  ///< whose level is known
  double day_level_ = 1.0;
  std::uint64_t day_draws_ = 0;
};

}  // namespace gatewright::sim
