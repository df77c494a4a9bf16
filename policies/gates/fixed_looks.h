// Tests of totals at a stated number of looks: when a look is due, and what it may spend.
// Used by welch_t, two_proportion_z and wilson, which supply the p-value of one look.
// Never looks more often than stated: what comes after the last look changes nothing.
#pragma once

#include <string>

#include "policies/gates/gate_test.h"
#include "policies/gates/totals.h"

namespace gatewright::gates {

/// With `looks` = K the totals are looked at K times, each time when every compared arm has gathered
/// min_samples more than at the look before (min_samples 0: at every window), and each look spends
/// 1 / K of the gate's errors (Bonferroni), so that the K looks together keep them: guarantee
/// fixed_looks. Between looks, and after the last, the evidence is that of the latest look.
///
/// Without `looks` every window is a look at the full level, whose false alarms add up (Armitage,
/// McPherson, Rowe, JRSS A 132 (1969) 235): guarantee none.
class FixedLooksTest : public GateTest {
 public:
  /// ln of the probabilities, at the edge, of what lies at least as far towards harm, and towards
  /// safety, as what was seen.
  struct LogP {
    double harm = 0.0;
    double safety = 0.0;
  };

  Guarantee guarantee() const noexcept final {
    return looks_ > 0.0 ? Guarantee::fixed_looks : Guarantee::none;
  }
  Form form() const noexcept final { return Form::samples; }
  Statistic statistic() const final;
  std::size_t slots() const noexcept final {
    return covariate_.empty() ? kSlots : kSlotsWithCovariate;
  }
  bool compares_arms() const noexcept final { return compares_arms_; }
  void update(std::span<double> slots, const Observation& observation) const noexcept final;
  Evidence evidence(std::span<const double> slots, const Budget& budget) const noexcept final;

 protected:
  /// `covariate`: a metric to be summed beside; empty: none.
  FixedLooksTest(const GateSpec& gate, Statistic::Kind kind, std::string covariate = {});

  /// The two arms' totals at the latest look.
  struct Arms {
    ArmTotals baseline, candidate;
  };
  [[nodiscard]] static bool has_looked(std::span<const double> slots) noexcept {
    return slots[kLooks] > 0.0;
  }
  [[nodiscard]] Arms at_look(std::span<const double> slots) const noexcept;

 private:
  /// Asked only with two samples or more of each compared arm.
  [[nodiscard]] virtual LogP log_p(const ArmTotals& baseline,
                                   const ArmTotals& candidate) const noexcept = 0;
  [[nodiscard]] bool is_due(std::span<const double> slots) const noexcept;

  enum Slot : std::size_t {
    kLooks,
    kNow,  ///< baseline, candidate
    kAtLook = kNow + 2 * ArmTotals::kSlots,
    kSlots = kAtLook + 2 * ArmTotals::kSlots,
    kCovariateNow = kSlots,  ///< likewise, in as many slots each
    kCovariateAtLook = kCovariateNow + 2 * ArmTotals::kSlots,
    kSlotsWithCovariate = kCovariateAtLook + 2 * ArmTotals::kSlots,
  };

  Statistic::Kind kind_;
  std::string covariate_;
  bool compares_arms_;
  bool two_sided_;
  double looks_;      ///< 0: every window
  double min_count_;  ///< of each compared arm, between looks; without `looks`, in all
};

/// `looks` and `sides`, as the three tests describe them to the catalogue.
[[nodiscard]] std::vector<ParameterInfo> fixed_looks_parameters();

}  // namespace gatewright::gates
