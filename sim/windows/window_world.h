// The world of one replication without its requests: what telemetry counts of each window, drawn whole.
// Used by Field in place of World; it knows exposures, no policy.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
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
  std::uint64_t served = 0;              ///< requests, by the candidate
  Impact impact{};                       ///< without exposure_minutes
  std::uint64_t words = 0;               ///< random ones behind all this
};

/// What a contender measures of windows.
struct Measuring {
  std::vector<Measured> measured;  ///< each once, whatever the segment
  /// One of its measurements.
  struct Part {
    std::size_t measured = 0;
    std::optional<std::uint8_t> segment{};  ///< only requests of this one
    friend bool operator==(const Part&, const Part&) = default;
  };
  std::vector<Part> parts;
  /// Adds a measurement, of whose quantiles those are asked for.
  void add(const Measurement& measurement, std::span<const double> probabilities);
  [[nodiscard]] bool by_segment() const noexcept;
  friend bool operator==(const Measuring&, const Measuring&) = default;
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
  /// Draws the window as it is after that. Its law is the same whatever else is played; contenders
  /// that measure the same meet equal luck. `tallies`: per part of `measuring`; `ratings` may be null:
  /// then ratings come with their answers.
  WindowCounts play(const Exposed& exposed, const Measuring& measuring,
                    std::span<Tally* const> tallies, const RatingDelays& delays,
                    std::vector<RatingUnderWay>* ratings);

  /// Users whom the window shows for the first time since window `since`, from which on nothing has
  /// changed of the exposure; per arm.
  [[nodiscard]] std::array<std::uint64_t, 2> new_users(const Exposed& exposed, std::uint64_t since);

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
  /// Laws that stand from one time to another.
  struct Standing {
    Conditions holding;
    Stretch stretch;
    ArmLaws laws;
    const WindowLaw* law = nullptr;  ///< the last one that was asked for
  };
  /// The laws of a stretch in which nothing changes. Valid until the next call.
  [[nodiscard]] Standing& laws_of(const Stretch& stretch, Conditions holding,
                                  const ExposureHistory& history);
  [[nodiscard]] const WindowLaw& law_of(std::span<const Measured> measured, Standing& standing);
  [[nodiscard]] const WindowLaw& find_law(std::span<const Measured> measured, const ArmLaws& laws);
  [[nodiscard]] Audience& audience(bool by_segment);
  /// Takes what was drawn of one segment to the tallies that count it.
  void hand_out(const Measuring& measuring, std::uint8_t segment, std::span<Tally* const> tallies);
  void count_users(Audience& audience, const Audience::Crowd& crowd, Stretch stretch,
                   const RouteCounts& served, Stream& stream, Impact& impact);

  const PreparedScenario& scenario_;
  std::unique_ptr<RateCursor> rates_;
  /// Everybody's parts; told apart by segment as well, once somebody asks for segments.
  std::array<std::unique_ptr<Audience>, 2> audiences_;
  RunKey key_;
  std::array<std::uint32_t, 4> world_{};  ///< see scrambled_world
  DeploymentNoise deployment_noise_;
  WindowNoise window_noise_;
  std::array<BurstChain, 2> bursts_;
  std::uint64_t next_window_ = 0;
  std::vector<RatePiece> pieces_;
  std::vector<double> cuts_;  ///< of the window, rising, with both ends
  std::vector<const WindowLaw*> known_;
  bool laws_stand_;  ///< until an effect or a price changes
  std::vector<double> price_changes_;
  std::vector<Standing> standing_;  ///< the last one of each condition
  WindowLaw::Room room_;
  /// Whose users a stretch of the window has counted in a minute.
  struct CountedMinute {
    double from;
    std::size_t part;
    std::uint16_t served;
    std::uint64_t requests, impacted;
  };
  std::vector<CountedMinute> counted_;
  std::vector<Tally> of_segment_;   ///< per measured
  std::vector<Tally*> drawn_;       ///< the same
  std::uint64_t rate_words_ = 0;    ///< behind the window's rate
  std::uint64_t words_before_ = 0;  ///< behind the rates before
};

}  // namespace gatewright::sim
