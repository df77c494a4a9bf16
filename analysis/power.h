// What a gate can see: the smallest change that it shows with a stated power, from traffic alone.
// Used by lint and by tests of gates; reads each test's own boundary, so that it knows no test's formula.
// Never plays anything and never draws a number.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "analysis/value_law.h"
#include "policies/gates/gate_test.h"
#include "policies/gates/group_sequential_bounds.h"
#include "policies/metric.h"

namespace gatewright::analysis {

/// Events that come in bursts: how much wilder windows are than chance alone would have them.
struct Bursts {
  double share = 0.0;    ///< of the time that an arm is in one
  double lift = 1.0;     ///< the rate there, in mean rates
  double windows = 1.0;  ///< that one lasts in the mean
  bool by_arm = true;    ///< each arm has its own; else both burst at once
};

/// How an arm's own level strays for a while, which more requests do not average out: a process that
/// forgets all but 1 / e of it within `windows` of the gate's; infinite: it never does. The variance is
/// in units of the mean, of distances and indices in those of the logarithm of a factor.
struct Drift {
  double variance = 0.0;
  double windows = 1.0;
  bool by_arm = true;  ///< each arm has its own; else both share it, and it falls out between them
};

/// Bursts as a drift of a rate.
[[nodiscard]] Drift drift_of(const Bursts& bursts, double rate);

/// How the numbers that a gate is told of are spread over requests, and what a change does to them.
struct MetricLaw {
  enum class Change : std::uint8_t {
    rate,      ///< of events: binomial
    factor,    ///< multiplies value and spread: positive numbers
    shift,     ///< moves values, not their spread: scores, logarithms
    quantile,  ///< multiplies values, whose quantile is looked at; the `mean` is that quantile
    distance,  ///< multiplies values, whose distributions are held apart; the `mean` is the factor, 1
    index,     ///< the same, by the population stability index
  };
  Change change = Change::factor;
  double mean = 0.0;  ///< of the baseline
  double sd = 0.0;  ///< between requests; of events that of the rate; of quantiles: quantile_spread
  double probability = 0.0;  ///< of a quantile
  double classes = 10.0;     ///< of the index
  ValueLaw values{};         ///< of quantiles, distances and indices
  /// Of pairs of numbers: the covariance of the two answers to one prompt.
  double covariance = 0.0;
  /// Of pairs of events: the share of prompts on which both arms have it. The law is then of the events
  /// that one arm alone has; a change adds to the candidate's alone, as rare events do.
  double both = 0.0;
  std::optional<Bursts> bursts{};  ///< of events
};

/// How far apart two arms are whose values differ by this factor: a law of distances, or of indices.
[[nodiscard]] double apart_by(const MetricLaw& law, double factor);
/// The factor, above 1, that does it; nothing where none does.
[[nodiscard]] std::optional<double> factor_apart(const MetricLaw& law, double distance);

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
/// little).
[[nodiscard]] bool weighs_totals(const GateTest& test) noexcept;

/// Whether it is one of the totals at the latest of its planned looks, which share the errors evenly.
[[nodiscard]] bool weighs_totals_at_looks(const GateTest& test) noexcept;

/// Whether PowerCurve can read the test's boundary: of totals, of pairs, of quantiles and
/// distributions, of bursts.
[[nodiscard]] bool has_power_curve(const GateTest& test) noexcept;

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
///
/// Pairs: of numbers one baseline mean will do, because the spread that counts is that of the
/// candidate's number less what the baseline's moves the alarm by. Quantiles: both arms' values are
/// multiplied until the test halts; where the sample quantile then lies is binomial at the candidate,
/// and beta at the baseline. Distances: a Brownian bridge about the difference of the distributions
/// crosses the distance that halts; looks before the last count by the place where the difference is
/// largest. The index is noncentral chi-square, at the last look. Bursts: the test is shown trains of
/// bursts, and what the candidate shows is normal with the variance that bursts add.
class PowerCurve {
 public:
  /// Of the gate until the last window, or of a threshold at one look: the last window alone.
  /// The test has_power_curve(), or is a fixed_threshold of a mean or rate.
  explicit PowerCurve(const Sight& sight);

  /// The probability that a candidate of this mean is halted (a threshold: fails the look).
  [[nodiscard]] double at(double candidate_mean) const;

  /// Whether it is at least `power`; faster.
  [[nodiscard]] bool reaches(double power, double candidate_mean) const;

  /// The candidate's mean that is halted with this power, the farther the more; nothing where no
  /// mean is.
  [[nodiscard]] std::optional<double> smallest(double power) const;

  /// The share of harmless rollouts that are halted where the arms drift, if the edge of harm lay
  /// `further` away: by the crossing probability of a score whose variance is that of samples and of
  /// drift. Before the first look that could halt, 0.
  [[nodiscard]] double halted_by(const Drift& drift, double further = 0.0) const;

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
  [[nodiscard]] double drift_until(std::size_t look, const Drift& drift) const;

  /// Of a window's rates to the rates of all windows, where events come in bursts.
  struct Levels {
    double baseline = 1.0, candidate = 1.0;
  };

  [[nodiscard]] bool is_of_paired_numbers() const;
  [[nodiscard]] ArmCounts effective_until(std::size_t count) const;
  [[nodiscard]] std::vector<Node> baseline_nodes() const;
  [[nodiscard]] std::vector<Levels> burst_levels() const;
  [[nodiscard]] ArmCounts dispersion_until(std::size_t count) const;
  [[nodiscard]] double alarm_at(double baseline_mean) const;
  void show(std::span<double> slots, std::size_t window, const Means& means) const;
  [[nodiscard]] bool halts(const Means& means) const;
  [[nodiscard]] std::vector<double> harm_along(double mean) const;
  void find_looks(double alarm);
  void find_bounds(double alarm);
  [[nodiscard]] double slope_of_alarms() const;
  [[nodiscard]] double standard_error(std::size_t look, double candidate_mean, double slope) const;
  /// What a candidate of this mean shows beside none, on the scale on which it is normal.
  [[nodiscard]] double effect_of(double candidate_mean) const;
  [[nodiscard]] double beyond(double alarm, double candidate_mean) const noexcept;
  [[nodiscard]] double at_end(double candidate_mean) const noexcept;
  [[nodiscard]] double by_any_look(double at_end) const;
  /// The mean at place `t`, rising with harm: of rates within 0 and 1, of numbers -inf..inf.
  [[nodiscard]] double mean_at(double t) const noexcept;
  [[nodiscard]] double place_of(double mean) const noexcept;

  Sight sight_;
  bool one_look_;
  double merged_ = 1.0;                ///< so many of the sight's windows are one of these:
  std::vector<ArmCounts> windows_;     ///< in whole requests, until the last look
  std::vector<Levels> levels_;         ///< of the windows; empty: no bursts
  ArmCounts total_;                    ///< effective
  ArmCounts dispersion_{1.0, 1.0};     ///< variances of what the arms show, in binomial ones
  double slope_ = 0.0;                 ///< by how much the alarm moves with the baseline's mean
  std::vector<std::size_t> looks_;     ///< windows after which evidence is weighed
  gates::BoundedLooks along_;          ///< with the baseline at its mean
  std::vector<double> first_to_halt_;  ///< candidate mean, per look; NaN: none
  std::vector<Node> nodes_;
};

}  // namespace gatewright::analysis
