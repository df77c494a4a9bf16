// The world of one replication without its requests: what telemetry counts of each window, drawn whole.
// Used by Field in place of World; it knows exposures, no policy.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sim/arms/error_bursts.h"
#include "sim/effects/exposure_history.h"
#include "sim/noise/deployment_noise.h"
#include "sim/noise/window_noise.h"
#include "sim/prepared.h"
#include "sim/router/router.h"
#include "sim/run.h"
#include "sim/telemetry/late_feedback.h"
#include "sim/telemetry/measurement.h"
#include "sim/traffic/arrivals.h"
#include "sim/windows/audience.h"
#include "sim/windows/window_law.h"

namespace gatewright::sim {

/// What a contender's record needs of a window, beside its tallies.
struct WindowCounts {
  std::uint64_t requests = 0;
  std::uint64_t candidate_requests = 0;  ///< served and mirrored, as far as telemetry sees them
  Impact impact{};                       ///< without exposure_minutes
  std::uint64_t words = 0;               ///< random ones behind all this
};

class WindowWorld {
 public:
  explicit WindowWorld(const PreparedScenario& scenario);

  /// Back to before window 0 of another replication.
  void start(RunKey key);
  /// Moves to the next telemetry window.
  void advance();

  /// What a contender did to the window.
  struct Exposed {
    std::span<const ExposureSegment> timeline;
    Instant until;
    ExposureHistory history;
    const Assignment& assignment;
  };
  /// Draws the window as it is after that. Its law is the same whatever else is played; equal
  /// measurements, each once, meet equal luck. `tallies`: per measurement; `ratings` may be null: then
  /// ratings come with their answers.
  WindowCounts play(const Exposed& exposed, std::span<const Measurement> measurements,
                    std::span<Tally* const> tallies, const RatingDelays& delays,
                    std::vector<RatingUnderWay>* ratings);

 private:
  /// A stretch of the window in which nothing changes.
  struct Stretch {
    double from = 0.0, to = 0.0;  ///< seconds since the start of the rollout
    [[nodiscard]] double middle() const noexcept { return from + (to - from) / 2.0; }
  };
  void find_cuts(const Exposed& exposed);
  [[nodiscard]] double rate_at(double seconds) const noexcept;
  [[nodiscard]] ArmLaws laws_at(double seconds, Conditions holding,
                                const ExposureHistory& history) const noexcept;
  [[nodiscard]] const WindowLaw& law_of(std::span<const Measurement> measurements,
                                        const ArmLaws& laws);
  void count_users(const Audience::Crowd& crowd, Stretch stretch, const RouteCounts& served,
                   Stream& stream, Impact& impact);

  const PreparedScenario& scenario_;
  std::unique_ptr<RateCursor> rates_;
  Audience audience_;
  RunKey key_;
  DeploymentNoise deployment_noise_;
  WindowNoise window_noise_;
  std::array<BurstChain, 2> bursts_;
  std::uint64_t next_window_ = 0;
  std::vector<RatePiece> pieces_;
  std::vector<double> cuts_;  ///< of the window, rising, with both ends
  std::vector<const WindowLaw*> known_;
  std::uint64_t rate_words_ = 0;    ///< behind the window's rate
  std::uint64_t words_before_ = 0;  ///< behind the rates before
};

}  // namespace gatewright::sim
