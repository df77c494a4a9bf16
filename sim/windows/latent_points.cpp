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
  static const LatentPoints kPoints(kForMeans, kLatentsOfOne);
  return kPoints;
}

const LatentPoints& LatentPoints::fine() {
  static const LatentPoints kPoints(kMany, kLatentsOfOne);
  return kPoints;
}

const LatentPoints& LatentPoints::tail(std::size_t which, const LatentPoints& of) {
  static const std::vector<LatentPoints> kOfInstance = tails(kCount);
  static const std::vector<LatentPoints> kOfSome = tails(kSome);
  return (of.size() == kCount ? kOfInstance : kOfSome)[which];
}

LatentPoints LatentPoints::in_plane(std::span<const double> across, std::span<const double> along) {
  LatentPoints points;
  const auto turned = [&](double side) {
    std::vector<float> scores(across.size());
    for (std::size_t i = 0; i < across.size(); ++i)
      scores[i] = static_cast<float>((along[i] + side * across[i]) / std::numbers::sqrt2);
    return scores;
  };
  points.scores_.fill(turned(-1.0));
  points.scores_.front() = turned(1.0);
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
  is_left_out_.assign(size(), 0);
  for (const Latent latent : tails)
    for (std::size_t i = 0; i < size(); ++i)
      if (scores(latent)[i] >= from) is_left_out_[i] = 1;
}

/// Successive points differ, in each coordinate, by one of the sequence's direction numbers (Antonov and Saleev
/// 1979): these are found in its first points, and then the coordinates go one after another.
LatentPoints::LatentPoints(std::size_t count, std::size_t latents) {
  using Point = std::array<std::uint64_t, kLatents>;
  const std::vector<float> score_of_cell = normal_scores(count);
  const int bits = std::countr_zero(count);
  boost::random::sobol sequence(kLatents);
  const auto next = [&sequence] {
    Point point;
    for (std::uint64_t& coordinate : point) coordinate = sequence();
    return point;
  };
  std::vector<Point> directions;  ///< from a point to one whose number has so many zeros at its end
  for (int zeros = 0; zeros < bits; ++zeros) {
    const std::uint64_t number = std::uint64_t{1} << zeros;
    Point before{};
    if (number > 1) {
      sequence.seed(number - 2);  // the next point is the one before
      before = next();
    } else {
      sequence.seed(0);
    }
    Point& direction = directions.emplace_back(next());
    for (std::size_t latent = 0; latent < kLatents; ++latent) direction[latent] ^= before[latent];
  }
  sequence.seed(count - 1);  // the next point is number `count`
  const Point first = next();
  for (std::size_t latent = 0; latent < latents; ++latent) {
    std::vector<float>& scores = scores_[latent];
    scores.reserve(count);
    std::uint64_t coordinate = first[latent];
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) coordinate ^= directions[static_cast<std::size_t>(std::countr_zero(i))][latent];
      scores.push_back(score_of_cell[static_cast<std::size_t>(coordinate >> (64 - bits))]);
    }
  }
}

}  // namespace gatewright::sim
