// The standing check of the staged policy: units reach the arms in the shares that were asked for.
// Used by the staged policy, in its memory; compile says how often it looks and what it may spend.
// Never holds a rollout: it halts one, or has nothing to say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "policies/exposure.h"
#include "policies/gates/sequential_multinomial.h"
#include "policies/observation.h"
#include "policies/plan.h"
#include "policies/policy.h"

namespace gatewright {

/// Its name among the gates.
inline constexpr std::string_view kSampleRatio = "sample_ratio";

/// The share of healthy rollouts that the plan's check may halt.
[[nodiscard]] double false_alarm_of(const SampleRatioSpec& spec,
                                    const std::optional<double>& budget) noexcept;

/// The Bayes factor of gates/sequential_multinomial.h on units first seen while one exposure stands
/// still. Within such a spell the arms of different units are independent. From spell to spell they
/// are not: a sticky unit keeps its rank, so factors may not be multiplied. Instead spell k has its
/// own share of the error, 1 / (k (k + 1)), which sums to 1 however often a router changes its mind.
class SampleRatioGuard {
 public:
  static constexpr std::size_t kSlots = 5;

  /// `stages` as the plan has them; `every` is above 0, `false_alarm` in (0, 1).
  SampleRatioGuard(std::span<const Exposure> stages, Duration every, double false_alarm);

  [[nodiscard]] const Probe& probe() const noexcept { return probe_; }
  /// Whether units are split in the stage.
  [[nodiscard]] bool watches(StageIndex stage) const noexcept {
    return tests_[static_cast<std::size_t>(stage)].has_value();
  }
  /// Takes in a window that lies wholly within the spell of a watched stage's exposure that began at
  /// `spell_since`, in nanoseconds since the rollout's start.
  void observe(std::span<double, kSlots> slots, StageIndex stage, double spell_since,
               const Samples& units) const noexcept;
  /// The exposure changes: what was counted stands for one that is over.
  static void rest(std::span<double, kSlots> slots) noexcept;
  /// Evidence of a mismatch as a share of what is needed, 1 decides; NaN before the first unit.
  [[nodiscard]] static double harm(std::span<const double, kSlots> slots) noexcept;

 private:
  std::vector<std::optional<gates::SequentialMultinomial>> tests_;  ///< per stage
  double false_alarm_;
  Probe probe_;
};

}  // namespace gatewright
