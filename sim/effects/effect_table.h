// How the candidate differs from the baseline at a moment: the scenario's effects as affine maps.
// Used by World for the candidate's columns, and by Impact for when harm is present; never random.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "policies/time.h"
#include "sim/arms/world_metric.h"
#include "sim/scenario.h"

namespace gatewright::sim {

/// value x multiply + shift.
struct Affine {
  double multiply = 1.0;
  double shift = 0.0;
  [[nodiscard]] constexpr double operator()(double value) const noexcept {
    return value * multiply + shift;
  }
  [[nodiscard]] constexpr bool is_identity() const noexcept {
    return multiply == 1.0 && shift == 0.0;
  }
  friend constexpr bool operator==(const Affine&, const Affine&) = default;
};

/// `first`, then `second`.
[[nodiscard]] constexpr Affine then(Affine first, Affine second) noexcept {
  return {first.multiply * second.multiply, first.shift * second.multiply + second.shift};
}

class EffectTable {
 public:
  EffectTable() = default;
  /// Every effect passed validate().
  explicit EffectTable(std::span<const Effect> effects);

  /// What the effects on `metric` do together to a request that arrives at `seconds`; effects on one
  /// metric act in the order written.
  [[nodiscard]] Affine at(WorldMetric metric, double seconds) const noexcept;

  /// Whether at(metric, .) is the same over [first, last].
  [[nodiscard]] bool is_constant(WorldMetric metric, double first, double last) const noexcept;

 private:
  struct Entry {
    double from;
    double full;  ///< when the ramp-in ends
    double multiply;
    double shift;
  };
  std::array<std::vector<Entry>, kWorldMetrics> entries_;
};

}  // namespace gatewright::sim
