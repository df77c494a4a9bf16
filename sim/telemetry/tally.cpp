#include "sim/telemetry/tally.h"

#include <cmath>

#include "policies/assert.h"

namespace gatewright::sim {
namespace {

/// The column of a metric that is a number per request.
const Column<float>& column_of(WorldMetric metric, const Columns& columns, std::size_t arm) {
  const ArmColumns& answers = columns.arm[arm];
  switch (metric) {
    case WorldMetric::latency:
      return answers.latency;
    case WorldMetric::ttft:
      return answers.ttft;
    case WorldMetric::tpot:
      return answers.tpot;
    case WorldMetric::input_tokens:
      return columns.input_tokens;
    case WorldMetric::output_tokens:
      return answers.output_tokens;
    case WorldMetric::cost:
      return answers.cost;
    case WorldMetric::quality:
      return answers.quality;
    case WorldMetric::similarity:
      return answers.similarity;
    default:
      break;
  }
  GATEWRIGHT_ASSERT(!is_event(metric));
  return answers.latency;
}

std::uint8_t bits_of(WorldMetric metric) noexcept {
  switch (metric) {
    case WorldMetric::error:
      return kError;
    case WorldMetric::timeout:
      return kTimeout;
    case WorldMetric::error_429:
      return kRejected;
    case WorldMetric::refusal:
      return kFlagged;
    case WorldMetric::error_or_refusal:
      return kError | kFlagged;
    case WorldMetric::length_collapse:
      return kCollapsed;
    case WorldMetric::thumbs_down:
      return kThumbsDown;
    case WorldMetric::thumbs_up:
      return kThumbsUp;
    default:
      return 0;
  }
}

/// Errors that are neither timeouts nor rejections.
Summary count_failures(const Column<std::uint8_t>& events, Split::Places places) noexcept {
  std::uint32_t happened = 0;
  for (const std::uint16_t place : places)
    happened += (events[place] & (kError | kTimeout | kRejected)) == kError ? 1U : 0U;
  return {places.size(), static_cast<double>(happened), static_cast<double>(happened)};
}

Summary count_events(const Column<std::uint8_t>& events, std::uint8_t bits,
                     Split::Places places) noexcept {
  std::uint32_t happened = 0;
  for (const std::uint16_t place : places) happened += (events[place] & bits) != 0 ? 1U : 0U;
  return {places.size(), static_cast<double>(happened), static_cast<double>(happened)};
}

/// Sums of transform(value) and its square. Four partial sums: the additions need not wait for each
/// other, and the order is the same whatever the compiler does.
template <typename Transform>
Summary sum(const Column<float>& column, Split::Places places, Transform transform) noexcept {
  double sums[4] = {};
  double squares[4] = {};
  std::size_t k = 0;
  const auto add = [&](std::size_t lane, std::uint16_t place) {
    const double value = transform(static_cast<double>(column[place]));
    sums[lane] += value;
    squares[lane] += value * value;
  };
  for (; k + 4 <= places.size(); k += 4)
    for (std::size_t lane = 0; lane < 4; ++lane) add(lane, places[k + lane]);
  for (; k < places.size(); ++k) add(0, places[k]);
  return {places.size(), (sums[0] + sums[1]) + (sums[2] + sums[3]),
          (squares[0] + squares[1]) + (squares[2] + squares[3])};
}

void add_arm(const Measurement& measurement, const Columns& columns, std::size_t arm,
             Split::Places places, ArmTally& tally) {
  if (measurement.metric == WorldMetric::agreement) {
    tally.summary += count_events(columns.arm[arm].agreement, 1, places);
    return;
  }
  if (measurement.metric == WorldMetric::error_5xx) {
    tally.summary += count_failures(columns.arm[arm].events, places);
    return;
  }
  if (is_event(measurement.metric)) {
    tally.summary += count_events(columns.arm[arm].events, bits_of(measurement.metric), places);
    return;
  }
  const Column<float>& column = column_of(measurement.metric, columns, arm);
  switch (measurement.kind) {
    case Measurement::Kind::sum:
      tally.summary += sum(column, places, [](double value) { return value; });
      break;
    case Measurement::Kind::log_sum:
      tally.summary += sum(column, places, [](double value) { return std::log(value); });
      break;
    case Measurement::Kind::histogram:
      for (const std::uint16_t place : places) tally.bins.add(static_cast<double>(column[place]));
      break;
    case Measurement::Kind::values:
      for (const std::uint16_t place : places) tally.values.push_back(column[place]);
      break;
  }
}

/// The baseline's side of a comparison with the baseline: it agrees with itself, and wholly.
void add_itself(const Measurement& measurement, std::size_t count, ArmTally& tally) {
  const auto total = static_cast<double>(count);
  switch (measurement.kind) {
    case Measurement::Kind::sum:
      tally.summary += {count, total, total};
      break;
    case Measurement::Kind::log_sum:
      tally.summary += {count, 0.0, 0.0};
      break;
    case Measurement::Kind::histogram:
      for (std::size_t i = 0; i < count; ++i) tally.bins.add(1.0);
      break;
    case Measurement::Kind::values:
      tally.values.insert(tally.values.end(), count, 1.0F);
      break;
  }
}

}  // namespace

void add_chunk(const Measurement& measurement, const Columns& columns, const Split& split,
               Tally& tally) {
  if (is_gauge(measurement.metric)) return;
  if (is_paired(measurement.metric)) {
    const Split::Places places = split.places(kCandidateArm, measurement.scope);
    add_arm(measurement, columns, kCandidateArm, places, tally[kCandidateArm]);
    add_itself(measurement, places.size(), tally[kBaselineArm]);
    return;
  }
  for (const std::size_t arm : {kBaselineArm, kCandidateArm})
    add_arm(measurement, columns, arm, split.places(arm, measurement.scope), tally[arm]);
}

Wants wants_of(const Measurement& measurement, std::size_t arm) noexcept {
  switch (measurement.metric) {
    case WorldMetric::latency:
    case WorldMetric::ttft:
    case WorldMetric::output_tokens:
    case WorldMetric::error:
    case WorldMetric::timeout:
    case WorldMetric::length_collapse:
    case WorldMetric::hang:
      return want(arm, kAnswers);
    case WorldMetric::error_429:
    case WorldMetric::error_5xx:
      return want(arm, kErrorKinds);
    // Where both arms answered; how alike the answers are is the candidate's.
    case WorldMetric::agreement:
      return want(arm, arm == kCandidateArm ? kAgreements : kAnswers);
    case WorldMetric::similarity:
      return want(arm, arm == kCandidateArm ? kSimilarities : kAnswers);
    case WorldMetric::tpot:
      return want(arm, kTpots);
    case WorldMetric::input_tokens:
      return kWantInput | want(arm, kAnswers);
    case WorldMetric::cost:
      return want(arm, kCosts);
    case WorldMetric::quality:
      return want(arm, kQualities);
    case WorldMetric::refusal:
    case WorldMetric::error_or_refusal:
      return want(arm, kRefusals);
    case WorldMetric::thumbs_down:
    case WorldMetric::thumbs_up:
      return want(arm, kThumbs);
    case WorldMetric::cpu:
    case WorldMetric::memory:
      break;
    case WorldMetric::preference:
      return want(arm, kQualities);
  }
  return 0;
}

}  // namespace gatewright::sim
