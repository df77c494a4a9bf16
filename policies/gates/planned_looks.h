// Looks that are planned before the rollout begins: how many, and after how many samples each.
// Used by gate tests whose guarantee is fixed_looks.
// Never looks between two planned looks, nor after the last one.
#pragma once

#include <vector>

#include "policies/gates/gate_test.h"

namespace gatewright::gates {

class PlannedLooks {
 public:
  /// `fractions` rise to 1; the last look is due at `samples` per arm.
  PlannedLooks(std::vector<double> fractions, double samples);

  [[nodiscard]] std::size_t count() const noexcept { return fractions_.size(); }
  [[nodiscard]] const std::vector<double>& fractions() const noexcept { return fractions_; }
  /// How many looks are due once there are so many samples per arm.
  [[nodiscard]] std::size_t due(double samples) const noexcept;

 private:
  std::vector<double> fractions_;
  double samples_;
};

/// Of the parameters `looks`, `samples` and `at`; reports what is wrong with them.
[[nodiscard]] PlannedLooks planned_looks(const GateSpec& gate, Diagnostics& diagnostics);
/// Those parameters' lines in a catalogue entry, and `more`.
[[nodiscard]] std::vector<ParameterInfo> with_planned_looks(std::vector<ParameterInfo> more);

struct ArmCounts {
  double candidate = 0.0, baseline = 0.0;
};
/// Samples per arm that weigh as much as these: the harmonic mean of the arms.
[[nodiscard]] inline double samples_per_arm(const ArmCounts& counts) noexcept {
  const auto [c, b] = counts;
  return c > 0.0 && b > 0.0 ? 2.0 * c * (b / (c + b)) : 0.0;
}

}  // namespace gatewright::gates
