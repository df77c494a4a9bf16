#include "sim/windows/counts.h"

#include <boost/random/binomial_distribution.hpp>
#include <boost/random/poisson_distribution.hpp>

namespace gatewright::sim {

std::uint64_t draw_poisson(Stream& stream, double mean) {
  if (!(mean > 0.0)) return 0;
  boost::random::poisson_distribution<std::int64_t, double> law(mean);
  return static_cast<std::uint64_t>(law(stream));
}

std::uint64_t draw_binomial(Stream& stream, Trials trials) {
  if (trials.count == 0 || !(trials.probability > 0.0)) return 0;
  if (trials.probability >= 1.0) return trials.count;
  boost::random::binomial_distribution<std::int64_t, double> law(
      static_cast<std::int64_t>(trials.count), trials.probability);
  return static_cast<std::uint64_t>(law(stream));
}

}  // namespace gatewright::sim
