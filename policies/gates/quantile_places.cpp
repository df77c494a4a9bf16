// The edge of harm, bin by bin.
// Used by quantile_sequence and order_statistic.
// Never computed at run time: one table per gate.
#include "policies/gates/quantile_places.h"

#include "policies/histogram.h"

namespace gatewright::gates {
namespace {

/// The last bin that holds values below `end`; for an end of 0 or less bin 0, which holds zeros.
std::uint32_t last_bin_below(double end) noexcept {
  const std::uint32_t bin = HistogramGrid::bin(end);
  return bin > 0 && HistogramGrid::lower(bin) >= end ? bin - 1 : bin;
}

}  // namespace

QuantilePlaces::QuantilePlaces(const HarmSpec& harm) {
  if (harm.relation == HarmSpec::Relation::absolute) {
    last_up_to_ = first_from_ = middle_ = {HistogramGrid::bin(harm.margin)};
    return;
  }
  const bool is_ratio = harm.relation == HarmSpec::Relation::ratio;
  const double factor = is_ratio ? harm.margin : 1.0;
  const double shift = is_ratio ? 0.0 : harm.margin;
  for (std::uint32_t bin = 0; bin < HistogramGrid::kBins; ++bin) {
    last_up_to_.push_back(last_bin_below(factor * HistogramGrid::upper(bin) + shift));
    first_from_.push_back(HistogramGrid::bin(factor * HistogramGrid::lower(bin) + shift));
    middle_.push_back(HistogramGrid::bin(factor * HistogramGrid::middle(bin) + shift));
  }
}

Statistic quantile_statistic(double probability) {
  return {.kind = Statistic::Kind::quantile,
          .probability = probability,
          .definition = QuantileDefinition::nearest_rank,
          .buckets = {}};
}

}  // namespace gatewright::gates
