// Counting looks and sharing errors between them.
// Used by the tests at fixed looks.
// Never allocates after it was made.
#include "policies/gates/fixed_looks.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include "policies/gates/making.h"

namespace gatewright::gates {
namespace {

constexpr double kLeastSamples = 2.0;  // a variance needs them

}  // namespace

FixedLooksTest::FixedLooksTest(const GateSpec& gate, Statistic::Kind kind, std::string covariate)
    : kind_(kind),
      covariate_(std::move(covariate)),
      compares_arms_(gate.harm.relation != HarmSpec::Relation::absolute),
      two_sided_(parameter<std::string>(gate.test, "sides", "one") == "two"),
      looks_(parameter(gate.test, "looks", 0.0)),
      min_count_(static_cast<double>(gate.min_samples)) {}

Statistic FixedLooksTest::statistic() const {
  Statistic statistic;
  statistic.kind = kind_;
  statistic.covariate = covariate_;
  return statistic;
}

bool FixedLooksTest::is_due(std::span<const double> slots) const noexcept {
  if (looks_ > 0.0 && slots[kLooks] >= looks_) return false;
  const auto has_gathered = [&](std::size_t arm) {
    const double now = slots[kNow + arm];
    const double then = looks_ > 0.0 ? slots[kAtLook + arm] : 0.0;
    return now >= kLeastSamples && now > slots[kAtLook + arm] && now - then >= min_count_;
  };
  return has_gathered(ArmTotals::kSlots) && (!compares_arms_ || has_gathered(0));
}

void FixedLooksTest::update(std::span<double> slots,
                            const Observation& observation) const noexcept {
  const auto* samples = std::get_if<Samples>(&observation.event);
  if (samples == nullptr) return;
  add(slots.subspan(kNow), samples->baseline);
  add(slots.subspan(kNow + ArmTotals::kSlots), samples->candidate);
  const bool has_covariate = !covariate_.empty();
  if (has_covariate && samples->covariates) {
    add(slots.subspan(kCovariateNow), samples->covariates->baseline);
    add(slots.subspan(kCovariateNow + ArmTotals::kSlots), samples->covariates->candidate);
  }
  if (!is_due(slots)) return;
  slots[kLooks] += 1.0;
  std::ranges::copy(slots.subspan(kNow, 2 * ArmTotals::kSlots), slots.begin() + kAtLook);
  if (has_covariate)
    std::ranges::copy(slots.subspan(kCovariateNow, 2 * ArmTotals::kSlots),
                      slots.begin() + kCovariateAtLook);
}

FixedLooksTest::Arms FixedLooksTest::at_look(std::span<const double> slots) const noexcept {
  Arms arms{.baseline = totals(slots.subspan(kAtLook)),
            .candidate = totals(slots.subspan(kAtLook + ArmTotals::kSlots))};
  if (covariate_.empty()) return arms;
  const auto read = [](std::span<const double> sums) {
    return Covariate{.sum = sums[0], .sum_of_squares = sums[1], .sum_of_products = sums[2]};
  };
  arms.baseline.covariate = read(slots.subspan(kCovariateAtLook));
  arms.candidate.covariate = read(slots.subspan(kCovariateAtLook + ArmTotals::kSlots));
  return arms;
}

Evidence FixedLooksTest::evidence(std::span<const double> slots,
                                  const Budget& budget) const noexcept {
  if (!has_looked(slots)) return {};
  const Arms arms = at_look(slots);
  const LogP log_p = this->log_p(arms.baseline, arms.candidate);
  const double share = 1.0 / (std::max(1.0, looks_) * (two_sided_ ? 2.0 : 1.0));
  const double towards = two_sided_ ? std::min(log_p.harm, log_p.safety) : log_p.harm;
  return {.harm = share_of_p(towards, share * budget.false_alarm),
          .safety = share_of_p(log_p.safety, share * budget.missed_harm),
          .enough = true};
}

std::vector<ParameterInfo> fixed_looks_parameters() {
  return {
      {.name = "looks",
       .kind = ParameterInfo::Kind::count,
       .default_text = "0",
       .about = "looks in all, min_samples apart, which share the budget (guarantee fixed_looks); "
                "0: every window is a look at the full level (guarantee none)",
       .choices = {},
       .smallest = 0.0,
       .largest = 1e6},
      sides_parameter(),
  };
}

}  // namespace gatewright::gates
