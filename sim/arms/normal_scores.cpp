#include "sim/arms/normal_scores.h"

#include <cmath>
#include <numbers>

namespace gatewright::sim {

double normal_density(double z) noexcept {
  return std::exp(-0.5 * z * z) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
}

double normal_cdf(double z) noexcept { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

/// From the neighbour below by five terms of Taylor's series, which between close ones is as exact as numbers
/// are; where they are far apart, and now and then, by Newton's method from there.
std::vector<float> lowest_normal_scores(std::size_t count, std::size_t few) {
  constexpr std::size_t kNowAndThen = 16;
  std::vector<float> scores(few);
  const auto n = static_cast<double>(count);
  double z = -9.0;
  for (std::size_t rank = 0; rank < few; ++rank) {
    const double wanted = (static_cast<double>(rank) + 0.5) / n;
    const double apart = 1.0 / (n * normal_density(z));
    if (apart < 0.1) {
      const double square = z * z;
      const double third = (2.0 * square + 1.0) / 6.0;
      const double fourth = z * (6.0 * square + 7.0) / 24.0;
      z += apart * (1.0 + apart * (0.5 * z + apart * (third + apart * fourth)));
    }
    const bool is_close = (1.0 + std::fabs(z)) * apart < 1e-3;
    for (int i = 0; i < 100 && (!is_close || rank % kNowAndThen == 0); ++i) {
      // On the logarithm the steps from far below converge without overshoot.
      const double cdf = normal_cdf(z);
      const double step = std::log(wanted / cdf) * cdf / normal_density(z);
      z += step;
      // What is left is of the order of its square.
      if (std::fabs(step) < 1e-9) break;
    }
    scores[rank] = static_cast<float>(z);
  }
  return scores;
}

/// The upper half mirrors the lower.
std::vector<float> normal_scores(std::size_t count) {
  std::vector<float> scores = lowest_normal_scores(count, (count + 1) / 2);
  scores.resize(count);
  for (std::size_t rank = 0; rank < count / 2; ++rank) scores[count - 1 - rank] = -scores[rank];
  if (count % 2 == 1) scores[count / 2] = 0.0F;
  return scores;
}

}  // namespace gatewright::sim
