// Asymptotic confidence sequences on totals, as GrowthBook's sequential tests compute them.
// Used through the catalogue; the log e-values are open for tests and documentation.
// Never corrects for a changing exposure: in a ramp give it `evidence: stage`.
#pragma once

#include "policies/gates/gate_test.h"
#include "policies/gates/totals.h"

namespace gatewright {

/// An estimate of what should not be beyond 0, its variance, and the samples behind it.
struct Estimate {
  double value = 0.0;
  double variance = 0.0;
  double count = 0.0;
};

/// The mixing parameter at which the two-sided sequence is tightest after `count` samples:
/// rho^2 = (-2 ln alpha + ln(1 - 2 ln alpha)) / count. Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas,
/// Annals of Statistics 52 (2024) 2613 (arXiv 2103.06476), appendix B.2.
[[nodiscard]] double asymptotic_rho(double count, double alpha) noexcept;

/// ln of the e-value whose 1 / alpha bounds the two-sided sequence (same paper, theorem 2.2, eq. 9):
/// exp(q) / sqrt(1 + n rho^2) with q = z^2 n rho^2 / (2 (1 + n rho^2)).
[[nodiscard]] double log_two_sided_asymptotic(const Estimate& estimate, double rho) noexcept;

/// The same for values above 0 (appendix B.1): 2 (exp(q) - 1) / sqrt(1 + n rho^2), which is below
/// the mixture over the positive half; -infinity for an estimate that is not above 0.
[[nodiscard]] double log_one_sided_asymptotic(const Estimate& estimate, double rho) noexcept;

/// The gate test: the difference of means less the margin, or the lift mean_c / mean_b - margin by
/// the delta method, with n the requests of both arms. One-sided sequences are tuned at 2 alpha, as
/// GrowthBook does.
///
/// Of events, nothing is said before each arm's count has a variance of 100 at the edge (about 100
/// events where they are rare): GrowthBook has no such rule, and needs one.
///
/// The guarantee is asymptotic, and supposes that the share of each arm and what distinguishes them
/// stay as they are while evidence is gathered: then value / variance is a Gaussian random walk.
/// normal_mixture supposes neither.
class AsymptoticSequence final : public GateTest {
 public:
  struct Settings {
    bool is_event = false;
    bool two_sided = false;
    double tightest_at = 5000.0;  ///< requests, both arms together
    std::uint64_t min_samples = 0;
  };

  AsymptoticSequence(const HarmSpec& harm, const Settings& settings);

  std::string_view name() const noexcept override { return "asymptotic_sequence"; }
  Guarantee guarantee() const noexcept override { return Guarantee::anytime; }
  Form form() const noexcept override { return Form::samples; }
  Statistic statistic() const override;
  std::size_t slots() const noexcept override;
  bool compares_arms() const noexcept override {
    return harm_.relation != HarmSpec::Relation::absolute;
  }
  void update(std::span<double> slots, const Observation& observation) const noexcept override;
  Evidence evidence(std::span<const double> slots, const Budget& budget) const noexcept override;

  /// Towards harm; count 0 where there is not enough.
  [[nodiscard]] Estimate estimate(std::span<const double> slots) const noexcept;

 private:
  [[nodiscard]] bool has_enough_events(const gates::ArmTotals& baseline,
                                       const gates::ArmTotals& candidate) const noexcept;
  [[nodiscard]] double share(const Estimate& estimate, double error) const noexcept;

  HarmSpec harm_;
  bool is_event_;
  bool two_sided_;
  double sign_;
  double tightest_at_;
  double min_count_;
};

[[nodiscard]] GateTestInfo asymptotic_sequence_info();

}  // namespace gatewright
