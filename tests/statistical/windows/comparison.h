// How two samples are compared, and how much of a comparison is chance.
// Used by the tests of this folder; textbook formulas, nothing of the project's own.
#pragma once

#include <algorithm>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace gatewright::sim::testing {

using Sample = std::vector<double>;

/// A number from the environment, or `usual`.
inline std::size_t how_many(const char* variable, std::size_t usual) {
  const char* said = std::getenv(variable);
  return said == nullptr ? usual : static_cast<std::size_t>(std::stoull(said));
}

struct Moments {
  double mean = 0.0, variance = 0.0, third = 0.0, fourth = 0.0;  ///< central but for the mean
};
inline Moments moments(const Sample& sample) {
  Moments m;
  const auto n = static_cast<double>(sample.size());
  for (const double x : sample) m.mean += x / n;
  for (const double x : sample) {
    const double d = x - m.mean;
    m.variance += d * d / n;
    m.third += d * d * d / n;
    m.fourth += d * d * d * d / n;
  }
  return m;
}

inline double correlation(const Sample& a, const Sample& b) {
  const Moments x = moments(a), y = moments(b);
  double product = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) product += (a[i] - x.mean) * (b[i] - y.mean);
  return product / static_cast<double>(a.size()) / std::sqrt(x.variance * y.variance);
}

/// Spearman's: of the ranks, so that a few extremes do not decide it; equal numbers share their mean rank.
inline double rank_correlation(const Sample& a, const Sample& b) {
  const auto ranks = [](const Sample& sample) {
    std::vector<std::size_t> order(sample.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&sample](std::size_t i) { return sample[i]; });
    Sample rank(sample.size());
    for (std::size_t first = 0, last = 0; first < order.size(); first = last) {
      while (last < order.size() && sample[order[last]] == sample[order[first]]) ++last;
      for (std::size_t i = first; i < last; ++i)
        rank[order[i]] = 0.5 * static_cast<double>(first + last - 1);
    }
    return rank;
  };
  return correlation(ranks(a), ranks(b));
}

/// Largest distance of the two empirical distribution functions (Smirnov).
inline double distance(Sample a, Sample b) {
  std::ranges::sort(a);
  std::ranges::sort(b);
  double largest = 0.0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const double x = std::min(a[i], b[j]);
    while (i < a.size() && a[i] <= x) ++i;
    while (j < b.size() && b[j] <= x) ++j;
    const double apart = static_cast<double>(i) / static_cast<double>(a.size()) -
                         static_cast<double>(j) / static_cast<double>(b.size());
    largest = std::max(largest, std::fabs(apart));
  }
  return largest;
}

/// The distance that two samples of one law exceed with probability `alpha`, for large samples:
/// sqrt(-ln(alpha / 2) / 2) sqrt((m + n) / (m n)).
inline double critical_distance(double alpha, std::size_t m, std::size_t n) {
  const auto a = static_cast<double>(m), b = static_cast<double>(n);
  return std::sqrt(-std::log(alpha / 2.0) / 2.0) * std::sqrt((a + b) / (a * b));
}

/// The probability that two samples of one law are that far apart or farther, for large samples:
/// Kolmogorov's series at D sqrt(mn / (m + n)); too large for laws with atoms.
inline double smirnov_p(double distance, std::size_t m, std::size_t n) {
  const auto a = static_cast<double>(m), b = static_cast<double>(n);
  const double x = distance * std::sqrt(a * b / (a + b));
  if (x < 0.2) return 1.0;
  double p = 0.0;
  for (int k = 1; k <= 100; ++k)
    p += (k % 2 == 1 ? 2.0 : -2.0) * std::exp(-2.0 * static_cast<double>(k * k) * x * x);
  return std::clamp(p, 0.0, 1.0);
}

/// Chi-square test that two samples fall into classes alike (Pearson 1900); classes that hold fewer than
/// five of both on average are one class.
inline double chi_square_p(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& classes) {
  double m = 0.0, n = 0.0, few_a = 0.0, few_b = 0.0;
  for (const auto& [a, b] : classes) m += static_cast<double>(a), n += static_cast<double>(b);
  double statistic = 0.0;
  int used = 0;
  const auto add = [&](double a, double b) {
    const double share = (a + b) / (m + n);
    if (share == 0.0) return;
    statistic += (a - m * share) * (a - m * share) / (m * share) +
                 (b - n * share) * (b - n * share) / (n * share);
    ++used;
  };
  for (const auto& [a, b] : classes) {
    if (a + b >= 10)
      add(static_cast<double>(a), static_cast<double>(b));
    else
      few_a += static_cast<double>(a), few_b += static_cast<double>(b);
  }
  add(few_a, few_b);
  return used < 2 ? 1.0 : boost::math::gamma_q(0.5 * (used - 1), 0.5 * statistic);
}

/// Which hypotheses fall when all of them are to stand together with probability 1 - `alpha` where all are
/// true (Holm 1979).
inline std::vector<std::size_t> holm(const std::vector<double>& p, double alpha) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&p](std::size_t i) { return p[i]; });
  std::size_t fallen = 0;
  while (fallen < order.size() &&
         p[order[fallen]] < alpha / static_cast<double>(order.size() - fallen))
    ++fallen;
  order.resize(fallen);
  return order;
}

/// Two-sided tail of the standard normal.
inline double two_sided(double z) { return std::erfc(std::fabs(z) / std::sqrt(2.0)); }

/// Fisher's exact test that two shares are one (two-sided: tables no likelier than the one seen).
inline double fisher(std::uint64_t a, std::uint64_t of_a, std::uint64_t b, std::uint64_t of_b) {
  const auto log_choose = [](double n, double k) {
    return std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0);
  };
  const auto m = static_cast<double>(of_a), n = static_cast<double>(of_b);
  const std::uint64_t both = a + b;
  const auto k = static_cast<double>(both);
  const auto log_probability = [&](double x) {
    return log_choose(m, x) + log_choose(n, k - x) - log_choose(m + n, k);
  };
  const double seen = log_probability(static_cast<double>(a));
  double p = 0.0;
  for (std::uint64_t x = both > of_b ? both - of_b : 0; x <= std::min(both, of_a); ++x)
    if (const double log_p = log_probability(static_cast<double>(x)); log_p <= seen + 1e-7)
      p += std::exp(log_p);
  return std::min(1.0, p);
}

}  // namespace gatewright::sim::testing
