// The running maximum of each gate's evidence over one rollout, from which the halting time of every
// threshold follows at once.
// Used by run_many(), which shows it each step of a driver; never changes what it looks at.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "policies/engine.h"
#include "policies/gates/counting_rule.h"
#include "policies/gates/threshold_look.h"
#include "policies/plan.h"
#include "sim/run.h"

namespace gatewright::sim {

/// What a gate's evidence is compared with. For fixed_threshold the margin: the edge of a look is the
/// margin at which it would just not fail, and the evidence is the m-th largest edge of those looks
/// that the counting rule minds, which is the margin at which the rule would just not be fulfilled.
/// For all other tests 1: their evidence is the share of what is needed.
enum class ThresholdKind : std::uint8_t { evidence, margin };
[[nodiscard]] ThresholdKind threshold_kind(const GateSpec& gate) noexcept;

/// The m-th largest of the looks that a counting rule minds.
class CountedEdges {
 public:
  explicit CountedEdges(CountingRule rule) : rule_(rule) {}
  void clear() noexcept { edges_.clear(); }
  /// Takes in a look; minus infinity while there are fewer than m.
  [[nodiscard]] double add(double edge);

 private:
  CountingRule rule_;
  std::deque<double> edges_;     ///< in order of time; cumulative: the m largest, falling
  std::vector<double> scratch_;  ///< for selecting
};

class ThresholdRecorder {
 public:
  /// The contender outlives the recorder, has a plan, and was compiled with watching gates.
  explicit ThresholdRecorder(const Contender& contender);

  /// A new rollout.
  void start();
  /// Before a step; `measured`: what the decision before wanted.
  void remember(const RolloutState& state, ProbeMask measured);
  /// After it.
  void look(const Observation& observation, const Decision& decision, const RolloutState& after,
            std::optional<Duration> detection_delay);

  /// Per gate.
  [[nodiscard]] const std::vector<std::vector<Rise>>& rises() const noexcept { return rises_; }

 private:
  struct Margin {
    ThresholdLook look;
    CountedEdges edges;
  };
  /// The evidence of a gate with the threshold 1; NaN where it has none.
  [[nodiscard]] double evidence(std::size_t gate, const Observation& observation,
                                const Decision& decision, const RolloutState& after);

  const Engine& engine_;
  std::vector<GateSpec> gates_;
  std::vector<std::optional<Margin>> margins_;  ///< per gate, where its threshold is a margin
  bool any_forgets_ = false;                    ///< a gate whose evidence ends with its stage
  std::vector<std::vector<Rise>> rises_;
  ProbeMask measured_ = 0;
  StageIndex stage_{};
  RolloutState before_;
  bool was_weighed_ = false;  ///< before_ is the state as the engine judged it, before it moved
};

}  // namespace gatewright::sim
