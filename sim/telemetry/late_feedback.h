// Ratings that come later than the answers they rate: when each arrives, and what a window sees.
// Used by Field where thumbs have a delay; without one, ratings stand in the columns of their answers
// and this is not asked.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sim/arms/columns.h"
#include "sim/arms/world_metric.h"
#include "sim/lane_stream.h"
#include "sim/router/split.h"
#include "sim/run.h"
#include "sim/scenario.h"
#include "sim/telemetry/measurement.h"

namespace gatewright::sim {

/// The metrics that are ratings, as indices.
inline constexpr std::size_t kRatings = 2;
[[nodiscard]] constexpr bool is_rating(WorldMetric metric) noexcept {
  return metric == WorldMetric::thumbs_down || metric == WorldMetric::thumbs_up;
}
[[nodiscard]] constexpr std::size_t rating_index(WorldMetric metric) noexcept {
  return metric == WorldMetric::thumbs_down ? 0 : 1;
}

/// A rating on its way. Time is counted in half telemetry windows from the start of the rollout, so
/// that a window that is cut short knows which ratings it still sees.
struct RatingUnderWay {
  std::uint32_t due = 0;
  std::uint8_t arm = 0;
  std::uint8_t rating = 0;
  std::uint8_t segment = 0;  ///< of its user, where somebody asks for segments
};

/// Finds the ratings of a chunk's answers. A rating comes thumbs.delay after its request, because
/// telemetry counts the answer with its request too; the delay is the request's, whichever arm answers.
class RatingDelays {
 public:
  RatingDelays(const DelayLaw& law, Duration telemetry_window, Duration horizon);

  /// Whether ratings come late at all.
  [[nodiscard]] bool any() const noexcept { return any_; }
  void start(RunKey key) noexcept { key_ = key; }
  /// Draws the delays of a chunk, into rating_due: when a rating would arrive, in half telemetry windows
  /// from the start, not rounded.
  void draw(std::uint64_t window, std::size_t chunk, Columns& columns) const;
  /// Appends `count` ratings like `rating` of answers to requests that arrived at any time of a stretch,
  /// equally likely, but for those that would come after the horizon.
  struct Arrived {
    double from_seconds;
    double to_seconds;
  };
  void draw(Arrived arrived, RatingUnderWay rating, std::uint64_t count, LaneStream& stream,
            std::vector<RatingUnderWay>& out) const;
  /// Appends the ratings that are given to answers of a chunk; those that would come after the horizon
  /// are left out. The answers and thumbs of the places seen are filled.
  void collect(const Columns& columns, const Split& split, std::vector<RatingUnderWay>& out) const;

 private:
  /// From answers to their ratings, at most kChunk at a time.
  void fill_delays(LaneStream& stream, std::span<double> seconds) const;
  DelayLaw law_;
  bool any_;
  double half_window_seconds_;
  double last_due_;
  RunKey key_;
};

/// The ratings that one contender's answers await: all, or those of a segment.
class AwaitedRatings {
 public:
  void start() noexcept;
  /// `segment`: only those of that one.
  void expect(std::span<const RatingUnderWay> ratings,
              const std::optional<std::uint8_t>& segment = std::nullopt);

  /// Served answers of a telemetry window, per arm: of its first half and of all of it.
  struct Answered {
    std::array<std::uint64_t, 2> half{};
    std::array<std::uint64_t, 2> whole{};
  };
  /// Telemetry window k is over. What arrived counts at the arm that answered; where more ratings
  /// arrive than answers are given, the rest is carried to the next window, so that no report ever has
  /// more ratings than answers.
  void close(std::uint64_t k, const Answered& answered);

  /// What the window closed last says of a rating; `half`: of its first half.
  [[nodiscard]] const Tally& tally(WorldMetric rating, bool half) const noexcept {
    return tallies_[half ? 1 : 0][rating_index(rating)];
  }

 private:
  /// Per arm and rating, by due time.
  std::array<std::array<std::vector<std::uint32_t>, kRatings>, 2> due_;
  std::array<std::array<std::uint64_t, kRatings>, 2> carried_{};
  std::array<std::array<Tally, kRatings>, 2> tallies_;  ///< whole windows, halves
};

}  // namespace gatewright::sim
