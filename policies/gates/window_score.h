// One look as one number: how far beyond the edge of harm the window's difference is.
// Used by control charts of means and rates.
// Never mixes windows: what moves both arms of a window together cancels.
#pragma once

#include <optional>

#include "policies/gates/normal_mixture.h"
#include "policies/gates/numerics.h"

namespace gatewright::gates {

/// Takes in the window and answers its difference towards harm in standard errors: standard normal
/// at the edge of harm, once the variances are known. Nothing before that.
[[nodiscard]] inline std::optional<double> window_score(const NormalMixture& difference,
                                                        std::span<double> slots,
                                                        const Observation& observation) noexcept {
  const NormalMixture::Sums before = NormalMixture::sums(slots);
  difference.update(slots, observation);
  const NormalMixture::Score score = difference.score(slots, before);
  if (!score.enough || !(score.v > 0.0)) return std::nullopt;
  return standardised(score.s, score.v);
}

}  // namespace gatewright::gates
