// What both arms' answers to one prompt have in common: seven latent normals and their correlation.
// Used by World to turn independent normals into correlated ones; built once per scenario.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

namespace gatewright::sim {

/// The latent normals of one request, in the order in which they are mixed. What the candidate adds
/// comes last, so that drawing it changes nothing of what the baseline does.
enum class Latent : unsigned char {
  input,
  baseline_output,
  baseline_ttft,
  baseline_quality,
  candidate_output,
  candidate_ttft,
  candidate_quality,
};
inline constexpr std::size_t kLatents = 7;

[[nodiscard]] constexpr std::size_t index_of(Latent latent) noexcept {
  return static_cast<std::size_t>(latent);
}

/// z = weights x e, with e independent standard normals and weights the lower triangular factor of
/// the correlation matrix.
struct Mixing {
  std::array<std::array<double, kLatents>, kLatents> weights{};
};

struct LatentCorrelations {
  double tokens = 0.0;       ///< of input and output tokens, at either arm
  double same_prompt = 0.0;  ///< of the two arms' output, time to first token, quality
};

/// Nothing where no seven normals have these correlations.
[[nodiscard]] std::optional<Mixing> make_mixing(LatentCorrelations correlations);

}  // namespace gatewright::sim
