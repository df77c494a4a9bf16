// Everything the arms have shown since the evidence began, and the z of rates from it.
// Used by the gate tests that are functions of totals, whatever the windows were.
// Never uses pairing: paired samples are weighed as independent, which is conservative when the arms
// agree more often than by chance.
#pragma once

#include <algorithm>
#include <span>

#include "policies/gates/numerics.h"
#include "policies/observation.h"
#include "policies/plan.h"

namespace gatewright::gates {

struct ArmTotals {
  static constexpr std::size_t kSlots = 3;

  double count = 0.0;
  double sum = 0.0;
  double sum_of_squares = 0.0;
  Covariate covariate{};  ///< where a test asks for one

  [[nodiscard]] double mean() const noexcept { return sum / count; }

  /// Sample variance, not below what rounding can resolve; needs two samples.
  [[nodiscard]] double variance() const noexcept {
    return std::max(squares_about_mean(count, sum, sum_of_squares) / (count - 1.0),
                    least_variance(sum_of_squares / count));
  }

  /// Variance of an event; smoothed where the arm has seen no event, or nothing else.
  [[nodiscard]] double event_variance() const noexcept {
    const double rate = mean();
    return rate > 0.0 && rate < 1.0 ? rate * (1.0 - rate) : smoothed_event_variance(sum, count);
  }
};

inline void add(std::span<double> slots, const Summary& summary) noexcept {
  slots[0] += static_cast<double>(summary.count);
  slots[1] += summary.sum;
  slots[2] += summary.sum_of_squares;
}

/// Three slots of a covariate, likewise.
inline void add(std::span<double> slots, const Covariate& covariate) noexcept {
  slots[0] += covariate.sum;
  slots[1] += covariate.sum_of_squares;
  slots[2] += covariate.sum_of_products;
}

[[nodiscard]] inline ArmTotals totals(std::span<const double> slots) noexcept {
  return {.count = slots[0], .sum = slots[1], .sum_of_squares = slots[2], .covariate = {}};
}

/// Distance of the candidate's rate from the edge of harm, in standard errors: the score test of an
/// absolute rate; pooled where the edge is no difference; with a margin Wald's for a difference, and
/// for a ratio the delta method on its logarithm (Katz, Baptista, Azen, Pike, Biometrics 34 (1978)
/// 469; half an event is added to both arms where one has none).
[[nodiscard]] double rate_z(const HarmSpec& harm, const ArmTotals& baseline,
                            const ArmTotals& candidate) noexcept;

}  // namespace gatewright::gates
