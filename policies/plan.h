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
enum class AdvanceWhen : std::uint8_t { no_harm_shown, safety_shown };
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
  std::optional<AdvanceWhen> advance_when{};  ///< overrides the ramp's
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
  HarmSpec harm{};
  TestSpec test{};
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
};

struct PlanSpec {
  std::string name;
  std::string about{};
  std::optional<double> false_alarm_budget{};  ///< for the whole rollout, in (0, 1)
  double missed_harm_budget = 0.05;            ///< error of safety evidence, per gate, in (0, 1)
  Assignment assignment{};
  AdvanceWhen advance_when = AdvanceWhen::no_harm_shown;  ///< key `ramp.strict.advance_when`
  WhenHalted when_halted = WhenHalted::rollback;
  Duration every = std::chrono::minutes(5);  ///< default look interval of the gates
  std::vector<StageSpec> stages{};
  std::vector<GateSpec> gates{};
};

}  // namespace gatewright
