#include "sim/telemetry/late_feedback.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "sim/kernels/kernels.h"
#include "sim/lane_stream.h"
#include "sim/seconds.h"

namespace gatewright::sim {
namespace {

/// As in World: chunks of a window are numbered below this in stream keys.
constexpr std::uint64_t kChunksPerWindow = std::uint64_t{1} << 20;

Summary events(std::uint64_t count, std::uint64_t happened) noexcept {
  return {count, static_cast<double>(happened), static_cast<double>(happened)};
}

}  // namespace

RatingDelays::RatingDelays(const DelayLaw& law, Duration telemetry_window, Duration horizon)
    : law_(law),
      any_(law.kind != DelayLaw::Kind::fixed || law.a > 0.0),
      half_window_seconds_(to_seconds(telemetry_window) / 2.0),
      last_due_(std::min(std::ceil(to_seconds(horizon) / half_window_seconds_) + 2.0, 4e9)) {}

void RatingDelays::draw(std::uint64_t window, std::size_t chunk, Columns& columns) const {
  LaneStream stream(
      {key_.seed, key_.replication, "feedback.delay", window * kChunksPerWindow + chunk});
  const std::span<double> due(columns.rating_due.data(), columns.size);
  fill_delays(stream, due);
  for (std::size_t i = 0; i < columns.size; ++i)
    due[i] = (columns.at_seconds[i] + due[i]) / half_window_seconds_;
}

void RatingDelays::fill_delays(LaneStream& stream, std::span<double> seconds) const {
  switch (law_.kind) {
    case DelayLaw::Kind::fixed:
      std::ranges::fill(seconds, law_.a);
      break;
    case DelayLaw::Kind::uniform: {
      Column<Word> words;
      stream.fill_words(std::span(words).first(seconds.size()));
      for (std::size_t i = 0; i < seconds.size(); ++i)
        seconds[i] = law_.a + (law_.b - law_.a) * uniform_of(words[i]);
      break;
    }
    case DelayLaw::Kind::lognormal: {
      Column<float> room;
      const std::span<float> drawn = std::span(room).first(seconds.size());
      stream.fill_normal(drawn);
      kernels().lognormals(drawn.data(),
                           {.median = static_cast<float>(law_.a),
                            .sigma = static_cast<float>(law_.b),
                            .most = std::numeric_limits<float>::max()},
                           drawn.data(), drawn.size());
      std::ranges::copy(drawn, seconds.begin());
      break;
    }
  }
}

void RatingDelays::draw(Arrived arrived, RatingUnderWay rating, std::uint64_t count,
                        LaneStream& stream, std::vector<RatingUnderWay>& out) const {
  Column<double> late;
  Column<Word> places;
  for (std::uint64_t left = count; left > 0;) {
    const auto some = static_cast<std::size_t>(std::min<std::uint64_t>(left, kChunk));
    fill_delays(stream, std::span(late).first(some));
    stream.fill_words(std::span(places).first(some));
    for (std::size_t i = 0; i < some; ++i) {
      const double at = arrived.from_seconds +
                        (arrived.to_seconds - arrived.from_seconds) * uniform_of(places[i]);
      const double due = (at + late[i]) / half_window_seconds_;
      if (due > last_due_) continue;
      rating.due = static_cast<std::uint32_t>(due);
      out.push_back(rating);
    }
    left -= some;
  }
}

void RatingDelays::collect(const Columns& columns, const Split& split,
                           std::vector<RatingUnderWay>& out) const {
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    const Column<std::uint8_t>& events = columns.arm[arm].events;
    for (const std::uint16_t place : split.places(arm, MetricScope::seen)) {
      const auto given = static_cast<unsigned>(events[place]) & (kThumbsDown | kThumbsUp);
      if (given == 0 || columns.rating_due[place] > last_due_) continue;
      out.push_back({.due = static_cast<std::uint32_t>(columns.rating_due[place]),
                     .arm = static_cast<std::uint8_t>(arm),
                     .rating = static_cast<std::uint8_t>((given & kThumbsDown) != 0 ? 0 : 1),
                     .segment = columns.segment[place]});
    }
  }
}

void AwaitedRatings::start() noexcept {
  for (auto& arm : due_)
    for (auto& rating : arm) std::ranges::fill(rating, 0U);
  carried_ = {};
}

void AwaitedRatings::expect(std::span<const RatingUnderWay> ratings,
                            const std::optional<std::uint8_t>& segment) {
  for (const auto& [due, arm, rating, of_segment] : ratings) {
    if (segment && of_segment != *segment) continue;
    std::vector<std::uint32_t>& counts = due_[arm][rating];
    if (due >= counts.size()) counts.resize(std::size_t{due} + 1);
    ++counts[due];
  }
}

void AwaitedRatings::close(std::uint64_t k, const Answered& answered) {
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    for (std::size_t rating = 0; rating < kRatings; ++rating) {
      const std::vector<std::uint32_t>& counts = due_[arm][rating];
      const auto due = [&counts](std::uint64_t half) -> std::uint64_t {
        return half < counts.size() ? counts[half] : 0;
      };
      std::uint64_t& carried = carried_[arm][rating];
      const std::uint64_t in_half = carried + due(2 * k);
      const std::uint64_t in_whole = in_half + due(2 * k + 1);
      const std::uint64_t counted = std::min(in_whole, answered.whole[arm]);
      carried = in_whole - counted;
      tallies_[0][rating][arm].summary = events(answered.whole[arm], counted);
      tallies_[1][rating][arm].summary =
          events(answered.half[arm], std::min(in_half, answered.half[arm]));
    }
  }
}

}  // namespace gatewright::sim
