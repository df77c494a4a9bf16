// The normal quantiles of evenly spaced probabilities.
// Used by RecordedLengths, which ranks a trace's lengths, and by LatentPoints; never draws anything.
#pragma once

#include <cstddef>
#include <vector>

namespace gatewright::sim {

[[nodiscard]] double normal_density(double z) noexcept;
[[nodiscard]] double normal_cdf(double z) noexcept;

/// Normal scores of the ranks 0..count-1, at probabilities (rank + 1/2) / count, rising.
[[nodiscard]] std::vector<float> normal_scores(std::size_t count);
/// The same of the ranks 0..few-1 alone, at most half of them.
[[nodiscard]] std::vector<float> lowest_normal_scores(std::size_t count, std::size_t few);

}  // namespace gatewright::sim
