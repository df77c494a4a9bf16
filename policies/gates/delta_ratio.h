// A ratio of two means by the delta method on its logarithm, anytime by the normal mixture.
// Used through the catalogue.
// Never corrects for a changing exposure: in a ramp give it `evidence: stage`.
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

/// L = ln(mean_c / mean_b) - ln r from the totals of both arms, with the variance W = cv_c^2 / n_c +
/// cv_b^2 / n_b of the delta method (cv: coefficient of variation). While what distinguishes the arms
/// stays as it is, L / W is to first order a sum of independent contributions, Var(L_n / W_n) = 1 /
/// W_n, whatever the arms' shares: a Gaussian random walk with intrinsic time 1 / W, on which
/// log_one_sided_normal_mixture is the logarithm of an e-value; the guarantee is asymptotic.
///
/// On the logarithm a ratio and its inverse weigh the same, and a mean that is high in all windows
/// weighs as one that is low. If traffic changes while the exposure rises, totals confound the two;
/// normal_mixture compares window by window.
class DeltaRatio final : public GateTest {
 public:
  struct Settings {
    double tightest_at = 1000.0;
    std::uint64_t min_samples = 0;
  };

  /// L towards harm and W; `enough` is false without a mean above 0 in each arm.
  struct LogRatio {
    double value = 0.0;
    double variance = 0.0;
    double unit = 0.0;  ///< (cv_c^2 + cv_b^2) / 2: W of one sample in each arm, halved
    bool enough = false;
  };

  /// `harm` is a ratio above 0.
  DeltaRatio(const HarmSpec& harm, const Settings& settings);

  std::string_view name() const noexcept override { return "delta_ratio"; }
  Guarantee guarantee() const noexcept override { return Guarantee::anytime; }
  Form form() const noexcept override { return Form::samples; }
  Statistic statistic() const override { return {}; }
  std::size_t slots() const noexcept override;
  bool compares_arms() const noexcept override { return true; }
  void update(std::span<double> slots, const Observation& observation) const noexcept override;
  Evidence evidence(std::span<const double> slots, const Budget& budget) const noexcept override;

  [[nodiscard]] LogRatio log_ratio(std::span<const double> slots) const noexcept;

 private:
  double sign_;
  double log_margin_;
  double v_opt_;
  double min_count_;
};

[[nodiscard]] GateTestInfo delta_ratio_info();

}  // namespace gatewright
