#include "sim/windows/latent_points.h"

#include <boost/random/sobol.hpp>
#include <cstdint>

#include "sim/arms/normal_scores.h"

namespace gatewright::sim {

const LatentPoints& LatentPoints::instance() {
  static const LatentPoints kPoints;
  return kPoints;
}

LatentPoints::LatentPoints() {
  const std::vector<float> score_of_cell = normal_scores(kCount);
  boost::random::sobol sequence(kLatents);
  sequence.seed(kCount - 1);  // the next point is number kCount
  for (std::vector<float>& scores : scores_) scores.reserve(kCount);
  for (std::size_t i = 0; i < kCount; ++i)
    for (std::vector<float>& scores : scores_)
      scores.push_back(score_of_cell[static_cast<std::size_t>(sequence() >> (64 - 16))]);
}

}  // namespace gatewright::sim
