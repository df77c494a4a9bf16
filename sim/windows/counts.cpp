#include "sim/windows/counts.h"

#include <algorithm>
#include <boost/random/binomial_distribution.hpp>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/poisson_distribution.hpp>
#include <cmath>

namespace gatewright::sim {
namespace {

double draw_bent(Stream& stream, const Cumulants& law) {
  boost::random::normal_distribution<double> normal;
  return std::max(0.0, bent(law, normal(stream)) + 0.5);
}

}  // namespace

Cumulants cumulants_of_poisson(double mean) noexcept { return {mean, mean, mean, mean, mean}; }

Cumulants cumulants_of(Trials trials) noexcept {
  const double p = trials.probability, q = 1.0 - p;
  const double mean = static_cast<double>(trials.count) * p;
  const double variance = mean * q, lean = variance * (q - p);
  return {mean, variance, lean, variance * (1.0 - 6.0 * p * q), lean * (1.0 - 12.0 * p * q)};
}

double bent(const Cumulants& law, double z) noexcept {
  const double variance = law.variance - 1.0 / 12.0;
  const double scale = 1.0 / std::sqrt(variance);
  const double square = scale * scale;
  const double g1 = law.third * square * scale;
  const double g2 = (law.fourth + 1.0 / 120.0) * square * square;
  const double g3 = law.fifth * square * square * scale;
  const double z2 = z * z;
  // The orders of 1/sd, its square and its cube.
  const double first = g1 * (z2 - 1.0) / 6.0;
  const double second = z * (g2 * (z2 - 3.0) / 24.0 - g1 * g1 * (2.0 * z2 - 5.0) / 36.0);
  const double third = g3 * ((z2 - 6.0) * z2 + 3.0) / 120.0 -
                       g1 * g2 * ((z2 - 5.0) * z2 + 2.0) / 24.0 +
                       g1 * g1 * g1 * ((12.0 * z2 - 53.0) * z2 + 17.0) / 324.0;
  return law.mean + variance * scale * (z + first + second + third);
}

std::uint64_t draw_poisson(Stream& stream, double mean) {
  if (!(mean > 0.0)) return 0;
  if (mean >= kBentFrom)
    return static_cast<std::uint64_t>(draw_bent(stream, cumulants_of_poisson(mean)));
  boost::random::poisson_distribution<std::int64_t, double> law(mean);
  return static_cast<std::uint64_t>(law(stream));
}

std::uint64_t draw_binomial(Stream& stream, Trials trials) {
  if (trials.count == 0 || !(trials.probability > 0.0)) return 0;
  if (trials.probability >= 1.0) return trials.count;
  const Cumulants cumulants = cumulants_of(trials);
  if (cumulants.variance >= kBentFrom)
    return std::min(static_cast<std::uint64_t>(draw_bent(stream, cumulants)), trials.count);
  boost::random::binomial_distribution<std::int64_t, double> law(
      static_cast<std::int64_t>(trials.count), trials.probability);
  return static_cast<std::uint64_t>(law(stream));
}

}  // namespace gatewright::sim
