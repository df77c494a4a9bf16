#include "policies/engine.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "policies/assert.h"
#include "policies/fields.h"
#include "policies/histogram.h"
#include "policies/probe_mark.h"

namespace gatewright {
namespace {

using namespace std::chrono_literals;

/// The longest sleep of a paused rollout: no deadline is running, but somebody may be waiting.
constexpr Duration kPausedNap = 1h;

/// Whole numbers up to here are exact in floating point, and no window has more requests: a larger
/// count is the difference of counters that went backwards, wrapped around.
constexpr std::uint64_t kCountMost = std::uint64_t{1} << 53;

/// Sums that a driver adds up in floating point may miss the bound of Cauchy and Schwarz by this.
constexpr double kRounding = 1e-9;

template <class Index>
[[nodiscard]] constexpr std::size_t index_of(Index index) noexcept {
  return static_cast<std::size_t>(index);
}

// ---- admit ----

[[nodiscard]] Fault fault_of(const Summary& summary, bool counts_events) noexcept {
  const auto& [count, sum, squares] = summary;
  if (!std::isfinite(sum) || !std::isfinite(squares)) {
    GATEWRIGHT_PROBE("engine: a sum that is not finite");
    return Fault::not_finite;
  }
  const auto n = static_cast<double>(count);
  const bool impossible = count > kCountMost || squares < 0.0 ||
                          (count == 0 && (sum != 0.0 || squares != 0.0)) ||
                          sum * sum > n * squares * (1.0 + kRounding) + DBL_MIN ||
                          (counts_events && (sum < 0.0 || sum > n));
  if (!impossible) return Fault::none;
  GATEWRIGHT_PROBE("engine: a summary that cannot be");
  return Fault::impossible_summary;
}

/// Whether a sum of products breaks the bound of Cauchy and Schwarz.
[[nodiscard]] bool is_beyond(double products, double squares, double other_squares) noexcept {
  return std::abs(products) >
         std::sqrt(squares) * std::sqrt(other_squares) * (1.0 + kRounding) + DBL_MIN;
}

/// Of one arm's second number, beside a summary that is possible.
[[nodiscard]] Fault fault_of(const Covariate& covariate, const Summary& summary) noexcept {
  if (!std::isfinite(covariate.sum_of_products)) return Fault::not_finite;
  const Fault alone =
      fault_of(Summary{summary.count, covariate.sum, covariate.sum_of_squares}, false);
  if (alone != Fault::none) return alone;
  if (!is_beyond(covariate.sum_of_products, summary.sum_of_squares, covariate.sum_of_squares))
    return Fault::none;
  GATEWRIGHT_PROBE("engine: products that cannot be");
  return Fault::impossible_summary;
}

/// Of the products of pairs, beside summaries that are possible.
[[nodiscard]] Fault fault_of_pairs(const Samples& told, bool counts_events) noexcept {
  const double products = *told.sum_of_products;
  if (!std::isfinite(products)) return Fault::not_finite;
  const auto& [baseline, candidate] = std::tie(told.baseline, told.candidate);
  const bool impossible =
      baseline.count != candidate.count ||
      is_beyond(products, baseline.sum_of_squares, candidate.sum_of_squares) ||
      (counts_events &&
       (products < 0.0 || products > std::min(baseline.sum, candidate.sum) ||
        baseline.sum + candidate.sum - products > static_cast<double>(baseline.count)));
  if (!impossible) return Fault::none;
  GATEWRIGHT_PROBE("engine: pairs that cannot be");
  return Fault::impossible_summary;
}

/// What a probe may ask for beside the two summaries.
struct Beside {
  bool covariate = false;
  bool pairs = false;
};

/// Exactly that must be told.
[[nodiscard]] Fault fault_beside(const Samples& told, const Beside& asked,
                                 bool counts_events) noexcept {
  const bool fits = told.covariates.has_value() == asked.covariate &&
                    told.sum_of_products.has_value() == asked.pairs &&
                    (told.paired || !asked.pairs);
  if (!fits) {
    GATEWRIGHT_PROBE("engine: sums that nobody asked for, or without those asked for");
    return Fault::wrong_form;
  }
  Fault fault = Fault::none;
  if (told.covariates) {
    fault = fault_of(told.covariates->baseline, told.baseline);
    if (fault == Fault::none) fault = fault_of(told.covariates->candidate, told.candidate);
  }
  if (fault == Fault::none && told.sum_of_products) fault = fault_of_pairs(told, counts_events);
  return fault;
}

[[nodiscard]] Fault fault_of(const Reading& reading) noexcept {
  if (!is_known(reading.status) || reading.count > kCountMost) return Fault::malformed;
  return reading.status == ReadingStatus::ok && !std::isfinite(reading.value) ? Fault::not_finite
                                                                              : Fault::none;
}

[[nodiscard]] Fault fault_of(HistogramView view) noexcept {
  std::uint64_t total = 0;
  std::uint32_t lowest = 0;  // that may come next
  for (const auto& [bin, count] : view) {
    const bool is_too_much = count > kCountMost - total;
    if (bin < lowest || bin >= HistogramGrid::kBins || count == 0 || is_too_much) {
      GATEWRIGHT_PROBE("engine: a malformed histogram");
      return Fault::malformed;
    }
    total += count;
    lowest = bin + 1;
  }
  return Fault::none;
}

[[nodiscard]] constexpr bool has(ProbeMask mask, ProbeIndex probe) noexcept {
  return (mask >> index_of(probe) & 1) != 0;
}

/// The fault of one window of evidence, `arm_fault` being that of one arm's part; `of_form` are the
/// probes that ask for its form.
template <class Window, class ArmFault>
[[nodiscard]] Fault fault_of(const Window& told, ProbeMask of_form, const RolloutState& state,
                             ArmFault arm_fault) noexcept {
  const std::size_t probe = index_of(told.probe);
  if (probe >= state.windows.size()) {
    GATEWRIGHT_PROBE("engine: evidence of an unknown probe");
    return Fault::unknown_probe;
  }
  if (!has(of_form, told.probe)) {
    GATEWRIGHT_PROBE("engine: evidence in the wrong form");
    return Fault::wrong_form;
  }
  if (told.window < state.windows[probe]) {
    GATEWRIGHT_PROBE("engine: a stale window");
    return Fault::window_stale;
  }
  // The last number has no successor, so no later window could ever be fresh.
  if (told.window == std::numeric_limits<std::uint64_t>::max()) return Fault::malformed;
  const Fault baseline = arm_fault(told.baseline);
  return baseline != Fault::none ? baseline : arm_fault(told.candidate);
}

// ---- observe ----

void take_in(const OperatorCommand& command, RolloutState& state) noexcept {
  switch (command.kind) {
    case OperatorCommand::Kind::pause:
      state.paused = true;
      break;
    case OperatorCommand::Kind::resume:
      state.paused = false;
      break;
    case OperatorCommand::Kind::approve:
      state.approved = true;
      break;
    case OperatorCommand::Kind::halt:
      break;  // obeyed in rule()
  }
}

void take_in(const Observation& observation, RolloutState& state) noexcept {
  state.sequence = observation.sequence;
  state.at = observation.at;
  std::visit(
      [&]<class Told>(const Told& told) {
        if constexpr (requires { told.window; }) {
          state.windows[index_of(told.probe)] = told.window + 1;
        } else if constexpr (std::is_same_v<Told, ExposureApplied>) {
          state.applied = told.exposure;
          if (state.applied != state.target) {
            if (state.dwelling_since != kNever)
              GATEWRIGHT_PROBE("engine: a confirmed exposure drifted");
            state.dwelling_since = kNever;  // and the dwell begins anew when it is confirmed again
          } else if (state.dwelling_since == kNever)
            state.dwelling_since = state.at;
        } else if constexpr (std::is_same_v<Told, OperatorCommand>) {
          take_in(told, state);
        }
      },
      observation.event);
}

[[nodiscard]] RolloutView view_of(const RolloutState& state) noexcept {
  return {.at = state.at,
          .started_at = state.started_at,
          .stage_entered_at = state.stage_entered_at,
          .dwelling_since = state.dwelling_since,
          .stage = state.stage,
          .target = state.target,
          .applied = state.applied,
          .exposure_confirmed = state.applied == state.target,
          .paused = state.paused,
          .approved = state.approved};
}

// ---- dispose ----

/// What the engine makes of a proposal.
struct Ruling {
  Action action = Action::hold;
  Cause cause = Cause::none;
  Fault fault = Fault::none;
};

[[nodiscard]] Ruling rule(const Proposal& proposal, const RolloutState& state,
                          bool is_last_stage) noexcept {
  switch (proposal.action) {
    case Action::hold:
      return {.cause = proposal.cause};
    case Action::halt: {
      const Cause plain = proposal.failing != 0 ? Cause::gate_failed : Cause::policy_halt;
      return {Action::halt, proposal.cause != Cause::none ? proposal.cause : plain};
    }
    case Action::advance:
    case Action::complete:
      if ((proposal.action == Action::complete) != is_last_stage) break;
      if (state.paused) return {.cause = Cause::paused};
      if (state.applied != state.target) return {.cause = Cause::awaiting_exposure};
      return {proposal.action, Cause::gates_passed};
  }
  return {.fault = Fault::impossible_proposal};
}

/// Never at or before now: a driver that sleeps until then always makes progress.
[[nodiscard]] Instant wake_of(Instant proposed, const RolloutState& state) noexcept {
  if (state.paused) {
    GATEWRIGHT_PROBE("engine: a nap while paused");
    proposed = std::min(proposed, after(state.at, kPausedNap));
  }
  return std::max(proposed, after(state.at, 1ns));
}

/// A decision that changes nothing: the target as it is.
[[nodiscard]] Decision hold(const Observation& observation, const RolloutState& state) noexcept {
  return {.sequence = observation.sequence,
          .at = state.at,
          .exposure = state.target,
          .stage = state.stage};
}

void show(const Proposal& proposal, Decision& decision) noexcept {
  decision.measure = proposal.measure;
  decision.failing = proposal.failing;
  decision.undecided = proposal.undecided;
  decision.silent = proposal.silent;
}

[[nodiscard]] bool told_of_error(const Observation& observation) noexcept {
  const auto* readings = std::get_if<Readings>(&observation.event);
  return readings != nullptr && (readings->baseline.status == ReadingStatus::error ||
                                 readings->candidate.status == ReadingStatus::error);
}

[[nodiscard]] bool orders_halt(const Observation& observation) noexcept {
  const auto* command = std::get_if<OperatorCommand>(&observation.event);
  return command != nullptr && command->kind == OperatorCommand::Kind::halt;
}

}  // namespace

Engine::Engine(std::shared_ptr<const Policy> policy, std::uint64_t plan_digest)
    : policy_(std::move(policy)), plan_digest_(plan_digest) {
  GATEWRIGHT_ASSERT(policy_ != nullptr);
  const auto stages = policy_->stages();
  const auto probes = policy_->probes();
  stages_ = stages.size();
  probes_ = probes.size();
  slots_ = policy_->slots();
  GATEWRIGHT_ASSERT(!stages.empty() && stages.size() <= kStagesMax);
  GATEWRIGHT_ASSERT(probes.size() <= kGatesMax && policy_->gate_names().size() <= kGatesMax);
  GATEWRIGHT_ASSERT(std::ranges::all_of(stages, is_valid, &Stage::exposure));
  for (std::size_t i = 0; i < probes.size(); ++i) {
    const Probe& probe = probes[i];
    const ProbeMask bit = ProbeMask{1} << i;
    const MetricInfo* metric = find_metric(probe.metric);
    if (metric != nullptr && metric->kind == MetricKind::event) asked_.events |= bit;
    asked_.of_form[index_of(probe.form)] |= bit;
    if (!probe.statistic.covariate.empty()) asked_.covariates |= bit;
    if (probe.statistic.pairs) asked_.pairs |= bit;
  }
}

Fault Engine::fault_of(const Observation& observation, const Asked& asked,
                       const RolloutState& state) noexcept {
  const auto of_form = [&](Form form) { return asked.of_form[index_of(form)]; };
  if (observation.sequence <= state.sequence) {
    GATEWRIGHT_PROBE("engine: a repeated observation");
    return Fault::sequence_repeated;
  }
  if (observation.at < state.at) {
    GATEWRIGHT_PROBE("engine: time stepped back");
    return Fault::time_reversed;
  }
  if (observation.at == kNever) return Fault::malformed;
  const Event& event = observation.event;
  if (const auto* samples = std::get_if<Samples>(&event)) {
    const auto counts_events = [&] { return has(asked.events, samples->probe); };
    const Fault fault = gatewright::fault_of(
        *samples, of_form(Form::samples), state,
        [&](const Summary& arm) { return gatewright::fault_of(arm, counts_events()); });
    if (fault != Fault::none) return fault;
    const Beside beside{.covariate = has(asked.covariates, samples->probe),
                        .pairs = has(asked.pairs, samples->probe)};
    return fault_beside(*samples, beside, counts_events());
  }
  const auto of_arm = [](const auto& arm) { return gatewright::fault_of(arm); };
  if (const auto* distributions = std::get_if<Distributions>(&event))
    return gatewright::fault_of(*distributions, of_form(Form::distributions), state, of_arm);
  if (const auto* readings = std::get_if<Readings>(&event))
    return gatewright::fault_of(*readings, of_form(Form::readings), state, of_arm);
  if (const auto* applied = std::get_if<ExposureApplied>(&event))
    return is_valid(applied->exposure) ? Fault::none : Fault::impossible_exposure;
  if (const auto* command = std::get_if<OperatorCommand>(&event))
    return is_known(command->kind) ? Fault::none : Fault::malformed;
  return Fault::none;
}

bool Engine::fits(const RolloutState& state) const noexcept {
  return state.plan_digest == plan_digest_ && index_of(state.stage) < stages_ &&
         state.windows.size() == probes_ && state.memory.size() == slots_;
}

RolloutState Engine::initial_state(Instant started_at) const {
  // Even a rollout that starts at the end of time must be able to wake after it.
  started_at = std::min(started_at, kNever - 1ns);
  const Exposure first = policy_->stages().front().exposure;
  RolloutState state{.plan_digest = plan_digest_,
                     .started_at = started_at,
                     .at = started_at,
                     .stage_entered_at = started_at,
                     .dwelling_since = first == Exposure{} ? started_at : kNever,
                     .target = first,
                     .windows = std::vector<std::uint64_t>(policy_->probes().size()),
                     .memory = std::vector<double>(policy_->slots())};
  policy_->initialise(state.memory, started_at);
  return state;
}

Decision Engine::step(RolloutState& state, const Observation& observation) const noexcept {
  GATEWRIGHT_ASSERT(fits(state));
  Decision decision = hold(observation, state);
  if (state.phase != Phase::running) {
    GATEWRIGHT_PROBE("engine: told something after the end");
    decision.cause = Cause::rollout_ended;
    return decision;
  }

  const Fault fault = fault_of(observation, asked_, state);
  if (fault != Fault::none) {
    const Proposal standing = policy_->propose(state.memory, view_of(state));
    show(standing, decision);
    decision.wake_at = wake_of(standing.wake_at, state);
    decision.cause = Cause::observation_refused;
    decision.fault = fault;
    return decision;
  }

  take_in(observation, state);
  policy_->observe(state.memory, view_of(state), observation);

  const bool is_last_stage = index_of(state.stage) + 1 == stages_;
  const Proposal proposal = policy_->propose(state.memory, view_of(state));
  const Ruling ruling = orders_halt(observation) ? Ruling{Action::halt, Cause::operator_halt}
                                                 : rule(proposal, state, is_last_stage);
  if (ruling.cause == Cause::operator_halt) GATEWRIGHT_PROBE("engine: an operator's halt");
  show(proposal, decision);
  decision.at = state.at;
  decision.wake_at = wake_of(proposal.wake_at, state);
  decision.action = ruling.action;
  decision.cause = ruling.cause;
  decision.fault = told_of_error(observation) ? Fault::reading_error : ruling.fault;
  if (decision.fault == Fault::reading_error) GATEWRIGHT_PROBE("engine: a reading with an error");

  switch (ruling.action) {
    case Action::hold:
      break;
    case Action::advance: {
      state.stage = StageIndex(index_of(state.stage) + 1);
      state.target = policy_->stages()[index_of(state.stage)].exposure;
      state.stage_entered_at = state.at;
      state.dwelling_since = state.applied == state.target ? state.at : kNever;
      state.approved = false;
      policy_->enter_stage(state.memory, view_of(state));
      // The masks keep telling why the old stage was left; the rest is the new stage's.
      const Proposal next = policy_->propose(state.memory, view_of(state));
      decision.measure = next.measure;
      decision.wake_at = wake_of(next.action == Action::hold ? next.wake_at : state.at, state);
      break;
    }
    case Action::complete:
    case Action::halt:
      state.phase = ruling.action == Action::halt ? Phase::halted : Phase::completed;
      if (ruling.action == Action::halt) state.target = policy_->exposure_after_halt(state.stage);
      decision.measure = 0;
      decision.wake_at = kNever;
      break;
  }
  decision.exposure = state.target;
  decision.stage = state.stage;
  GATEWRIGHT_ASSERT(is_valid(decision.exposure) && decision.wake_at > decision.at);
  return decision;
}

}  // namespace gatewright
