// Anytime-valid comparison of rare events: the one-sided beta-binomial mixture, exact at any count.
// Used through the catalogue; the closed form is open for tests and documentation.
// Never needs a known baseline rate, and never confuses a changing rate or exposure with harm.
#pragma once

#include <array>
#include <memory>

#include "policies/gates/gate_test.h"
#include "policies/gates/log_e.h"

namespace gatewright {

/// ln of the one-sided mixture likelihood ratio of a coin whose edge is `edge`, over
/// p ~ Beta(a, b) restricted to the side of harm (or of safety). Howard, Ramdas, McAuliffe, Sekhon,
/// Annals of Statistics 49 (2021) 1055, section 3.2, with the parameters of the authors' software
/// (confseq): a = r / (1 - edge), b = r / edge, r = max(rho - e, e / 1000) with e = edge (1 - edge)
/// and rho the normal mixture's for the intrinsic time at which the boundary is tightest.
class BetaMixture {
 public:
  enum class Side : std::uint8_t { above, below };
  struct Tuning {
    double v_opt = 1.0;  ///< intrinsic time: edge (1 - edge) times the number of coins
    double alpha_opt = 0.05;
  };

  BetaMixture(double edge, Side side, const Tuning& tuning) noexcept;

  /// After `events` coins on one side and `others` on the other, of any size.
  [[nodiscard]] double log_e(double events, double others) const noexcept;

  /// The p that the prior exceeds, within its side, with probability `share_above` in (0, 1).
  [[nodiscard]] double prior_quantile_above(double share_above) const noexcept;

 private:
  double edge_;
  Side side_;
  double a_, b_;
  double log_prior_;
};

/// The gate test, for metrics of events.
///
/// Absolute: the candidate's events are coins whose edge is the margin; BetaMixture as it stands.
///
/// Ratio: in a window with n_c and n_b requests, at the edge of harm p_c = r p_b, each event falls
/// on the candidate with probability pi = r n_c / (r n_c + n_b), whatever p_b is (the conditional
/// test of Przyborowski and Wilenski, Biometrika 31 (1940) 313). Against it stands theta: the rate
/// ratio in units of the edge. A window with k_c and k_b events contributes
///
///     LR(theta) = theta^k_c / (theta pi + 1 - pi)^(k_c + k_b).
///
/// theta is mixed over theta / (1 + theta) ~ Beta(a, a) restricted to theta > 1 for harm and to
/// theta < 1 for safety, at kNodes equally likely points, each of which sums ln LR over windows; so
/// changing rates and changing exposure are exact, and the mixture is an e-value as any mean of
/// e-values is.
///
/// Why its mean is at most 1 at the edge, for every theta: with c = 1 / (theta pi + 1 - pi) each
/// independent request contributes a factor of mean 1 + p_c (theta c - 1) or 1 + p_b (c - 1); by
/// 1 + x <= exp(x) the window's mean is at most exp(p_b ((r n_c + n_b) c (theta pi + 1 - pi) -
/// (r n_c + n_b))) = exp(0). Poisson counts give equality; for events of probability p the slack is
/// of order p. On the harmless side of the edge the mean is smaller still, since theta c >= 1 for
/// theta >= 1. Positive correlation of paired outcomes lowers it further. What is not covered:
/// events of one arm that come in clusters of their own.
class BetaBinomialMixture final : public GateTest {
 public:
  static constexpr std::size_t kNodes = 32;

  struct Settings {
    double tightest_at = 50.0;  ///< events, in both arms together
    std::uint64_t min_samples = 0;
  };

  using LogE = gates::LogE;

  /// `harm` is a ratio above 0, or an absolute rate within (0, 1).
  BetaBinomialMixture(const HarmSpec& harm, const Settings& settings);

  std::string_view name() const noexcept override { return "beta_binomial_mixture"; }
  Guarantee guarantee() const noexcept override { return Guarantee::anytime; }
  Form form() const noexcept override { return Form::samples; }
  Statistic statistic() const override;
  std::size_t slots() const noexcept override;
  bool compares_arms() const noexcept override { return compares_arms_; }
  void update(std::span<double> slots, const Observation& observation) const noexcept override;
  Evidence evidence(std::span<const double> slots, const Budget& budget) const noexcept override;

  [[nodiscard]] LogE log_e(std::span<const double> slots) const noexcept;

 private:
  /// The points of theta: first those of harm, then those of safety. They depend on two settings
  /// alone; gates that leave `tightest_at` as it is have one table together.
  struct Nodes {
    std::array<double, 2 * kNodes> theta{};
    std::array<double, 2 * kNodes> log_theta{};
  };
  [[nodiscard]] static std::shared_ptr<const Nodes> make_nodes(Direction direction,
                                                               double tightest_at);
  [[nodiscard]] static std::shared_ptr<const Nodes> nodes_for(Direction direction,
                                                              double tightest_at);

  bool compares_arms_;
  double ratio_;
  double min_count_;
  std::shared_ptr<const Nodes> nodes_;  ///< for a ratio
  BetaMixture harm_, safety_;           ///< in closed form, for an absolute bound
};

[[nodiscard]] GateTestInfo beta_binomial_mixture_info();

}  // namespace gatewright
