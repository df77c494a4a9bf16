// What a gate can see: the smallest change that it shows with a stated power, from traffic alone.
// Used by lint and by tests of gates; reads each test's own boundary, so that it knows no test's formula.
// Never plays anything and never draws a number.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "policies/gates/gate_test.h"
#include "policies/gates/group_sequential_bounds.h"
#include "policies/metric.h"

namespace gatewright::analysis {

/// How the numbers that a gate is told of are spread over requests, and what a change does to them.
struct MetricLaw {
  enum class Change : std::uint8_t {
    rate,    ///< of events: binomial
    factor,  ///< multiplies value and spread: positive numbers
    shift,   ///< moves values, not their spread: scores, logarithms
  };
  Change change = Change::factor;
  double mean = 0.0;  ///< of the baseline
  double sd = 0.0;    ///< between requests; of events that of the rate
};

/// Requests that bear the metric.
struct ArmCounts {
  double baseline = 0.0;
  double candidate = 0.0;
};

/// What a gate has been shown at some moment: equal evidence in every window.
struct Sight {
  const GateTest* test = nullptr;
  Budget budget{};
  Direction harm = Direction::up;
  MetricLaw law{};
  std::span<const ArmCounts> windows{};  ///< from where its evidence began
};

/// Whether the evidence of a test is a function of each arm's totals (and of their order at most a
/// little), so that PowerCurve can read its boundary.
[[nodiscard]] bool weighs_totals(const GateTest& test) noexcept;

/// The power of a gate as a function of the candidate's true mean.
///
/// The boundary is read off the test: with the baseline's mean held at some value, the candidate's
/// mean at which a rollout with that mean in every window is halted, by bisection from the
/// baseline's own towards harm. To stand beyond it at the last look has a probability that is
/// binomial for events and normal for numbers, averaged over what the baseline's mean may be: every
/// count of events that matters where those are few, 32 equally likely values where they are many.
///
/// A gate that may halt at any look has halted with more than that. How much more is the crossing
/// probability of a normal score process with the test's own bounds at its looks (crossings() of
/// group_sequential_bounds.h), at the drift that stands beyond the last bound with the same
/// probability.
class PowerCurve {
 public:
  /// Of the gate until the last window, or of a threshold at one look: the last window alone.
  /// The test weighs_totals(), or is a fixed_threshold of a mean or rate.
  explicit PowerCurve(const Sight& sight);

  /// The probability that a candidate of this mean is halted (a threshold: fails the look).
  [[nodiscard]] double at(double candidate_mean) const;

  /// Whether it is at least `power`; faster.
  [[nodiscard]] bool reaches(double power, double candidate_mean) const;

  /// The candidate's mean that is halted with this power, the farther the more; nothing where no
  /// mean is.
  [[nodiscard]] std::optional<double> smallest(double power) const;

 private:
  /// One of the means that the baseline may show, and what the candidate must show then.
  struct Node {
    double weight;
    double baseline;  ///< mean
    double alarm;  ///< least candidate mean (most, where less is harm) that halts; NaN: none does
  };
  struct Means {
    double baseline, candidate;
  };

  [[nodiscard]] ArmCounts effective_until(std::size_t count) const;
  [[nodiscard]] std::vector<Node> baseline_nodes() const;
  [[nodiscard]] double alarm_at(double baseline_mean) const;
  void show(std::span<double> slots, std::size_t window, const Means& means) const;
  [[nodiscard]] bool halts(const Means& means) const;
  [[nodiscard]] std::vector<double> harm_along(double mean) const;
  void find_looks(double alarm);
  void find_bounds(double alarm);
  [[nodiscard]] double slope_of_alarms() const;
  [[nodiscard]] double standard_error(std::size_t look, double candidate_mean, double slope) const;
  [[nodiscard]] double beyond(double alarm, double candidate_mean) const noexcept;
  [[nodiscard]] double at_end(double candidate_mean) const noexcept;
  [[nodiscard]] double by_any_look(double at_end) const;
  /// The mean at place `t`, rising with harm: of rates within 0 and 1, of numbers -inf..inf.
  [[nodiscard]] double mean_at(double t) const noexcept;
  [[nodiscard]] double place_of(double mean) const noexcept;

  Sight sight_;
  bool one_look_;
  std::vector<ArmCounts> windows_;  ///< in whole requests, until the last look
  ArmCounts total_;                 ///< effective
  std::vector<std::size_t> looks_;  ///< windows after which evidence is weighed
  gates::BoundedLooks along_;       ///< with the baseline at its mean
  std::vector<Node> nodes_;
};

}  // namespace gatewright::analysis
