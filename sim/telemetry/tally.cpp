#include "sim/telemetry/tally.h"

#include "policies/assert.h"
#include "sim/kernels/kernels.h"

namespace gatewright::sim {
namespace {

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

/// Requests with a byte like that, and with the same number of them as their sum and squares.
Summary count_rows(const Column<std::uint8_t>& bytes, Pattern pattern, std::size_t size,
                   const RowSet& rows) noexcept {
  RowBits fitting{};
  kernels().rows_with(bytes.data(), pattern, fitting.data(), size);
  const RowBits counted = both(fitting, rows.bits());
  const auto count = static_cast<double>(kernels().count_rows(counted.data(), counted.size()));
  return {rows.size(), count, count};
}

/// Requests with any of the bits are those that do not lack them all.
Summary count_events(const Column<std::uint8_t>& events, std::uint8_t bits, std::size_t size,
                     const RowSet& rows) noexcept {
  const auto lacking = count_rows(events, {.of = bits, .value = 0}, size, rows);
  const double count = static_cast<double>(lacking.count) - lacking.sum;
  return {lacking.count, count, count};
}

Summary summary_of(std::size_t count, const Sums& sums) noexcept {
  return {count, sums.values, sums.squares};
}

/// The requests' numbers, or their logarithms, as the kernels that sum them take them.
void gather(Measurement::Kind kind, const Column<float>& column, Split::Places places,
            Column<float>& numbers) noexcept {
  for (std::size_t i = 0; i < places.size(); ++i) numbers[i] = column[places[i]];
  if (kind == Measurement::Kind::log_sum)
    kernels().log(numbers.data(), numbers.data(), places.size());
}

void add_covariate(const Measurement& measurement, const Columns& columns, std::size_t arm,
                   Split::Places places, ArmTally& tally) {
  Column<float> xs;
  Column<float> ys;
  gather(measurement.kind, column_of(*measurement.covariate, columns, arm), places, xs);
  gather(measurement.kind, column_of(measurement.metric, columns, arm), places, ys);
  Covariate sums;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto x = static_cast<double>(xs[i]);
    sums += {x, x * x, x * static_cast<double>(ys[i])};
  }
  tally.covariate += sums;
}

/// Requests with the event at both arms.
double count_both(WorldMetric metric, const Columns& columns, Split::Places places) noexcept {
  const auto happened = [&](std::size_t arm, std::uint16_t place) {
    const unsigned events = columns.arm[arm].events[place];
    return metric == WorldMetric::error_5xx ? (events & (kError | kTimeout | kRejected)) == kError
                                            : (events & bits_of(metric)) != 0;
  };
  std::uint32_t both = 0;
  for (const std::uint16_t place : places)
    both += happened(kBaselineArm, place) && happened(kCandidateArm, place) ? 1U : 0U;
  return static_cast<double>(both);
}

double sum_of_products(const Measurement& measurement, const Columns& columns,
                       Split::Places places) noexcept {
  if (is_event(measurement.metric)) return count_both(measurement.metric, columns, places);
  Column<float> baseline;
  Column<float> candidate;
  gather(measurement.kind, column_of(measurement.metric, columns, kBaselineArm), places, baseline);
  gather(measurement.kind, column_of(measurement.metric, columns, kCandidateArm), places,
         candidate);
  double products = 0.0;
  for (std::size_t i = 0; i < places.size(); ++i)
    products += static_cast<double>(baseline[i]) * static_cast<double>(candidate[i]);
  return products;
}

/// Sums over a set; how does not depend on what was drawn for whom, only on the set.
Sums sums_of(const Column<float>& column, Measurement::Kind kind, std::size_t size,
             const RowSet& rows) noexcept {
  // A few are picked out; to skip a few costs less than to list all others.
  constexpr std::size_t kFew = 4;
  const bool logs = kind == Measurement::Kind::log_sum;
  if (rows.size() * kFew >= size)
    return (logs ? kernels().log_sums_where : kernels().sums_where)(column.data(),
                                                                    rows.bits().data(), size);
  const RowSet::Places places = rows.places();
  return (logs ? kernels().log_sums_at : kernels().sums_at)(column.data(), places.data(),
                                                            places.size());
}

void add_arm(const Measurement& measurement, const Columns& columns, std::size_t arm,
             const RowSet& rows, ArmTally& tally) {
  const ArmColumns& answers = columns.arm[arm];
  if (measurement.metric == WorldMetric::agreement) {
    tally.summary += count_rows(answers.agreement, {.of = 1, .value = 1}, columns.size, rows);
    return;
  }
  if (measurement.metric == WorldMetric::error_5xx) {
    tally.summary += count_rows(
        answers.events, {.of = kError | kTimeout | kRejected, .value = kError}, columns.size, rows);
    return;
  }
  if (is_event(measurement.metric)) {
    tally.summary += count_events(answers.events, bits_of(measurement.metric), columns.size, rows);
    return;
  }
  const Column<float>& column = column_of(measurement.metric, columns, arm);
  switch (measurement.kind) {
    case Measurement::Kind::sum:
    case Measurement::Kind::log_sum:
      tally.summary +=
          summary_of(rows.size(), sums_of(column, measurement.kind, columns.size, rows));
      break;
    case Measurement::Kind::histogram:
      for (const std::uint16_t place : rows.places())
        tally.bins.add(static_cast<double>(column[place]));
      break;
    case Measurement::Kind::values: {
      Column<float> kept;
      const std::size_t count =
          kernels().keep_rows(column.data(), rows.bits().data(), columns.size, kept.data());
      tally.values.insert(tally.values.end(), kept.begin(),
                          kept.begin() + static_cast<std::ptrdiff_t>(count));
      break;
    }
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

/// Those of the requests whose users are of the segment.
const RowSet& within(std::uint8_t segment, const Columns& columns, const RowSet& rows,
                     RowSet& room) noexcept {
  RowBits of_segment{};
  kernels().rows_with(columns.segment.data(), {.of = 0xFF, .value = segment}, of_segment.data(),
                      columns.size);
  room.assign(both(rows.bits(), of_segment));
  return room;
}

Wants wants_of(WorldMetric metric, std::size_t arm) noexcept {
  switch (metric) {
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
    case WorldMetric::units:
      break;
    case WorldMetric::preference:
      return want(arm, kQualities);
  }
  return 0;
}

}  // namespace

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

void add_chunk(const Measurement& measurement, const Columns& columns, const Split& split,
               Tally& tally) {
  // Neither is of requests: servers are read, and units are counted before there are answers.
  if (is_gauge(measurement.metric) || measurement.metric == WorldMetric::units) return;
  RowSet room;
  const auto counted = [&](const RowSet& rows) -> const RowSet& {
    return measurement.segment ? within(*measurement.segment, columns, rows, room) : rows;
  };
  if (is_paired(measurement.metric)) {
    const RowSet& rows = counted(split.rows(kCandidateArm, measurement.scope));
    add_arm(measurement, columns, kCandidateArm, rows, tally[kCandidateArm]);
    add_itself(measurement, rows.size(), tally[kBaselineArm]);
    return;
  }
  if (measurement.pairs) {
    const RowSet& rows = counted(split.pairs(measurement.scope));
    for (const std::size_t arm : {kBaselineArm, kCandidateArm})
      add_arm(measurement, columns, arm, rows, tally[arm]);
    tally[kCandidateArm].covariate.sum_of_products +=
        sum_of_products(measurement, columns, rows.places());
    return;
  }
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    const RowSet& rows = counted(split.rows(arm, measurement.scope));
    add_arm(measurement, columns, arm, rows, tally[arm]);
    if (measurement.covariate) add_covariate(measurement, columns, arm, rows.places(), tally[arm]);
  }
}

Wants wants_of(const Measurement& measurement, std::size_t arm) noexcept {
  Wants wants = wants_of(measurement.metric, arm) | (measurement.segment ? kWantSegment : 0);
  if (measurement.covariate) wants |= wants_of(*measurement.covariate, arm);
  return wants;
}

}  // namespace gatewright::sim
