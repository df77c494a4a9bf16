#include "sim/telemetry/preference.h"

#include <cmath>
#include <numbers>
#include <span>

#include "sim/lane_stream.h"

namespace gatewright::sim {
namespace {

/// As in World: chunks of a window are numbered below this in stream keys.
constexpr std::uint64_t kChunksPerWindow = std::uint64_t{1} << 20;

double normal_probability(double z) noexcept { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

}  // namespace

void Preference::draw(std::uint64_t window, std::size_t chunk, const Columns& columns) {
  LaneStream stream(
      {key_.seed, key_.replication, "interleaved.clicks", window * kChunksPerWindow + chunk});
  stream.fill_words(std::span(clicks_).first(columns.size));
  stream.fill_words(std::span(credits_).first(columns.size));
}

void Preference::add_chunk(const Columns& columns, const Split& split,
                           const std::optional<std::uint8_t>& segment,
                           Tally& tally) const noexcept {
  const ArmColumns& baseline = columns.arm[kBaselineArm];
  const ArmColumns& candidate = columns.arm[kCandidateArm];
  const Word clicked = bound_of(numbers_.clicked);
  std::uint64_t clicks = 0;
  std::uint64_t won = 0;
  for (const std::uint16_t place : split.interleaved()) {
    if (segment && columns.segment[place] != *segment) continue;
    const bool baseline_answers = (baseline.events[place] & kError) == 0;
    const bool candidate_answers = (candidate.events[place] & kError) == 0;
    if (!(baseline_answers || candidate_answers) || clicks_[place] >= clicked) continue;
    ++clicks;
    const double difference = static_cast<double>(candidate.quality[place]) -
                              static_cast<double>(baseline.quality[place]);
    const bool wins =
        baseline_answers && candidate_answers
            ? credits_[place] < bound_of(normal_probability(difference / numbers_.scale))
            : candidate_answers;
    won += wins ? 1U : 0U;
  }
  const auto summary = [clicks](std::uint64_t happened) -> Summary {
    return {clicks, static_cast<double>(happened), static_cast<double>(happened)};
  };
  tally[kBaselineArm].summary += summary(clicks - won);
  tally[kCandidateArm].summary += summary(won);
}

}  // namespace gatewright::sim
