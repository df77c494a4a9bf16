#include "sim/telemetry/quantile.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

namespace gatewright::sim {
namespace {

/// From so many values on a sample pays for itself.
constexpr std::size_t kMany = 2'000;
constexpr std::size_t kSample = 256;
constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

/// The `rank`-th smallest, from 0; afterwards what is greater or equal stands behind it.
float& select(std::span<float> values, std::size_t rank) {
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(rank);
  if (values.size() < kMany) {
    std::nth_element(values.begin(), place, values.end());
    return *place;
  }
  // One pass by a bound that is most likely a little below the rank leaves few to select from.
  std::array<float, kSample> sample;
  for (std::size_t i = 0; i < kSample; ++i) sample[i] = values[i * values.size() / kSample];
  std::ranges::sort(sample);
  const double share = static_cast<double>(rank) / static_cast<double>(values.size());
  const double spread = std::sqrt(share * (1.0 - share) * kSample);
  const double below = std::max(0.0, share * kSample - 2.0 * spread - 1.0);
  const float bound = sample[static_cast<std::size_t>(below)];
  const auto split =
      std::partition(values.begin(), values.end(), [bound](float value) { return value < bound; });
  if (split <= place)
    std::nth_element(split, place, values.end());
  else
    std::nth_element(values.begin(), place, split);
  return *place;
}

/// Type 7: between the order statistics on either side of (n - 1) p.
double linear(std::span<float> values, double p) {
  const double position = static_cast<double>(values.size() - 1) * p;
  const auto rank = static_cast<std::size_t>(position);
  const double fraction = position - static_cast<double>(rank);
  const double low = select(values, rank);
  if (fraction == 0.0 || rank + 1 == values.size()) return low;
  const double high =
      *std::min_element(values.begin() + static_cast<std::ptrdiff_t>(rank) + 1, values.end());
  return low + (high - low) * fraction;
}

/// Type 1: the ceil(n p)-th smallest. As in policies/histogram.cpp a few units in the last place are
/// not another rank: 0.07 x 100 is a little above 7 in binary.
double nearest_rank(std::span<float> values, double p) {
  constexpr double kRounding = 1.0 - 4.0 * std::numeric_limits<double>::epsilon();
  const double rank = std::ceil(static_cast<double>(values.size()) * p * kRounding);
  const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return static_cast<double>(select(values, std::min(index, values.size() - 1)));
}

/// As Prometheus computes histogram_quantile from classic buckets: linear within the bucket that holds
/// the rank; the first bucket starts at 0 (or is its bound where that is not above 0); a rank in the
/// +Inf bucket gives the highest finite bound.
double of_buckets(std::span<const float> values, double p, std::span<const double> bounds) {
  const bool has_infinity = !bounds.empty() && std::isinf(bounds.back());
  const std::span<const double> finite = bounds.first(bounds.size() - (has_infinity ? 1 : 0));
  if (finite.empty()) return kUndefined;
  const auto at_most = [values](double bound) {
    return static_cast<double>(std::ranges::count_if(
        values, [bound](float value) { return static_cast<double>(value) <= bound; }));
  };
  const double rank = p * static_cast<double>(values.size());
  double below = 0.0;
  for (std::size_t i = 0; i < finite.size(); ++i) {
    const double up_to = at_most(finite[i]);
    if (up_to >= rank) {
      if (i == 0 && finite[0] <= 0.0) return finite[0];
      const double start = i == 0 ? 0.0 : finite[i - 1];
      return up_to == below ? start
                            : start + (finite[i] - start) * ((rank - below) / (up_to - below));
    }
    below = up_to;
  }
  return finite.back();
}

}  // namespace

double quantile(std::span<float> values, const Statistic& statistic) {
  if (values.empty()) return kUndefined;
  switch (statistic.definition) {
    case QuantileDefinition::linear:
      return linear(values, statistic.probability);
    case QuantileDefinition::nearest_rank:
      return nearest_rank(values, statistic.probability);
    case QuantileDefinition::histogram_quantile:
      return of_buckets(values, statistic.probability, statistic.buckets);
  }
  return kUndefined;
}

}  // namespace gatewright::sim
