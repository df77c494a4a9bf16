// Anytime-valid comparison of ratios of means, such as seconds per output token, window by window.
// Used through the catalogue.
// Never sees what its denominator hides: an arm that answers longer may take longer in all.
#pragma once

#include <string>

#include "policies/gates/gate_test.h"

namespace gatewright {

/// The gate test.
///
/// R = mean y / mean x of an arm, x being a positive number of the same requests; at the edge of harm
/// R_c = r R_b. Per window in which both arms answered, with h = n_c n_b / (n_c + n_b),
///
///     D += h (mean y_c mean x_b - r mean y_b mean x_c),
///
/// whose mean at the edge is 0 because the arms' requests are different ones: no ratio is ever formed,
/// so there is no bias of small windows, and what moves both arms of a window together cancels. The
/// variance of a window's part is, by the delta method (Deng, Knoblich, Lu, KDD 2018), that of
/// mean x_b y_c - r mean y_b x_c within the candidate and of mean y_c x_b - r mean x_c y_b within the
/// baseline, with the squares and products within windows pooled over windows. The mixture is that of
/// normal_mixture.h. Asymptotic, as there.
class RatioMixture final : public GateTest {
 public:
  struct Settings {
    std::string per;  ///< the metric of the denominator
    double tightest_at = 1000.0;
    std::uint64_t min_samples = 0;
  };

  /// `harm` is a ratio above 0.
  RatioMixture(const HarmSpec& harm, const Settings& settings);

  std::string_view name() const noexcept override { return "ratio_mixture"; }
  Guarantee guarantee() const noexcept override { return Guarantee::anytime; }
  Form form() const noexcept override { return Form::samples; }
  Statistic statistic() const override;
  std::size_t slots() const noexcept override;
  bool compares_arms() const noexcept override { return true; }
  void update(std::span<double> slots, const Observation& observation) const noexcept override;
  Evidence evidence(std::span<const double> slots, const Budget& budget) const noexcept override;

 private:
  std::string per_;
  double sign_;
  double ratio_;
  double v_opt_;
  double min_count_;
};

[[nodiscard]] GateTestInfo ratio_mixture_info();

}  // namespace gatewright
