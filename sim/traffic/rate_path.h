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

/// The daily wave 1 + a cos + b cos of the double, of DiurnalArrivals.
struct DailyWave {
  double amplitude = 0.0;
  double second_harmonic = 0.0;
  Duration peak{};
  Duration start_of_day{};

  [[nodiscard]] double peak_factor() const noexcept { return 1.0 + amplitude + second_harmonic; }
  /// `since_seconds`: since the start of the rollout.
  [[nodiscard]] double factor(double since_seconds) const noexcept;
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
  /// Overwrites `out` with the pieces of [from, to); calls follow each other in time. `wave`: null, or
  /// what the rate is multiplied by, held for a minute at a time.
  void fill(Nanoseconds from, Nanoseconds to, const DailyWave* wave, std::vector<RatePiece>& out);
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
