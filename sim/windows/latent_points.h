// Points that cover the seven latent normals of a request evenly: requests as they come on average.
// Used by WindowLaw, which answers each of them once; the same for every scenario, never random.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "sim/arms/latents.h"

namespace gatewright::sim {

/// A Sobol net (Sobol 1967; directions as in ACM algorithm 659): points number kCount..2 kCount-1 of
/// the sequence, each coordinate in the middle of one of kCount cells of equal probability, every cell
/// taken once. Means over it converge almost as 1 / count where means over drawn requests converge as
/// 1 / sqrt(count); shares of points converge more slowly, so that quantiles take more of them. The first
/// kFew are a net as well.
class LatentPoints {
 public:
  static constexpr std::size_t kCount = std::size_t{1} << 16;
  static constexpr std::size_t kFew = std::size_t{1} << 13;
  static constexpr std::size_t kMany = std::size_t{1} << 20;

  [[nodiscard]] static const LatentPoints& instance();
  /// The same with kMany points instead of kCount.
  [[nodiscard]] static const LatentPoints& fine();
  /// Independent standard normals, one per point.
  [[nodiscard]] std::span<const float> scores(Latent latent) const noexcept {
    return scores_[index_of(latent)];
  }

 private:
  explicit LatentPoints(std::size_t count);
  std::array<std::vector<float>, kLatents> scores_;
};

}  // namespace gatewright::sim
