#include "sim/arms/recorded_lengths.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace gatewright::sim {
namespace {

/// Values beyond share their last entry: a table of four million entries is enough for any prompt.
constexpr std::size_t kMostEntries = std::size_t{1} << 22;

double normal_cdf(double z) noexcept { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

double normal_density(double z) noexcept {
  return std::exp(-0.5 * z * z) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
}

/// Normal scores of the ranks 0..count-1, at probabilities (rank + 1/2) / count. Newton's method,
/// started at the neighbour below; the upper half mirrors the lower.
std::vector<float> normal_scores(std::size_t count) {
  std::vector<float> scores(count);
  const auto n = static_cast<double>(count);
  double z = -9.0;
  for (std::size_t rank = 0; rank < (count + 1) / 2; ++rank) {
    const double wanted = (static_cast<double>(rank) + 0.5) / n;
    for (int i = 0; i < 100; ++i) {
      // On the logarithm the steps from far below converge without overshoot.
      const double cdf = normal_cdf(z);
      const double step = std::log(wanted / cdf) * cdf / normal_density(z);
      z += step;
      if (std::fabs(step) < 1e-12) break;
    }
    scores[rank] = static_cast<float>(z);
    scores[count - 1 - rank] = static_cast<float>(-z);
  }
  if (count % 2 == 1) scores[count / 2] = 0.0F;
  return scores;
}

std::size_t whole(float value) noexcept {
  return value > 0.0F ? static_cast<std::size_t>(value) : 0;
}

}  // namespace

RecordedLengths::RecordedLengths(std::span<const float> sorted)
    : sorted_(sorted), scores_(normal_scores(sorted.size())) {
  if (sorted.empty()) return;
  const std::size_t entries = std::min(whole(sorted.back()) + 1, kMostEntries);
  first_rank_.resize(entries + 1);
  std::size_t rank = 0;
  for (std::size_t value = 0; value < entries; ++value) {
    while (rank < sorted.size() && whole(sorted[rank]) < value) ++rank;
    first_rank_[value] = static_cast<std::uint32_t>(rank);
  }
  first_rank_[entries] = static_cast<std::uint32_t>(sorted.size());
}

double RecordedLengths::score(float value, double uniform) const noexcept {
  const std::size_t entry = std::min(whole(value), first_rank_.size() - 2);
  const std::uint32_t first = first_rank_[entry];
  const std::uint32_t ties = first_rank_[entry + 1] - first;
  const auto rank = first + static_cast<std::uint32_t>(uniform * static_cast<double>(ties));
  return static_cast<double>(scores_[std::min<std::size_t>(rank, scores_.size() - 1)]);
}

float RecordedLengths::at(double z) const noexcept {
  const auto rank = static_cast<std::size_t>(normal_cdf(z) * static_cast<double>(sorted_.size()));
  return sorted_[std::min(rank, sorted_.size() - 1)];
}

}  // namespace gatewright::sim
