#include "sim/windows/latent_points.h"

#include <bit>
#include <boost/random/sobol.hpp>
#include <cstdint>

#include "sim/arms/normal_scores.h"

namespace gatewright::sim {

const LatentPoints& LatentPoints::instance() {
  static const LatentPoints kPoints(kCount);
  return kPoints;
}

const LatentPoints& LatentPoints::fine() {
  static const LatentPoints kPoints(kMany);
  return kPoints;
}

LatentPoints::LatentPoints(std::size_t count) {
  const std::vector<float> score_of_cell = normal_scores(count);
  const int bits = std::countr_zero(count);
  boost::random::sobol sequence(kLatents);
  sequence.seed(count - 1);  // the next point is number `count`
  for (std::vector<float>& scores : scores_) scores.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    for (std::vector<float>& scores : scores_)
      scores.push_back(score_of_cell[static_cast<std::size_t>(sequence() >> (64 - bits))]);
}

}  // namespace gatewright::sim
