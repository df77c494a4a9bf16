// A rollout plan as plain data: stages, gates, budget. What people write, before it is compiled.
// Used by loaders, compile() and lint; holds no behaviour and is not validated until compile().
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "policies/metric.h"
#include "policies/policy.h"
#include "policies/time.h"

namespace gatewright {

enum class WhenHalted : std::uint8_t { rollback, freeze };
enum class AdvanceWhen : std::uint8_t {
  no_harm_shown,
  safety_shown,
  winner,  ///< the stage's A/B test finds that the candidate wins
};
enum class AssignmentUnit : std::uint8_t { user, request, session, tenant, time };
enum class AssignmentHash : std::uint8_t { md5, murmur3, fnv1a };

/// Who is served by the candidate: by hash rank of the unit; sticky when the unit is the user. By time,
/// all requests of a block go one way, as behind a cache that keeps an answer for so long: the arms'
/// requests then come in unlike numbers and at unlike times.
struct Assignment {
  AssignmentUnit by = AssignmentUnit::user;
  AssignmentHash hash = AssignmentHash::md5;
  Duration block = std::chrono::minutes(10);  ///< of assignment by time
  std::vector<std::uint32_t> allow{};         ///< users served as soon as anybody is
  std::vector<std::uint32_t> deny{};          ///< users never served; wins over `allow`
  friend bool operator==(const Assignment&, const Assignment&) = default;
};

/// How the size of an A/B test follows from its errors: two rates by the normal approximation with a
/// pooled variance under no difference, or by Cohen's h (arcsines).
enum class SampleSizeBy : std::uint8_t { classical, arcsine };

/// An A/B test that a stage plays to its end. Its size is known before; what it found is said after.
struct AbSpec {
  std::string metric{};
  double alpha = 0.05;             ///< two-sided error of calling a winner, in (0, 1)
  double power = 0.8;              ///< of seeing a difference of min_effect, in (0, 1)
  double min_effect = 0.0;         ///< least difference that matters, above 0, in the metric's unit
  std::optional<double> rate{};    ///< of events: what the baseline's is expected to be, in (0, 1)
  std::optional<double> spread{};  ///< of numbers: their standard deviation, above 0
  SampleSizeBy sample_size = SampleSizeBy::classical;
  /// Each has the same test of its own beside that of all users; they share alpha evenly, and each
  /// needs the whole sample.
  std::vector<std::string> segments{};
  friend bool operator==(const AbSpec&, const AbSpec&) = default;
};

struct StageSpec {
  std::string name;
  double served = 0.0;       ///< share of traffic, 0..1, whole basis points (key `exposure`)
  double mirrored = 0.0;     ///< share of traffic, 0..1
  double interleaved = 0.0;  ///< share of traffic, 0..1, answered by both arms in one list
  Duration dwell{};
  std::optional<Duration> timeout{};  ///< default: ten dwells, at least 24 h
  /// Candidate requests in this stage before advancing, as counted by the gate that saw most of them.
  std::uint64_t min_samples = 0;
  bool approval = false;  ///< wait for an operator's approve before leaving the stage
  /// At most this share of healthy rollouts is halted in this stage; default: the rollout's budget.
  std::optional<double> false_alarm_budget{};
  std::optional<AdvanceWhen> advance_when{};  ///< overrides the ramp's
  std::optional<AbSpec> ab{};                 ///< the stage is not left before its test is over
};

/// What counts as harm: beyond `margin` the candidate is harmful.
struct HarmSpec {
  enum class Kind : std::uint8_t {
    mean,  ///< a rate is the mean of an event metric
    quantile,
    distribution,  ///< a distance between the arms' distributions: `relation` is difference
  };
  enum class Relation : std::uint8_t {
    ratio,       ///< candidate against margin x baseline
    difference,  ///< candidate against baseline + margin, in the metric's unit
    absolute,    ///< candidate against margin, in the metric's unit
  };
  Kind kind = Kind::mean;
  double probability = 0.0;  ///< of a quantile
  Relation relation = Relation::ratio;
  Direction direction = Direction::up;  ///< up: above is harm
  double margin = 1.0;
};

/// What deployments of one model differ by, beyond what samples differ by: more traffic never averages
/// it out. In the margin's terms: a share of the value where the margin is a ratio (0.03 is 3%), an
/// amount of the metric's unit elsewhere.
struct NoiseFloor {
  enum class Kind : std::uint8_t {
    bound,  ///< for no reason the compared values never differ by more
    sd,  ///< of one arm's normal draw per deployment; of its logarithm where the margin is a ratio
  };
  Kind kind = Kind::bound;
  double size = 0.0;  ///< 0: none
  friend bool operator==(const NoiseFloor&, const NoiseFloor&) = default;
};

/// The value of a gate test's parameter, typed by the catalogue's entry for it.
using TestValue = std::variant<bool, double, Duration, std::string, std::vector<double>>;

struct TestSpec {
  std::string name = "fixed_threshold";
  std::map<std::string, TestValue>
      parameters{};  ///< only those written; defaults are the catalogue's
};

enum class GateRole : std::uint8_t {
  protective,  ///< halts when it fails
  advisory,    ///< never halts; but while it is silent or faulty the rollout holds all the same
};
enum class EvidenceSpan : std::uint8_t { rollout, stage };

struct GateSpec {
  std::string name;
  std::string metric{};
  std::string segment{};  ///< only requests of users of this segment; empty: of all
  HarmSpec harm{};
  TestSpec test{};
  NoiseFloor noise_floor{};  ///< widens the edge of harm, narrows the edge of safety
  GateRole role = GateRole::protective;
  Duration every{};                  ///< between looks; 0: the plan's
  std::optional<Duration> window{};  ///< of one look; default: `every`
  Duration initial_delay{};          ///< from the start of the rollout
  std::optional<Duration>
      silence{};  ///< default: three times the longer of window and every, at least 10 min
  std::uint64_t min_samples =
      0;                      ///< per arm and look (cumulative tests: in all), below it no evidence
  double budget_share = 1.0;  ///< relative weight in the split of the budget
  EvidenceSpan evidence = EvidenceSpan::rollout;  ///< whether evidence survives a stage change
  std::string advice{};  ///< what to do where this gate is why a rollout went no further
};

/// The standing check that units of the assignment reach the arms in the shares that were asked for
/// (sample ratio mismatch). It halts the rollout as a gate of the name `sample_ratio` would, and never
/// holds one: a driver that does not count units (see kAssignedUnits in policy.h) leaves it mute.
struct SampleRatioSpec {
  /// Share of healthy rollouts that it may halt, out of the plan's budget. Default: a fiftieth of the
  /// budget; 0.1% where the plan has none.
  std::optional<double> false_alarm{};
  friend bool operator==(const SampleRatioSpec&, const SampleRatioSpec&) = default;
};

/// A gate that adds up what several gates' metrics have used of their margins: a rise of the cost by
/// 15% where 20% are tolerated uses 0.75 of a margin. A change for the better uses none, and pays for
/// none.
struct CombinedGateSpec {
  std::string name;
  std::vector<std::string> gates{};  ///< at least two of the plan's
  double margins_used = 1.0;         ///< beyond it, in sum, the candidate is harmful; above 0
  GateRole role = GateRole::protective;
  double budget_share = 1.0;
  EvidenceSpan evidence = EvidenceSpan::rollout;
  friend bool operator==(const CombinedGateSpec&, const CombinedGateSpec&) = default;
};

/// How the gates spend the false-alarm budget together.
enum class Spending : std::uint8_t {
  split,  ///< each has its share, come what may
  holm,   ///< at a halt the shares of the gates that failed pass to the others, to be named by
};

struct PlanSpec {
  std::string name;
  std::string about{};
  std::optional<double> false_alarm_budget{};  ///< for the whole rollout, in (0, 1)
  Spending spending = Spending::split;
  double missed_harm_budget = 0.05;  ///< error of safety evidence, per gate, in (0, 1)
  Assignment assignment{};
  AdvanceWhen advance_when = AdvanceWhen::no_harm_shown;  ///< key `ramp.strict.advance_when`
  WhenHalted when_halted = WhenHalted::rollback;
  Duration every = std::chrono::minutes(5);  ///< default look interval of the gates
  std::vector<StageSpec> stages{};
  std::vector<GateSpec> gates{};
  /// Nothing: no check. Plans that are read from files have one unless they say `false`.
  std::optional<SampleRatioSpec> sample_ratio{};
  std::vector<CombinedGateSpec> combined{};
};

}  // namespace gatewright
