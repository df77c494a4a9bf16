#include "sim/arms/law_columns.h"

namespace gatewright::sim {

LawRows::Map LawColumns::fill(WorldMetric metric, const Maps& maps) noexcept {
  auto& [multiply, shift] = numbers_[index_of(metric)];
  for (std::size_t i = 0; i < maps.size; ++i) {
    const Affine map = maps[i];
    multiply[i] = static_cast<float>(map.multiply);
    shift[i] = static_cast<float>(map.shift);
  }
  return {multiply.data(), shift.data()};
}

LawRows::Score LawColumns::fill(WorldMetric metric, const Arm::Score& score,
                                const Maps& maps) noexcept {
  auto& [mean, sd] = numbers_[index_of(metric)];
  for (std::size_t i = 0; i < maps.size; ++i) {
    const Affine map = maps[i];
    mean[i] = static_cast<float>(map(score.mean));
    sd[i] = static_cast<float>(score.sd * map.multiply);
  }
  return {mean.data(), sd.data()};
}

void LawColumns::fill(double probability, const Maps& maps, Column<Word>& bounds) noexcept {
  for (std::size_t i = 0; i < maps.size; ++i) bounds[i] = bound_of(maps[i](probability));
}

void LawColumns::set(WorldMetric metric, const Arm& arm, const Maps& maps, LawRows& rows) noexcept {
  const auto bounds = [&] {
    Column<Word>& column = bounds_[index_of(metric)];
    fill(event_probability(metric, arm), maps, column);
    return column.data();
  };
  switch (metric) {
    case WorldMetric::latency:
      rows.latency = fill(metric, maps);
      break;
    case WorldMetric::ttft:
      rows.ttft = fill(metric, maps);
      break;
    case WorldMetric::tpot: {
      Column<float>& tpot = numbers_[index_of(metric)][0];
      for (std::size_t i = 0; i < maps.size; ++i)
        tpot[i] =
            static_cast<float>(positive_seconds(maps[i](arm.latency.per_output_token_seconds)));
      rows.tpot_seconds = tpot.data();
      break;
    }
    case WorldMetric::output_tokens:
      rows.output_tokens = fill(metric, maps);
      break;
    case WorldMetric::cost:
      rows.cost = fill(metric, maps);
      break;
    case WorldMetric::quality:
      rows.quality = fill(metric, arm.quality, maps);
      break;
    case WorldMetric::error:
      rows.error = bounds();
      if (!arm.error_bursts) break;
      fill(arm.error_bursts->burst_probability, maps, in_burst_);
      rows.error_in_burst = in_burst_.data();
      break;
    case WorldMetric::refusal:
      rows.refusal = bounds();
      break;
    case WorldMetric::thumbs_down:
      rows.thumbs_down = bounds();
      break;
    case WorldMetric::thumbs_up:
      rows.thumbs_up = bounds();
      break;
    case WorldMetric::length_collapse:
      rows.collapse = bounds();
      break;
    case WorldMetric::hang:
      rows.hang = bounds();
      break;
    default:
      break;
  }
}

void LawColumns::set(WorldMetric metric, const SamePrompt& pair, const Maps& maps,
                     LawRows& rows) noexcept {
  if (metric == WorldMetric::agreement) {
    Column<Word>& column = bounds_[index_of(metric)];
    fill(pair.agreement, maps, column);
    rows.agreement = column.data();
  }
  if (metric == WorldMetric::similarity) rows.similarity = fill(metric, pair.similarity, maps);
}

}  // namespace gatewright::sim
