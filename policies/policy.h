// The pluggable policy: what it wants measured, how it weighs it, what it proposes.
// Used by the engine, which disposes; a policy never sees a clock, a router or another policy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policies/decision.h"
#include "policies/finding.h"
#include "policies/metric.h"
#include "policies/observation.h"
#include "policies/time.h"

namespace gatewright {

/// In which form a probe's evidence is told: Samples, Distributions or Readings.
enum class Form : std::uint8_t { samples, distributions, readings };

/// Which sample quantile is meant. The definition is part of the policy: it alone moves a gate's
/// trigger rate. Types after Hyndman and Fan, The American Statistician 50 (1996) 361.
enum class QuantileDefinition : std::uint8_t {
  linear,              ///< type 7: interpolation at (n - 1) p
  nearest_rank,        ///< type 1: the ceil(n p)-th smallest
  histogram_quantile,  ///< as a metrics store interpolates within explicit buckets
};

/// What number a probe asks for.
struct Statistic {
  enum class Kind : std::uint8_t { mean, mean_log, rate, quantile };
  Kind kind = Kind::mean;
  double probability = 0.0;  ///< of a quantile, in (0, 1)
  QuantileDefinition definition = QuantileDefinition::linear;
  std::vector<double> buckets{};  ///< upper bounds, rising; for histogram_quantile only
  /// Of both arms' answers to the same mirrored requests, with the sum of their products.
  bool pairs = false;
  /// A metric whose number is summed beside: on requests where both are defined, and of mean_log its
  /// logarithm. Empty: none.
  std::string covariate{};
  friend bool operator==(const Statistic&, const Statistic&) = default;
};

/// The metric of a probe that counts units of the assignment instead of requests (MetricInfo knows
/// none of that name, so no gate can have it). Its windows are Samples whose counts are the units
/// that were first seen in that window since the exposure last changed, at the arm that the router
/// assigned them to; sums are 0. A unit is what is assigned: a user, a session, a tenant, or each
/// request; where blocks of time go one way, a user. Units that a list assigns are left out. A driver
/// may leave such a probe unanswered.
inline constexpr std::string_view kAssignedUnits = "units";

/// What a policy wants measured; the driver, real or simulated, supplies exactly this: for every
/// `every` (after `initial_delay` from the start of the rollout) one window of length `window`,
/// numbered from 0, in order. mean_log: Summary over ln(x).
struct Probe {
  std::string metric;
  std::string segment{};  ///< only requests of users of this segment; empty: of all
  Form form = Form::samples;
  Statistic statistic{};
  Duration window{};
  Duration every{};
  Duration initial_delay{};
  friend bool operator==(const Probe&, const Probe&) = default;
};

/// A stage as the engine knows it.
struct Stage {
  std::string name;
  Exposure exposure;
};

/// What a policy remembers: doubles in slots that the engine allocates once, at compile.
using PolicyMemory = std::span<double>;
using ConstPolicyMemory = std::span<const double>;

/// What the engine knows when it asks for a proposal.
struct RolloutView {
  Instant at{};
  Instant started_at{};
  Instant stage_entered_at{};  ///< when the stage became the target
  Instant dwelling_since =
      kNever;  ///< when the router confirmed the stage's exposure; kNever: not yet
  StageIndex stage{};
  Exposure target{};
  Exposure applied{};
  bool exposure_confirmed = false;
  bool paused = false;
  bool approved = false;  ///< an operator approved this stage
};

/// What a policy proposes. The engine disposes: it moves only to the next stage, only after the
/// present exposure is confirmed, never while paused, never after the end.
struct Proposal {
  Action action = Action::hold;
  Cause cause = Cause::none;
  Instant wake_at = kNever;  ///< when the policy wants to be asked again
  ProbeMask measure = 0;
  GateMask failing = 0, undecided = 0, silent = 0;
};

class Policy {
 public:
  Policy() = default;
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;
  virtual ~Policy() = default;

  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  /// At least one and at most kStagesMax; the engine starts in the first and moves one at a time.
  [[nodiscard]] virtual std::span<const Stage> stages() const noexcept = 0;
  /// At most kGatesMax.
  [[nodiscard]] virtual std::span<const Probe> probes() const noexcept = 0;
  /// Names of gates, for masks in decisions; bit i of a mask is gate i.
  [[nodiscard]] virtual std::span<const std::string> gate_names() const noexcept = 0;
  /// The gates that can halt the rollout; the others advise.
  [[nodiscard]] virtual GateMask protective_gates() const noexcept { return ~GateMask{}; }
  /// Exposure after a halt in the given stage: zero for rollback, the stage's own for freeze.
  [[nodiscard]] virtual Exposure exposure_after_halt(StageIndex stage) const noexcept = 0;
  [[nodiscard]] virtual std::size_t slots() const noexcept = 0;
  /// Fills fresh memory; slots() doubles, zeroed before.
  virtual void initialise(PolicyMemory memory, Instant started_at) const noexcept = 0;
  /// Takes in one admitted observation.
  virtual void observe(PolicyMemory memory, const RolloutView& view,
                       const Observation& observation) const noexcept = 0;
  /// Called once after the engine moved to view.stage.
  virtual void enter_stage(PolicyMemory memory, const RolloutView& view) const noexcept = 0;
  [[nodiscard]] virtual Proposal propose(ConstPolicyMemory memory,
                                         const RolloutView& view) const noexcept = 0;
  /// For reports: the harm evidence of gate `gate` now (1 decides), NaN where it has none.
  [[nodiscard]] virtual double harm(ConstPolicyMemory memory, std::size_t gate) const noexcept = 0;
  /// For reports: what gate `gate`, if it is an A/B test, has found so far.
  [[nodiscard]] virtual Finding finding(ConstPolicyMemory, std::size_t) const noexcept {
    return Finding::none;
  }
};

/// The names of a mask's gates in the order in which they count: those that halt, then those that
/// advise, each in the policy's order. The first is what a halt is put down to.
[[nodiscard]] std::vector<std::string_view> names_by_weight(const Policy& policy, GateMask gates);

}  // namespace gatewright
