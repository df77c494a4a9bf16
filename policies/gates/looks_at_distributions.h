// The frame of tests that weigh both arms' distributions at planned looks.
// Used by ks, psi and order_statistic: each adds the two p-values of one look.
// Never weighs anything between looks; each look spends an equal part of the error.
#pragma once

#include <cmath>
#include <utility>

#include "policies/gates/cumulative_counts.h"
#include "policies/gates/numerics.h"
#include "policies/gates/planned_looks.h"

namespace gatewright::gates {

/// Logarithms of the p-values of one look: of no harm, and of harm.
struct LookPValues {
  double no_harm = 0.0, harm = 0.0;
};

class LooksAtDistributions : public GateTest {
 public:
  LooksAtDistributions(PlannedLooks looks, bool compares_arms)
      : looks_(std::move(looks)), compares_arms_(compares_arms) {}

  [[nodiscard]] Guarantee guarantee() const noexcept final { return Guarantee::fixed_looks; }
  [[nodiscard]] Form form() const noexcept final { return Form::distributions; }
  [[nodiscard]] std::size_t slots() const noexcept final {
    return kCountsFrom + (compares_arms_ ? 2 : 1) * kCumulativeSlots;
  }
  [[nodiscard]] bool compares_arms() const noexcept final { return compares_arms_; }

  void update(std::span<double> slots, const Observation& observation) const noexcept final {
    const auto counts = slots.subspan(kCountsFrom);
    if (!add_window(counts, observation, compares_arms_)) return;
    double samples = total(candidate_counts(counts));
    if (compares_arms_)
      samples = samples_per_arm({.candidate = samples, .baseline = total(baseline_counts(counts))});
    const double due = static_cast<double>(looks_.due(samples));
    if (due <= slots[kTaken]) return;
    const LookPValues log_p = look(counts);
    slots[kTaken] = due;
    slots[kNoHarm] = log_p.no_harm;
    slots[kHarm] = log_p.harm;
  }

  /// The union bound over looks (Bonferroni): each has the error divided by their number.
  [[nodiscard]] Evidence evidence(std::span<const double> slots,
                                  const Budget& budget) const noexcept final {
    const double looks = static_cast<double>(looks_.count());
    return {.harm = as_share(slots[kNoHarm] / std::log(budget.false_alarm / looks)),
            .safety = as_share(slots[kHarm] / std::log(budget.missed_harm / looks)),
            .enough = slots[kTaken] > 0.0};
  }

 private:
  enum Slot : std::size_t { kTaken, kNoHarm, kHarm, kCountsFrom };

  /// `counts`: slots as in cumulative_counts.h, each arm compared with at least one value.
  [[nodiscard]] virtual LookPValues look(std::span<const double> counts) const noexcept = 0;

  PlannedLooks looks_;
  bool compares_arms_;
};

}  // namespace gatewright::gates
