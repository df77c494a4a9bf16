// Exact probabilities and exact intervals for tests: binomial weights, enumeration,
// Clopper-Pearson. Used by tests/independent. Never samples.
#pragma once

#include <cstdint>
#include <vector>

#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/binomial.hpp>

namespace gatewright::testing {

/// Outcomes of a binomial count, without those that are together less likely than about 1e-14.
struct CountLaw {
  std::uint64_t first = 0;
  std::vector<double> probability;  ///< of first, first + 1, ...
};

inline CountLaw binomial_law(std::uint64_t count, double p) {
  const boost::math::binomial_distribution<double> law(static_cast<double>(count), p);
  CountLaw result;
  for (std::uint64_t k = 0; k <= count; ++k) {
    const double probability = boost::math::pdf(law, static_cast<double>(k));
    if (probability < 1e-18) {
      if (result.probability.empty()) continue;
      break;
    }
    if (result.probability.empty()) result.first = k;
    result.probability.push_back(probability);
  }
  return result;
}

/// Mean of `value(k)` over the law.
template <typename Value>
double mean_over(const CountLaw& law, const Value& value) {
  double mean = 0.0;
  for (std::size_t i = 0; i < law.probability.size(); ++i)
    mean += law.probability[i] * static_cast<double>(value(law.first + i));
  return mean;
}

/// Mean of `value(i, j)` over two independent laws.
template <typename Value>
double mean_over(const CountLaw& first, const CountLaw& second, const Value& value) {
  return mean_over(first, [&](std::uint64_t i) {
    return mean_over(second, [&](std::uint64_t j) { return value(i, j); });
  });
}

/// Clopper and Pearson, Biometrika 26 (1934) 404: limits that err with probability (1 - confidence)
/// / 2 on each side.
struct Interval {
  double lower = 0.0, upper = 1.0;
};

inline Interval clopper_pearson(std::uint64_t hits, std::uint64_t runs, double confidence) {
  const double k = static_cast<double>(hits), n = static_cast<double>(runs);
  const double tail = 0.5 * (1.0 - confidence);
  Interval interval;
  if (hits > 0) {
    interval.lower =
        boost::math::quantile(boost::math::beta_distribution<double>(k, n - k + 1.0), tail);
  }
  if (hits < runs) {
    interval.upper = boost::math::quantile(
        boost::math::complement(boost::math::beta_distribution<double>(k + 1.0, n - k), tail));
  }
  return interval;
}

}  // namespace gatewright::testing
