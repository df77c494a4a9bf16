// Points that cover the seven latent normals of a request evenly: requests as they come on average.
// Used by PointAnswers, which answers each of them once; the same for every scenario, never random.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/arms/latents.h"

namespace gatewright::sim {

/// A Sobol net (Sobol 1967; directions as in ACM algorithm 659): points number kCount..2 kCount-1 of
/// the sequence, each coordinate in the middle of one of kCount cells of equal probability, every cell
/// taken once. Means over it converge almost as 1 / count where means over drawn requests converge as
/// 1 / sqrt(count); shares of points converge more slowly, so that quantiles take more of them.
class LatentPoints {
 public:
  static constexpr std::size_t kCount = std::size_t{1} << 16;
  static constexpr std::size_t kSome = std::size_t{1} << 15;
  static constexpr std::size_t kFew = std::size_t{1} << 13;
  static constexpr std::size_t kForMeans = std::size_t{1} << 17;
  static constexpr std::size_t kMany = std::size_t{1} << 20;

  [[nodiscard]] static const LatentPoints& instance();
  /// The same with kMany points instead of kCount, for the arm whose latents come first alone.
  [[nodiscard]] static const LatentPoints& fine();
  /// The same with kForMeans points.
  [[nodiscard]] static const LatentPoints& for_means();
  /// The same with kSome and with kFew points.
  [[nodiscard]] static const LatentPoints& some();
  [[nodiscard]] static const LatentPoints& few();
  /// kInTail points of those of which a latent is in the upper end of its law, where kTail points of a net
  /// of all are: sums of squares of lognormal numbers hang on so few requests that such a net has but one
  /// of them. kTails says which latents; each net stands for as many points of `of` (instance() or some())
  /// as have the latent there, and all that are not left out are all requests together.
  [[nodiscard]] static const LatentPoints& tail(std::size_t which, const LatentPoints& of);
  /// Points of the plane of the first latent and of the others, which are one, turned by half a right angle:
  /// what rises with every latent rises along the second axis. `across` and `along`: per point, standard
  /// normal where points are drawn.
  [[nodiscard]] static LatentPoints in_plane(std::span<const double> across,
                                             std::span<const double> along);
  static constexpr std::array kTails = {Latent::input, Latent::baseline_output,
                                        Latent::baseline_ttft, Latent::candidate_output,
                                        Latent::candidate_ttft};
  static constexpr std::size_t kTail = 64;
  static constexpr std::size_t kInTail = std::size_t{1} << 11;
  [[nodiscard]] std::size_t size() const noexcept { return scores_.front().size(); }
  /// Per point, whether an earlier tail has it, or for points of a net of all any tail: not 0.
  [[nodiscard]] std::span<const std::uint8_t> left_out() const noexcept { return is_left_out_; }
  [[nodiscard]] bool is_left_out(std::size_t point) const noexcept {
    return is_left_out_[point] != 0;
  }
  /// Independent standard normals, one per point.
  [[nodiscard]] std::span<const float> scores(Latent latent) const noexcept {
    return scores_[index_of(latent)];
  }

 private:
  LatentPoints() = default;
  /// The first `latents` of them alone.
  explicit LatentPoints(std::size_t count, std::size_t latents = kLatents);
  static constexpr std::size_t kLatentsOfOne = index_of(Latent::baseline_quality) + 1;
  /// A net of all, without points in a tail.
  [[nodiscard]] static LatentPoints without_tails(std::size_t count);
  [[nodiscard]] static std::vector<LatentPoints> tails(std::size_t count);
  /// Points that have one of the latents above `from`.
  void leave_out(std::span<const Latent> tails, float from);
  std::array<std::vector<float>, kLatents> scores_;
  std::vector<std::uint8_t> is_left_out_;  ///< per point; bytes are read faster than bits
};

}  // namespace gatewright::sim
