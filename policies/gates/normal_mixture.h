// Anytime-valid comparison of means: the one-sided normal mixture, stratified by window.
// Used through the catalogue; the closed forms are open for tests and documentation.
// Never compares across windows: what moves both arms together cancels, whatever the exposure.
#pragma once

#include <string>

#include "policies/gates/gate_test.h"
#include "policies/gates/log_e.h"

namespace gatewright {

/// Mixing precision rho at which the one-sided boundary is tightest at intrinsic time `v` for error
/// `alpha`. Howard, Ramdas, McAuliffe, Sekhon, Annals of Statistics 49 (2021) 1055, section 3.5, in
/// the closed form of the authors' software (confseq, best_rho). Any rho is valid; an error above
/// 25% is tuned as 25%, because the form ends at one half.
[[nodiscard]] double one_sided_normal_rho(double v, double alpha) noexcept;

/// ln of the one-sided normal mixture supermartingale (same paper, section 3.2) for a sum `s` with
/// variance `v`: 2 sqrt(rho / (v + rho)) exp(s^2 / (2 (v + rho))) Phi(s / sqrt(v + rho)), the
/// likelihood ratio of drifts above 0 mixed over a half-normal prior of variance 1 / rho.
[[nodiscard]] double log_one_sided_normal_mixture(double s, double v, double rho) noexcept;

/// A sum towards harm and its variance: s / sqrt(v) is standard normal at the edge of harm.
struct NormalSum {
  double s = 0.0;
  double v = 0.0;
};
/// The mixture of s as evidence of harm and of -s as evidence of safety, each tightest at variance
/// `tightest_at` for its own error; enough.
[[nodiscard]] gates::LogE log_e_of(NormalSum sum, double tightest_at,
                                   const Budget& budget) noexcept;

/// The gate test.
///
/// Per window w in which both arms answered, with h = n_c n_b / (n_c + n_b),
///
///     A += h (mean_c - factor mean_b - shift),   P += h^2 / n_c,   Q += h^2 / n_b,
///
/// where factor and shift express the margin (a ratio r: factor r; a difference m: shift m; on the
/// log scale shift ln r). At the edge of harm A is a martingale, whatever moves both arms and
/// however the allocation changes from window to window, and its variance is V = s_c^2 P + factor^2
/// s_b^2 Q with the pooled within-window variances. The mixture is evaluated at A and V in units of
/// sigma^2 = (s_c^2 + factor^2 s_b^2) / 2. An absolute bound uses the candidate alone: A += n (mean
/// - margin).
///
/// Variances are estimated, so the guarantee is asymptotic: no evidence is given before 30 degrees
/// of freedom and min_samples (100 by default) in each compared arm. For events the candidate's
/// variance is not taken below that of the edge; where events are rare, beta_binomial_mixture is
/// exact. Paired samples are weighed as independent, which is conservative when the arms agree more
/// often than by chance. What makes requests within one arm and window depend on each other (a
/// shared cache, one user's many requests) is not seen and inflates the false-alarm rate.
///
/// With a covariate x, whose mean is the same in both arms of a window whatever they answer, A adds
///
///     h (mean_c - factor mean_b - shift - theta_w (mean x_c - mean x_b)),
///
/// where theta_w comes from the windows before w alone (0 until they have 30 degrees of freedom in each
/// arm). Given what came before, the added part has mean 0, so A stays a martingale and the guarantee
/// what it was; a theta from the same window would correlate with its own residual. The variance is
/// that of y - theta_w x, with the pooled squares and products within windows.
class NormalMixture final : public GateTest {
 public:
  struct Settings {
    bool is_event = false;
    bool log_scale = false;
    double tightest_at = 1000.0;
    std::uint64_t min_samples = 0;
    std::string covariate{};  ///< a metric that no arm can change; empty: none
  };

  using LogE = gates::LogE;

  /// A, P and Q.
  struct Sums {
    double difference = 0.0, weight_candidate = 0.0, weight_baseline = 0.0;
  };

  /// A towards harm and its variance V, in units of sigma: s / sqrt(v) is standard normal at the
  /// edge of harm, and v grows by one half per sample of each arm (by one per sample of an arm that
  /// is compared with a level).
  struct Score {
    double s = 0.0, v = 0.0;
    bool enough = false;
  };

  /// A ratio on the log scale has a margin above 0.
  NormalMixture(const HarmSpec& harm, const Settings& settings);

  std::string_view name() const noexcept override { return "normal_mixture"; }
  Guarantee guarantee() const noexcept override { return Guarantee::anytime; }
  Form form() const noexcept override { return Form::samples; }
  Statistic statistic() const override;
  std::size_t slots() const noexcept override;
  bool compares_arms() const noexcept override { return compares_arms_; }
  void update(std::span<double> slots, const Observation& observation) const noexcept override;
  Evidence evidence(std::span<const double> slots, const Budget& budget) const noexcept override;

  [[nodiscard]] LogE log_e(std::span<const double> slots, const Budget& budget) const noexcept;

  [[nodiscard]] static Sums sums(std::span<const double> slots) noexcept;
  /// Of what came in since `since`, with the variances of all that came in.
  [[nodiscard]] Score score(std::span<const double> slots, const Sums& since) const noexcept;

 private:
  void add_covariates(std::span<double> slots, const Samples& samples,
                      double weight) const noexcept;
  [[nodiscard]] double slope_for(std::span<const double> slots,
                                 const Samples& samples) const noexcept;

  Statistic::Kind statistic_kind_;
  bool is_event_;
  bool compares_arms_;
  bool has_covariate_;
  double sign_;    ///< +1 where more is harm
  double factor_;  ///< edge of harm: mean_c = factor mean_b + shift
  double shift_;
  double v_opt_;  ///< intrinsic time at which the boundary is tightest
  double min_count_;
  std::string covariate_;
};

/// The settings that a gate asks for by its metric and the parameters `scale` and `tightest_at`;
/// reports what is wrong with them. Also for other tests of window-stratified differences.
[[nodiscard]] NormalMixture::Settings difference_settings(const GateSpec& gate,
                                                          Diagnostics& diagnostics);
/// The catalogue's line for `scale`.
[[nodiscard]] ParameterInfo scale_parameter();

[[nodiscard]] GateTestInfo normal_mixture_info();

}  // namespace gatewright
