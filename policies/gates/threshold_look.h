// What a bare threshold compares: the numbers of one window against a margin.
// Used by fixed_threshold, and by threshold curves, which ask at which margin a look would turn.
// Never counts looks and remembers nothing.
#pragma once

#include <cstdint>
#include <optional>

#include "policies/histogram.h"
#include "policies/observation.h"
#include "policies/plan.h"

namespace gatewright {

class ThresholdLook {
 public:
  /// `quantile`: the probability that histograms are read at.
  ThresholdLook(const HarmSpec& harm, std::uint64_t min_samples, double quantile) noexcept
      : harm_(harm),
        sign_(harm.direction == Direction::up ? 1.0 : -1.0),
        min_samples_(min_samples),
        quantile_(quantile) {}

  /// What one arm showed in one window: a number total / count. Totals and counts are kept apart
  /// because counts below 2^53 are exact and a quotient is not.
  struct Arm {
    double total = 0.0;
    double count = 0.0;
  };
  struct Seen {
    Arm baseline, candidate;
  };

  [[nodiscard]] bool compares_arms() const noexcept {
    return harm_.relation != HarmSpec::Relation::absolute;
  }
  /// The arms that the relation compares; without both there is no look.
  [[nodiscard]] std::optional<Seen> look_at(const Event& event) const noexcept;

  /// candidate > limit, cross-multiplied: total_c n_b > limit_total n_c with n_b = 1 where nothing
  /// is compared. Mirrored where less is harm.
  [[nodiscard]] bool is_harmful(const Seen& seen) const noexcept {
    return is_harmful_at(seen, harm_.margin);
  }

  /// The edge: the look is harmful at margin m exactly if the edge is above signed_margin(m), for
  /// metrics that are not negative. Minus infinity where no margin makes it harmful.
  [[nodiscard]] double edge(const Seen& seen) const noexcept;
  /// Margins in the order of rising severity needed: more is always less sensitive.
  [[nodiscard]] double signed_margin(double margin) const noexcept { return sign_ * margin; }

 private:
  [[nodiscard]] std::optional<Arm> arm(const Summary& summary) const noexcept;
  [[nodiscard]] std::optional<Arm> arm(const Reading& reading) const noexcept;
  [[nodiscard]] std::optional<Arm> arm(HistogramView view) const noexcept;
  [[nodiscard]] bool is_harmful_at(const Seen& seen, double margin) const noexcept;
  /// The edge, up to rounding.
  [[nodiscard]] double rough_edge(const Seen& seen) const noexcept;
  /// Whether value > base + allowance, or below where less is harm, by more than rounding.
  [[nodiscard]] bool is_beyond(double value, double base, double allowance) const noexcept;

  HarmSpec harm_;
  double sign_;
  std::uint64_t min_samples_;
  double quantile_;
};

}  // namespace gatewright
