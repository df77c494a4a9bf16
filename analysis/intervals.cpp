#include "analysis/intervals.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/beta.hpp>

namespace gatewright::analysis {
namespace {

/// Doubles all the way (long double differs between platforms), and no exceptions: arguments are
/// checked here.
using Exact = boost::math::policies::policy<
    boost::math::policies::promote_double<false>,
    boost::math::policies::domain_error<boost::math::policies::ignore_error>,
    boost::math::policies::pole_error<boost::math::policies::ignore_error>,
    boost::math::policies::overflow_error<boost::math::policies::ignore_error>,
    boost::math::policies::evaluation_error<boost::math::policies::ignore_error>>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// P(at most k successes of n).
[[nodiscard]] double binomial_cdf(std::uint64_t k, std::uint64_t n, double probability) {
  if (k >= n) return 1.0;
  return boost::math::ibetac(static_cast<double>(k) + 1.0, static_cast<double>(n - k), probability,
                             Exact());
}

/// The smallest k in 0..n for which `reached`, which stays true once it is; n where none is.
template <class Reached>
[[nodiscard]] std::uint64_t smallest(std::uint64_t n, Reached reached) {
  std::uint64_t low = 0, high = n;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (reached(middle))
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

}  // namespace

std::string_view to_string(Method method) noexcept {
  constexpr std::string_view kNames[] = {"clopper_pearson", "student_t", "order_statistics",
                                         "tango_score"};
  return kNames[static_cast<std::size_t>(method)];
}

Estimate share(std::uint64_t successes, std::uint64_t runs, double confidence) {
  Estimate estimate{
      .value = kNaN, .lower = 0.0, .upper = 1.0, .runs = runs, .method = Method::clopper_pearson};
  if (runs == 0) return estimate;
  const double tail = (1.0 - confidence) / 2.0;
  const auto hits = static_cast<double>(successes);
  const auto misses = static_cast<double>(runs - successes);
  estimate.value = hits / static_cast<double>(runs);
  if (successes > 0) estimate.lower = boost::math::ibeta_inv(hits, misses + 1.0, tail, Exact());
  if (successes < runs) estimate.upper = boost::math::ibetac_inv(hits + 1.0, misses, tail, Exact());
  return estimate;
}

Estimate mean(std::span<const double> values, double confidence) {
  Estimate estimate{.value = kNaN,
                    .lower = -kInfinity,
                    .upper = kInfinity,
                    .runs = values.size(),
                    .method = Method::student_t};
  if (values.empty()) return estimate;
  const auto count = static_cast<double>(values.size());
  double sum = 0.0;
  for (const double value : values) sum += value;
  estimate.value = sum / count;
  if (values.size() < 2) return estimate;
  double squares = 0.0;
  for (const double value : values) {
    const double difference = value - estimate.value;
    squares += difference * difference;
  }
  const boost::math::students_t_distribution<double, Exact> law(count - 1.0);
  const double reach =
      boost::math::quantile(boost::math::complement(law, (1.0 - confidence) / 2.0));
  const double half_width = reach * std::sqrt(squares / (count - 1.0) / count);
  estimate.lower = estimate.value - half_width;
  estimate.upper = estimate.value + half_width;
  return estimate;
}

/// The number of values below the quantile is binomial (n, p), so the r-th smallest value lies
/// above it with P(at most r - 1): r is taken as large, and its counterpart as small, as the tail
/// allows. Holds for laws with ties as well, with more than the stated confidence.
Estimate quantile(std::span<const double> values, double probability, double confidence) {
  Estimate estimate{.value = kNaN,
                    .lower = -kInfinity,
                    .upper = kInfinity,
                    .runs = values.size(),
                    .method = Method::order_statistics};
  if (values.empty()) return estimate;
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const std::uint64_t n = sorted.size();

  const double place = static_cast<double>(n - 1) * probability;
  const auto below = static_cast<std::size_t>(place);
  const double part = place - static_cast<double>(below);
  estimate.value =
      part > 0.0 ? sorted[below] + part * (sorted[below + 1] - sorted[below]) : sorted[below];

  const double tail = (1.0 - confidence) / 2.0;
  const auto below_quantile = [&](std::uint64_t k) { return binomial_cdf(k, n, probability); };
  const std::uint64_t lower_rank =
      smallest(n, [&](std::uint64_t k) { return below_quantile(k) > tail; });
  const std::uint64_t upper_rank =
      1 + smallest(n, [&](std::uint64_t k) { return below_quantile(k) >= 1.0 - tail; });
  if (lower_rank > 0) estimate.lower = sorted[lower_rank - 1];
  if (upper_rank <= n) estimate.upper = sorted[upper_rank - 1];
  return estimate;
}

namespace {

/// Tango's score statistic of the difference `delta`, standard normal where that is the true one. The
/// share of pairs that only the first has is estimated under delta, by the root of a quadratic.
[[nodiscard]] double tango_score(const DiscordantPairs& pairs, double delta) {
  const auto first = static_cast<double>(pairs.only_first);
  const auto second = static_cast<double>(pairs.only_second);
  const auto runs = static_cast<double>(pairs.runs);
  const double a = 2.0 * runs;
  const double b = -first - second + (2.0 * runs - second + first) * delta;
  const double c = -first * delta * (1.0 - delta);
  const double only_first = (std::sqrt(std::max(b * b - 4.0 * a * c, 0.0)) - b) / (2.0 * a);
  const double variance = runs * (2.0 * only_first + delta * (1.0 - delta));
  const double distance = second - first - runs * delta;
  if (variance > 0.0) return distance / std::sqrt(variance);
  return distance == 0.0 ? 0.0 : std::copysign(kInfinity, distance);
}

/// Where the score, which falls as delta rises, passes `score`.
[[nodiscard]] double delta_at(const DiscordantPairs& pairs, double score) {
  double low = -1.0, high = 1.0;
  constexpr int kHalvings = 60;  // of an interval of 2: below the spacing of doubles near 1
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = low + (high - low) / 2.0;
    (tango_score(pairs, middle) > score ? low : high) = middle;
  }
  return low + (high - low) / 2.0;
}

}  // namespace

Estimate share_difference(const DiscordantPairs& pairs, double confidence) {
  Estimate estimate{.value = kNaN,
                    .lower = -1.0,
                    .upper = 1.0,
                    .runs = pairs.runs,
                    .method = Method::tango_score};
  if (pairs.runs == 0) return estimate;
  estimate.value =
      (static_cast<double>(pairs.only_second) - static_cast<double>(pairs.only_first)) /
      static_cast<double>(pairs.runs);
  const boost::math::normal_distribution<double, Exact> law;
  const double reach =
      boost::math::quantile(boost::math::complement(law, (1.0 - confidence) / 2.0));
  estimate.lower = delta_at(pairs, reach);
  estimate.upper = delta_at(pairs, -reach);
  return estimate;
}

double mcnemar_p_value(const DiscordantPairs& pairs) {
  const std::uint64_t differing = pairs.only_first + pairs.only_second;
  return std::min(
      1.0, 2.0 * binomial_cdf(std::min(pairs.only_first, pairs.only_second), differing, 0.5));
}

}  // namespace gatewright::analysis
