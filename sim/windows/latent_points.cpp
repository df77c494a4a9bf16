#include "sim/windows/latent_points.h"

#include <algorithm>
#include <bit>
#include <boost/random/sobol.hpp>
#include <cstdint>
#include <numbers>

#include "sim/arms/normal_scores.h"

namespace gatewright::sim {
namespace {

/// Where the tails of a net of so many points begin: between two of its scores.
float tail_of(std::size_t count) {
  const std::vector<float> lowest = lowest_normal_scores(count, LatentPoints::kTail + 1);
  return -0.5F * (lowest[LatentPoints::kTail - 1] + lowest[LatentPoints::kTail]);
}

}  // namespace

const LatentPoints& LatentPoints::instance() {
  static const LatentPoints kPoints = without_tails(kCount);
  return kPoints;
}

const LatentPoints& LatentPoints::some() {
  static const LatentPoints kPoints = without_tails(kSome);
  return kPoints;
}

const LatentPoints& LatentPoints::few() {
  static const LatentPoints kPoints(kFew);
  return kPoints;
}

const LatentPoints& LatentPoints::for_means() {
  static const LatentPoints kPoints(kForMeans);
  return kPoints;
}

const LatentPoints& LatentPoints::fine() {
  static const LatentPoints kPoints(kMany);
  return kPoints;
}

const LatentPoints& LatentPoints::tail(std::size_t which, const LatentPoints& of) {
  static const std::vector<LatentPoints> kOfInstance = tails(kCount);
  static const std::vector<LatentPoints> kOfSome = tails(kSome);
  return (of.size() == kCount ? kOfInstance : kOfSome)[which];
}

LatentPoints LatentPoints::in_plane(std::span<const double> across, std::span<const double> along) {
  LatentPoints points;
  for (std::size_t latent = 0; latent < kLatents; ++latent) {
    const double side = latent == 0 ? 1.0 : -1.0;
    for (std::size_t i = 0; i < across.size(); ++i)
      points.scores_[latent].push_back(
          static_cast<float>((along[i] + side * across[i]) / std::numbers::sqrt2));
  }
  return points;
}

LatentPoints LatentPoints::without_tails(std::size_t count) {
  LatentPoints points(count);
  points.leave_out(kTails, tail_of(count));
  return points;
}

std::vector<LatentPoints> LatentPoints::tails(std::size_t count) {
  // The lowest of as many scores as a net of all would need, turned round.
  const std::vector<float> lowest = lowest_normal_scores(kInTail * (count / kTail), kInTail);
  const std::vector<float> all = normal_scores(kInTail);
  std::vector<LatentPoints> nets(kTails.size(), LatentPoints(kInTail));
  for (std::size_t t = 0; t < nets.size(); ++t) {
    nets[t].leave_out(std::span(kTails).first(t), tail_of(count));
    for (float& score : nets[t].scores_[index_of(kTails[t])]) {
      const auto rank = std::ranges::lower_bound(all, score) - all.begin();
      score = -lowest[static_cast<std::size_t>(rank)];
    }
  }
  return nets;
}

void LatentPoints::leave_out(std::span<const Latent> tails, float from) {
  is_left_out_.assign(size(), false);
  for (const Latent latent : tails)
    for (std::size_t i = 0; i < size(); ++i)
      if (scores(latent)[i] >= from) is_left_out_[i] = true;
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
