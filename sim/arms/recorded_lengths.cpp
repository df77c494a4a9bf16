#include "sim/arms/recorded_lengths.h"

#include <algorithm>
#include <cstddef>

#include "sim/arms/normal_scores.h"

namespace gatewright::sim {
namespace {

/// Values beyond share their last entry: a table of four million entries is enough for any prompt.
constexpr std::size_t kMostEntries = std::size_t{1} << 22;

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

float RecordedLengths::score(float value, double uniform) const noexcept {
  const std::size_t entry = std::min(whole(value), first_rank_.size() - 2);
  const std::uint32_t first = first_rank_[entry];
  const std::uint32_t ties = first_rank_[entry + 1] - first;
  const auto rank = first + static_cast<std::uint32_t>(uniform * static_cast<double>(ties));
  return scores_[std::min<std::size_t>(rank, scores_.size() - 1)];
}

float RecordedLengths::at(float z) const noexcept {
  const auto rank = static_cast<std::size_t>(normal_cdf(static_cast<double>(z)) *
                                             static_cast<double>(sorted_.size()));
  return sorted_[std::min(rank, sorted_.size() - 1)];
}

}  // namespace gatewright::sim
