// A gate within a noise floor: what deployments of one model differ by is neither harm nor safety.
// Used by compile, for any gate test with a promise; the arithmetic is open for lint and tests.
// Never looks at samples: no number of them says how two deployments differ.
#pragma once

#include <memory>

#include "policies/gates/gate_test.h"
#include "policies/plan.h"

namespace gatewright::gates {

/// How far apart the values that a gate compares may lie for no reason: an amount of the metric's unit,
/// or of its logarithm where the margin is a ratio. At a bound, its size, and never more. With a
/// standard deviation, the distance that a harmless deployment exceeds with probability `error`: each
/// arm that is compared draws once per deployment, normally, so that is sd z(1 - error), times sqrt(2)
/// where there are two.
[[nodiscard]] double reach(const NoiseFloor& floor, const HarmSpec& harm, double error) noexcept;

/// The edge moved by `distance` away from the baseline, or towards it where that is negative.
[[nodiscard]] HarmSpec moved(const HarmSpec& harm, double distance) noexcept;

/// Whether a candidate equal to the baseline lies on the harmless side of the edge.
[[nodiscard]] bool tolerates_no_change(const HarmSpec& harm) noexcept;

/// What is left for the tests of a gate's errors: half, where the floor takes the other half to be
/// exceeded. By the union bound the gate then errs with at most the whole.
[[nodiscard]] Budget left_by(const NoiseFloor& floor, const Budget& budget) noexcept;

/// Two copies of one test: the one whose edge lies beyond the floor speaks of harm, the one whose edge
/// lies within it speaks of safety.
class WithinNoise final : public GateTest {
 public:
  struct Tests {
    std::unique_ptr<GateTest> harm, safety;
  };
  explicit WithinNoise(Tests tests) noexcept;

  void prepare(const Budget& budget) override;
  std::string_view name() const noexcept override { return tests_.harm->name(); }
  Guarantee guarantee() const noexcept override { return tests_.harm->guarantee(); }
  Form form() const noexcept override { return tests_.harm->form(); }
  Statistic statistic() const override { return tests_.harm->statistic(); }
  std::size_t slots() const noexcept override;
  bool compares_arms() const noexcept override { return tests_.harm->compares_arms(); }
  void update(std::span<double> slots, const Observation& observation) const noexcept override;
  Evidence evidence(std::span<const double> slots, const Budget& budget) const noexcept override;

 private:
  Tests tests_;
  std::size_t harm_slots_;
};

}  // namespace gatewright::gates
