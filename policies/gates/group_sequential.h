// Group-sequential comparison of means and rates: a few planned looks, each with its bound.
// Used through the catalogue; bounds are computed in prepare(), when the budget is known.
// Never looks between two planned looks.
#pragma once

#include <vector>

#include "policies/gates/gate_test.h"
#include "policies/gates/group_sequential_bounds.h"
#include "policies/gates/normal_mixture.h"
#include "policies/gates/planned_looks.h"

namespace gatewright {

/// The gate test.
///
/// The score is normal_mixture's: differences of means window by window, so that drifting levels
/// and shares cancel. Information is its variance, counted in samples per arm; Z = score / root of
/// the variance has the canonical joint law (Jennison and Turnbull, Group Sequential Methods (2000),
/// chapter 3), which is all that the bounds assume. The look due at some information is taken at
/// the first window that reaches it, and weighed against the bound of its planned fraction.
///
/// Harm: Z at or above the bound of a one-sided design that spends the false-alarm budget at the
/// edge of harm. Safety, and so futility of looking on: -Z at or above the bound of the same design
/// for the missed-harm budget. The harm bounds do not count on stopping for safety (non-binding
/// futility), so they hold whether the ramp stops looking or not.
class GroupSequential final : public GateTest {
 public:
  struct Settings {
    gates::SpendingRule rule = gates::SpendingRule::spend_obrien_fleming;
    double gamma = -4.0;
    NormalMixture::Settings difference{};
  };

  GroupSequential(const HarmSpec& harm, const Settings& settings, gates::PlannedLooks looks);

  void prepare(const Budget& budget) override;
  std::string_view name() const noexcept override { return "group_sequential"; }
  Guarantee guarantee() const noexcept override { return Guarantee::fixed_looks; }
  Form form() const noexcept override { return Form::samples; }
  Statistic statistic() const override { return score_.statistic(); }
  std::size_t slots() const noexcept override;
  bool compares_arms() const noexcept override { return score_.compares_arms(); }
  void update(std::span<double> slots, const Observation& observation) const noexcept override;
  Evidence evidence(std::span<const double> slots, const Budget& budget) const noexcept override;

  [[nodiscard]] const std::vector<double>& harm_bounds() const noexcept { return harm_bounds_; }
  [[nodiscard]] const std::vector<double>& safety_bounds() const noexcept { return safety_bounds_; }

 private:
  gates::SpendingRule rule_;
  double gamma_;
  NormalMixture score_;
  gates::PlannedLooks looks_;
  std::vector<double> harm_bounds_, safety_bounds_;
};

[[nodiscard]] GateTestInfo group_sequential_info();

}  // namespace gatewright
