// Wald's sequential probability ratio test, for rates and for means.
// Used through the catalogue; the log likelihood ratios are open for tests and documentation.
// Never stops on evidence of safety: its bounds are those of a test that goes on (see Sprt).
#pragma once

#include <optional>

#include "policies/gates/normal_mixture.h"

namespace gatewright {

/// Two simple hypotheses on the rate of an event, both within (0, 1).
struct RateHypotheses {
  double p0 = 0.0;
  double p1 = 0.0;
};

/// ln of the likelihood ratio of p1 to p0 after `events` events and `others` requests without one.
[[nodiscard]] double bernoulli_log_ratio(double events, double others,
                                         const RateHypotheses& hypotheses) noexcept;

/// ln of the likelihood ratio of drift `delta` to drift 0 for a Gaussian sum `s` with variance `v`.
[[nodiscard]] double normal_log_ratio(double s, double v, double delta) noexcept;

/// The gate test. Harm is the likelihood ratio of H1 to H0, safety that of H1' to H0, where H0 is the
/// edge of harm itself:
///
/// Absolute rate: H0: p = margin; H1: the odds of p are `odds_ratio` times the edge's on the harmful
/// side; H1': the same on the harmless side.
///
/// Ratio of rates: H0: p_c = r p_b; H1: p_c = odds_ratio r p_b; H1': p_c = r p_b / odds_ratio (where
/// more is harm), whatever p_b is in each window: the conditional likelihood ratio of
/// beta_binomial_mixture at one theta, whose mean is at most 1 at H0.
///
/// Numbers: H0: mean_c = factor mean_b + shift; H1 and H1': beyond it by `sds` standard deviations
/// of one request, on the window-stratified sum of normal_mixture, whose variances are estimated.
///
/// What is worse than the edge by less than about half of what is stated speaks for H0, and is never
/// shown as harm, however long it lasts.
///
/// Each is a supermartingale at H0 and on the far side of it (the ratios are monotone), so 1 / error
/// decides, at any look. Wald's (Annals of Mathematical Statistics 16 (1945) 117) slightly lower
/// bound ln((1 - beta) / alpha) is for a test that ends when it accepts; a rollout does not end on
/// evidence of safety.
class Sprt final : public GateTest {
 public:
  struct Settings {
    bool is_event = false;
    bool log_scale = false;
    double odds_ratio = 2.0;
    double sds = 0.2;
    std::uint64_t min_samples = 0;
  };

  /// Logarithms of the likelihood ratios; 0 before `enough`.
  using LogRatios = gates::LogE;

  /// For events `harm` is a ratio above 0 or an absolute rate within (0, 1).
  Sprt(const HarmSpec& harm, const Settings& settings);

  std::string_view name() const noexcept override { return "sprt"; }
  Guarantee guarantee() const noexcept override { return Guarantee::anytime; }
  Form form() const noexcept override { return Form::samples; }
  Statistic statistic() const override;
  std::size_t slots() const noexcept override;
  bool compares_arms() const noexcept override { return compares_arms_; }
  void update(std::span<double> slots, const Observation& observation) const noexcept override;
  Evidence evidence(std::span<const double> slots, const Budget& budget) const noexcept override;

  [[nodiscard]] LogRatios log_ratios(std::span<const double> slots) const noexcept;

 private:
  bool compares_arms_;
  double margin_;
  double min_count_;
  double sds_;
  RateHypotheses harm_{}, safety_{};         ///< absolute rate
  double theta_harm_, theta_safety_;         ///< ratio of rates
  std::optional<NormalMixture> of_numbers_;  ///< sums and variances, for numbers
};

[[nodiscard]] GateTestInfo sprt_info();

}  // namespace gatewright
