// The single list of every field: of observations, decisions, states, journal entries and plans.
// Used by encodings, digests and comparisons, which visit it; a field is added here and nowhere
// else. Never reads raw memory: padding is not state.
#pragma once

#include <array>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "policies/decision.h"
#include "policies/exposure.h"
#include "policies/journal.h"
#include "policies/observation.h"
#include "policies/plan.h"
#include "policies/state.h"

namespace gatewright {

/// Names of an enumeration's enumerators or of a variant's alternatives, in declared order. Empty
/// for an enumeration that is an index.
template <class T>
inline constexpr std::array<std::string_view, 0> kNames{};

template <>
inline constexpr auto kNames<Action> = std::to_array<std::string_view>({"hold", "advance",
                                                                        "complete", "halt"});
template <>
inline constexpr auto kNames<Cause> = std::to_array<std::string_view>(
    {"none", "observation_refused", "gates_passed", "gate_failed", "dwelling", "awaiting_exposure",
     "awaiting_samples", "awaiting_evidence", "awaiting_approval", "gate_silent", "gate_faulty",
     "paused", "stage_timeout", "operator_halt", "policy_halt", "rollout_ended"});
template <>
inline constexpr auto kNames<Fault> = std::to_array<std::string_view>(
    {"none", "sequence_repeated", "time_reversed", "unknown_probe", "wrong_form", "window_stale",
     "not_finite", "impossible_summary", "impossible_exposure", "malformed", "reading_error",
     "impossible_proposal"});
template <>
inline constexpr auto kNames<Phase> = std::to_array<std::string_view>({"running", "completed",
                                                                       "halted"});
template <>
inline constexpr auto kNames<ReadingStatus> = std::to_array<std::string_view>({"ok", "missing",
                                                                               "error"});
template <>
inline constexpr auto kNames<OperatorCommand::Kind> =
    std::to_array<std::string_view>({"pause", "resume", "halt", "approve"});
template <>
inline constexpr auto kNames<Event> = std::to_array<std::string_view>(
    {"tick", "samples", "distributions", "readings", "exposure_applied", "operator_command"});

template <>
inline constexpr auto kNames<Direction> = std::to_array<std::string_view>({"up", "down"});
template <>
inline constexpr auto kNames<WhenHalted> = std::to_array<std::string_view>({"rollback", "freeze"});
template <>
inline constexpr auto kNames<AdvanceWhen> =
    std::to_array<std::string_view>({"no_harm_shown", "safety_shown", "winner"});
template <>
inline constexpr auto kNames<SampleSizeBy> = std::to_array<std::string_view>({"classical",
                                                                              "arcsine"});
template <>
inline constexpr auto kNames<AssignmentUnit> =
    std::to_array<std::string_view>({"user", "request", "session", "tenant", "time"});
template <>
inline constexpr auto kNames<AssignmentHash> = std::to_array<std::string_view>({"md5", "murmur3",
                                                                                "fnv1a"});
template <>
inline constexpr auto kNames<HarmSpec::Kind> = std::to_array<std::string_view>({"mean", "quantile",
                                                                                "distribution"});
template <>
inline constexpr auto kNames<HarmSpec::Relation> =
    std::to_array<std::string_view>({"ratio", "difference", "absolute"});
template <>
inline constexpr auto kNames<NoiseFloor::Kind> = std::to_array<std::string_view>({"bound", "sd"});
template <>
inline constexpr auto kNames<GateRole> = std::to_array<std::string_view>({"protective",
                                                                          "advisory"});
template <>
inline constexpr auto kNames<Spending> = std::to_array<std::string_view>({"split", "holm"});
template <>
inline constexpr auto kNames<EvidenceSpan> = std::to_array<std::string_view>({"rollout", "stage"});
template <>
inline constexpr auto kNames<TestValue> =
    std::to_array<std::string_view>({"boolean", "number", "duration", "text", "numbers"});

static_assert(kNames<Event>.size() == std::variant_size_v<Event>);
static_assert(kNames<TestValue>.size() == std::variant_size_v<TestValue>);

/// The enumerator's name; "unknown" for a value that is none of them.
template <class Enum>
[[nodiscard]] constexpr std::string_view name_of(Enum value) noexcept {
  const auto index = static_cast<std::size_t>(value);
  return index < kNames<Enum>.size() ? kNames<Enum>[index] : "unknown";
}

/// Whether a value is one of its enumeration's enumerators.
template <class Enum>
[[nodiscard]] constexpr bool is_known(Enum value) noexcept {
  return static_cast<std::size_t>(value) < kNames<Enum>.size();
}

/// A struct, const or not: visitors that read and visitors that write share one list.
template <class T, class Struct>
concept Either = std::same_as<std::remove_const_t<T>, Struct>;

/// A field that plans and journals were written without before it came to be: left out while it has
/// the value that says nothing, so that their texts and digests stay what they were.
template <class Value, class Visit, class Field>
constexpr void visit_unless(const Value& unsaid, Visit&& visit, std::string_view name,
                            Field& field) {
  if constexpr (requires { visit.unless(unsaid, name, field); })
    visit.unless(unsaid, name, field);
  else if (field != unsaid)
    visit(name, field);
}

template <Either<Exposure> T, class Visit>
constexpr void fields(T& exposure, Visit&& visit) {
  visit("served", exposure.served);
  visit("mirrored", exposure.mirrored);
  visit("interleaved", exposure.interleaved);
}

template <Either<Summary> T, class Visit>
constexpr void fields(T& summary, Visit&& visit) {
  visit("count", summary.count);
  visit("sum", summary.sum);
  visit("sum_of_squares", summary.sum_of_squares);
}

template <Either<Covariate> T, class Visit>
constexpr void fields(T& covariate, Visit&& visit) {
  visit("sum", covariate.sum);
  visit("sum_of_squares", covariate.sum_of_squares);
  visit("sum_of_products", covariate.sum_of_products);
}

template <Either<Covariates> T, class Visit>
constexpr void fields(T& covariates, Visit&& visit) {
  visit("baseline", covariates.baseline);
  visit("candidate", covariates.candidate);
}

template <Either<Reading> T, class Visit>
constexpr void fields(T& reading, Visit&& visit) {
  visit("value", reading.value);
  visit("count", reading.count);
  visit("status", reading.status);
}

template <Either<HistogramBin> T, class Visit>
constexpr void fields(T& bin, Visit&& visit) {
  visit("bin", bin.bin);
  visit("count", bin.count);
}

template <Either<Tick> T, class Visit>
constexpr void fields(T&, Visit&&) {}

template <Either<Samples> T, class Visit>
constexpr void fields(T& samples, Visit&& visit) {
  visit("probe", samples.probe);
  visit("window", samples.window);
  visit("paired", samples.paired);
  visit("baseline", samples.baseline);
  visit("candidate", samples.candidate);
  visit_unless(std::optional<Covariates>{}, visit, "covariates", samples.covariates);
  visit_unless(std::optional<double>{}, visit, "sum_of_products", samples.sum_of_products);
}

template <Either<Distributions> T, class Visit>
constexpr void fields(T& distributions, Visit&& visit) {
  visit("probe", distributions.probe);
  visit("window", distributions.window);
  visit("baseline", distributions.baseline);
  visit("candidate", distributions.candidate);
}

template <Either<Readings> T, class Visit>
constexpr void fields(T& readings, Visit&& visit) {
  visit("probe", readings.probe);
  visit("window", readings.window);
  visit("baseline", readings.baseline);
  visit("candidate", readings.candidate);
}

template <Either<ExposureApplied> T, class Visit>
constexpr void fields(T& applied, Visit&& visit) {
  visit("exposure", applied.exposure);
}

template <Either<OperatorCommand> T, class Visit>
constexpr void fields(T& command, Visit&& visit) {
  visit("kind", command.kind);
}

template <Either<Observation> T, class Visit>
constexpr void fields(T& observation, Visit&& visit) {
  visit("sequence", observation.sequence);
  visit("at", observation.at);
  visit("event", observation.event);
}

template <Either<Decision> T, class Visit>
constexpr void fields(T& decision, Visit&& visit) {
  visit("sequence", decision.sequence);
  visit("at", decision.at);
  visit("wake_at", decision.wake_at);
  visit("exposure", decision.exposure);
  visit("action", decision.action);
  visit("cause", decision.cause);
  visit("fault", decision.fault);
  visit("stage", decision.stage);
  visit("measure", decision.measure);
  visit("failing", decision.failing);
  visit("undecided", decision.undecided);
  visit("silent", decision.silent);
}

template <Either<RolloutState> T, class Visit>
constexpr void fields(T& state, Visit&& visit) {
  visit("plan_digest", state.plan_digest);
  visit("sequence", state.sequence);
  visit("started_at", state.started_at);
  visit("at", state.at);
  visit("stage_entered_at", state.stage_entered_at);
  visit("dwelling_since", state.dwelling_since);
  visit("phase", state.phase);
  visit("stage", state.stage);
  visit("target", state.target);
  visit("applied", state.applied);
  visit("paused", state.paused);
  visit("approved", state.approved);
  visit("windows", state.windows);
  visit("memory", state.memory);
}

template <Either<JournalEntry> T, class Visit>
constexpr void fields(T& entry, Visit&& visit) {
  visit("observation", entry.observation);
  visit("decision", entry.decision);
  visit("digest", entry.digest);
}

template <Either<Assignment> T, class Visit>
constexpr void fields(T& assignment, Visit&& visit) {
  visit("by", assignment.by);
  visit("hash", assignment.hash);
  visit_unless(Duration(std::chrono::minutes(10)), visit, "block", assignment.block);
  visit_unless(std::vector<std::uint32_t>{}, visit, "allow", assignment.allow);
  visit_unless(std::vector<std::uint32_t>{}, visit, "deny", assignment.deny);
}

template <Either<AbSpec> T, class Visit>
constexpr void fields(T& ab, Visit&& visit) {
  visit("metric", ab.metric);
  visit("alpha", ab.alpha);
  visit("power", ab.power);
  visit("min_effect", ab.min_effect);
  visit("rate", ab.rate);
  visit("spread", ab.spread);
  visit("sample_size", ab.sample_size);
  visit_unless(std::vector<std::string>{}, visit, "segments", ab.segments);
}

template <Either<StageSpec> T, class Visit>
constexpr void fields(T& stage, Visit&& visit) {
  visit("name", stage.name);
  visit("exposure", stage.served);
  visit("mirrored", stage.mirrored);
  visit_unless(0.0, visit, "interleaved", stage.interleaved);
  visit("dwell", stage.dwell);
  visit("timeout", stage.timeout);
  visit("min_samples", stage.min_samples);
  visit("approval", stage.approval);
  visit_unless(std::optional<double>{}, visit, "false_alarm_budget", stage.false_alarm_budget);
  visit("advance_when", stage.advance_when);
  visit_unless(std::optional<AbSpec>{}, visit, "ab", stage.ab);
}

template <Either<HarmSpec> T, class Visit>
constexpr void fields(T& harm, Visit&& visit) {
  visit("kind", harm.kind);
  visit("probability", harm.probability);
  visit("relation", harm.relation);
  visit("direction", harm.direction);
  visit("margin", harm.margin);
}

template <Either<TestSpec> T, class Visit>
constexpr void fields(T& test, Visit&& visit) {
  visit("name", test.name);
  visit("parameters", test.parameters);
}

template <Either<NoiseFloor> T, class Visit>
constexpr void fields(T& floor, Visit&& visit) {
  visit("kind", floor.kind);
  visit("size", floor.size);
}

template <Either<GateSpec> T, class Visit>
constexpr void fields(T& gate, Visit&& visit) {
  visit("name", gate.name);
  visit("metric", gate.metric);
  visit_unless(std::string{}, visit, "segment", gate.segment);
  visit("harm", gate.harm);
  visit("test", gate.test);
  visit_unless(NoiseFloor{}, visit, "noise_floor", gate.noise_floor);
  visit("role", gate.role);
  visit("every", gate.every);
  visit("window", gate.window);
  visit("initial_delay", gate.initial_delay);
  visit("silence", gate.silence);
  visit("min_samples", gate.min_samples);
  visit("budget_share", gate.budget_share);
  visit("evidence", gate.evidence);
  visit_unless(std::string{}, visit, "advice", gate.advice);
}

template <Either<SampleRatioSpec> T, class Visit>
constexpr void fields(T& spec, Visit&& visit) {
  visit("false_alarm", spec.false_alarm);
}

template <Either<CombinedGateSpec> T, class Visit>
constexpr void fields(T& gate, Visit&& visit) {
  visit("name", gate.name);
  visit("gates", gate.gates);
  visit("margins_used", gate.margins_used);
  visit("role", gate.role);
  visit("budget_share", gate.budget_share);
  visit("evidence", gate.evidence);
}

template <Either<PlanSpec> T, class Visit>
constexpr void fields(T& plan, Visit&& visit) {
  visit("name", plan.name);
  visit("about", plan.about);
  visit("false_alarm_budget", plan.false_alarm_budget);
  visit_unless(Spending::split, visit, "spending", plan.spending);
  visit("missed_harm_budget", plan.missed_harm_budget);
  visit("assignment", plan.assignment);
  visit("advance_when", plan.advance_when);
  visit("when_halted", plan.when_halted);
  visit("every", plan.every);
  visit("stages", plan.stages);
  visit("gates", plan.gates);
  visit_unless(std::optional<SampleRatioSpec>{}, visit, "sample_ratio", plan.sample_ratio);
  visit_unless(std::vector<CombinedGateSpec>{}, visit, "combined", plan.combined);
}

struct IgnoreFields {
  constexpr void operator()(std::string_view, auto&) const noexcept {}
};

/// A type that this file lists.
template <class T>
concept Listed = requires(T& value) {
  fields(value, IgnoreFields{});
};

}  // namespace gatewright
