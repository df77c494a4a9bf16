// Anytime-valid comparison of a quantile: one arm with a level, or two arms with each other.
// Used through the catalogue; the e-values are open for tests and documentation.
// Never assumes a shape of the distributions, and never lets the histogram's grid help a verdict.
#pragma once

#include "policies/gates/beta_binomial_mixture.h"
#include "policies/gates/gate_test.h"
#include "policies/gates/log_e.h"
#include "policies/gates/quantile_places.h"

namespace gatewright {

/// The gate test. Howard and Ramdas, "Sequential estimation of quantiles with applications to A/B
/// testing and best-arm identification", Bernoulli 28 (2022) 1704, sections 3 and 5.
///
/// One arm against a level m: values at or below m are coins. If the p-quantile is at most m, their
/// probability is at least p; BetaMixture weighs how few there are.
///
/// Two arms: harm is that the candidate's p-quantile lies above phi(q), q being the baseline's and
/// phi(x) = ratio x or x + difference. If it does not, then at x = q the candidate's values up to
/// phi(x) have probability at least p and the baseline's below x at most p; the arms being
/// independent, the product of the two mixtures has mean at most 1 there. q is unknown, so the
/// e-value is the least product over all x: below a process of mean at most 1, whatever the
/// distributions are, at any time.
///
/// The grid: x runs over the bins, and each count takes the side that weakens the evidence for any
/// x and any values within the bins. That costs at most two bins (1.6%) of the ratio, in safety's
/// favour as well as in harm's.
///
/// The arms' distributions may change while both get the same shares of the traffic. If they change
/// while the shares do too (a ramp over the day), each arm has seen another mixture of hours; use
/// `evidence: stage`, under which shares are constant.
class QuantileSequence final : public GateTest {
 public:
  struct Settings {
    double tightest_at = 2000.0;  ///< samples of an arm
    std::uint64_t min_samples = 0;
  };

  using LogE = gates::LogE;

  QuantileSequence(const HarmSpec& harm, const Settings& settings);

  std::string_view name() const noexcept override { return "quantile_sequence"; }
  Guarantee guarantee() const noexcept override { return Guarantee::anytime; }
  Form form() const noexcept override { return Form::distributions; }
  Statistic statistic() const override;
  std::size_t slots() const noexcept override;
  bool compares_arms() const noexcept override { return compares_arms_; }
  void update(std::span<double> slots, const Observation& observation) const noexcept override;
  Evidence evidence(std::span<const double> slots, const Budget& budget) const noexcept override;

  [[nodiscard]] LogE log_e(std::span<const double> slots) const noexcept;

 private:
  [[nodiscard]] double log_e_above(std::span<const double> slots) const noexcept;
  [[nodiscard]] double log_e_below(std::span<const double> slots) const noexcept;

  double probability_;
  bool compares_arms_;
  bool up_;
  double min_count_;
  BetaMixture few_, many_;  ///< values below a place: fewer, or more, than the probability says
  gates::QuantilePlaces places_;
};

[[nodiscard]] GateTestInfo quantile_sequence_info();

}  // namespace gatewright
