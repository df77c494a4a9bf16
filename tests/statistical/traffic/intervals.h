// Intervals at 99.9% for what a test measures: mean, dispersion, counts per cell, distribution.
// Used by the statistical tests of traffic; seeds are fixed, so a test passes always or never.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <ostream>
#include <vector>

#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

namespace gatewright::testing {

inline constexpr double kConfidence = 0.999;
inline constexpr double kTail = 0.5 * (1.0 - kConfidence);  // on either side

struct Interval {
  double lower;
  double upper;
  [[nodiscard]] bool contains(double value) const { return lower <= value && value <= upper; }
  friend std::ostream& operator<<(std::ostream& out, const Interval& interval) {
    return out << '[' << interval.lower << ", " << interval.upper << ']';
  }
};

/// Of a normal variate.
inline Interval normal_interval(double mean, double sd) {
  const double z = boost::math::quantile(boost::math::complement(boost::math::normal(), kTail));
  return {mean - z * sd, mean + z * sd};
}

/// Of a sum of squares with so many degrees of freedom.
inline Interval chi_square_interval(double freedom) {
  const boost::math::chi_squared law(freedom);
  return {boost::math::quantile(law, kTail),
          boost::math::quantile(boost::math::complement(law, kTail))};
}

/// Pearson's statistic; cells where fewer than `kLeast` are expected should have been merged.
inline double chi_square(const std::vector<double>& observed, const std::vector<double>& expected) {
  double sum = 0.0;
  for (std::size_t i = 0; i < observed.size(); ++i)
    sum += (observed[i] - expected[i]) * (observed[i] - expected[i]) / expected[i];
  return sum;
}

struct Moments {
  double mean = 0.0;
  double variance = 0.0;
};
inline Moments moments(const std::vector<double>& values) {
  Moments result;
  for (const double value : values) result.mean += value;
  result.mean /= static_cast<double>(values.size());
  for (const double value : values)
    result.variance += (value - result.mean) * (value - result.mean);
  result.variance /= static_cast<double>(values.size() - 1);
  return result;
}

/// Of the mean of what these are independent draws of (Student).
inline Interval mean_interval(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  const Moments m = moments(values);
  const double t =
      boost::math::quantile(boost::math::complement(boost::math::students_t(count - 1.0), kTail));
  const double half = t * std::sqrt(m.variance / count);
  return {m.mean - half, m.mean + half};
}

/// Largest gap between the empirical distribution of the values and `law` (Kolmogorov-Smirnov).
template <typename Law>
double ks_distance(std::vector<double> values, Law law) {
  std::sort(values.begin(), values.end());
  const auto count = static_cast<double>(values.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double p = law(values[i]);
    const auto below = static_cast<double>(i);
    worst = std::max({worst, p - below / count, (below + 1.0) / count - p});
  }
  return worst;
}

/// What the distance exceeds once in a thousand: c with 2 exp(-2 c^2) = 0.001, in Stephens' form
/// (JASA 69 (1974) 730).
inline double ks_limit(std::size_t count) {
  const double c = std::sqrt(-0.5 * std::log(0.5 * (1.0 - kConfidence)));
  const double root = std::sqrt(static_cast<double>(count));
  return c / (root + 0.12 + 0.11 / root);
}

/// The order statistics of `sorted` between which the quantile lies: ranks by the binomial law.
inline Interval quantile_interval(const std::vector<double>& sorted, double probability) {
  const boost::math::binomial law(static_cast<double>(sorted.size()), probability);
  const double low = boost::math::quantile(law, kTail);
  const double high = boost::math::quantile(boost::math::complement(law, kTail));
  const auto last = static_cast<double>(sorted.size() - 1);
  return {sorted[static_cast<std::size_t>(std::clamp(low - 1.0, 0.0, last))],
          sorted[static_cast<std::size_t>(std::clamp(high, 0.0, last))]};
}

}  // namespace gatewright::testing
