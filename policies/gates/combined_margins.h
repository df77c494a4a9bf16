// Whether several metrics together have used up more of their margins than is tolerated.
// Used by the staged policy for combined gates; the merging is open for tests.
// Never supposes anything of how the metrics depend on each other.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "policies/gates/gate_test.h"
#include "policies/gates/margin_share.h"

namespace gatewright {

/// ln of the least mean e-value over all ways to split `total` steps over the parts: the least, over
/// k_1 + ... + k_m = total, of (e_1(k_1) + ... + e_m(k_m)) / m. `log_e` holds a row of total + 1
/// logarithms per part. At most kStepsMax steps.
inline constexpr std::size_t kStepsMax = 63;
[[nodiscard]] double log_least_mean(std::span<const double> log_e, std::size_t total) noexcept;

/// Metric j has used u_j of its margin, 0 if it got no worse. Harm is u_1 + ... + u_m > T, which no
/// metric can say alone. For each metric there are e-values e_j(t) against "u_j is at most t", for any
/// t; they fall as t rises.
///
/// Suppose u_1 + ... + u_m <= T. Then some split of T, t_1 + ... + t_m = T with 0 <= u_j <= t_j, has
/// every e_j(t_j) valid. Their mean is then an e-value, however the metrics depend on each other, and
/// the least mean over all splits,
///
///     E = min { (e_1(t_1) + ... + e_m(t_m)) / m : t_1 + ... + t_m = T, t_j >= 0 },
///
/// is not above it. So E reaches 1 / alpha with probability at most alpha, at any time and for any
/// candidate that is not harmful (Ville's inequality; the mean of e-values: Vovk and Wang, Annals of
/// Statistics 49 (2021) 1736). The product would need independent metrics, and cost and length are
/// not. E is never less than what a confidence sequence per metric at alpha / m would make of it: if
/// lower limits add up to more than T, every split has a t_j below its limit, and an e_j of m / alpha.
///
/// Splits go by steps of T / kSteps, each t_j rounded up: the least mean over k_1 + ... + k_m = kSteps
/// + m - 1 is not above E. Safety is the same with e-values against "u_j is at least t" and rounding
/// down; against "at least nothing" there is no evidence, its e-value is 1.
///
/// The mean is looked at when all metrics that are measured have weighed the same windows. In between
/// it would mix what is known of some metrics with what was known of others, and a mean of e-values
/// is one only for times that all of them know of.
class CombinedMargins {
 public:
  static constexpr std::size_t kSteps = 48;
  static constexpr std::size_t kPartsMax = kStepsMax - kSteps + 1;

  /// Shares of a margin at which `parts` metrics weigh their evidence for `margins_used` in sum.
  [[nodiscard]] static std::vector<double> shares(double margins_used, std::size_t parts);

  /// Two to kPartsMax parts, made for those shares.
  explicit CombinedMargins(std::vector<std::unique_ptr<MarginShare>> parts);

  [[nodiscard]] std::size_t parts() const noexcept { return parts_.size(); }
  [[nodiscard]] std::size_t slots() const noexcept { return slots_; }
  /// Takes in one Samples event of metric `part`, with requests of both arms.
  void update(std::span<double> slots, std::size_t part,
              const Observation& observation) const noexcept;
  /// `enough` as soon as one part has enough.
  [[nodiscard]] Evidence evidence(std::span<const double> slots,
                                  const Budget& budget) const noexcept;

 private:
  std::vector<std::unique_ptr<MarginShare>> parts_;
  std::vector<std::size_t> first_slot_;  ///< per part
  std::size_t slots_ = 0;
};

}  // namespace gatewright
