#include "sim/checkers.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <variant>

#include "policies/digest.h"
#include "policies/encoding.h"
#include "policies/probe_mark.h"

namespace gatewright::sim {
namespace {

constexpr std::size_t kViolationsKept = 8;

/// All of a state but its memory, which is the long part of it.
auto without_memory(const RolloutState& state) noexcept {
  const auto& [plan_digest, sequence, started_at, at, stage_entered_at, dwelling_since, phase,
               stage, target, applied, paused, approved, windows, memory] = state;
  return std::tie(plan_digest, sequence, started_at, at, stage_entered_at, dwelling_since, phase,
                  stage, target, applied, paused, approved, windows);
}

/// Bit by bit, which costs a tenth of comparing number by number.
bool has_bits_of(std::span<const double> a, std::span<const double> b) noexcept {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

/// Equal up to the bits of NaNs, and to the sign of 0.
bool same(const RolloutState& a, const RolloutState& b) noexcept {
  if (has_bits_of(a.memory, b.memory)) return without_memory(a) == without_memory(b);
  return digest(a) == digest(b);
}

std::string text(const Exposure& exposure) {
  return std::to_string(exposure.served) + "/" + std::to_string(exposure.mirrored) + "/" +
         std::to_string(exposure.interleaved) + " basis points";
}

std::string number(StageIndex stage) { return std::to_string(static_cast<unsigned>(stage)); }

std::size_t index_of(StageIndex stage) noexcept { return static_cast<std::size_t>(stage); }

bool rises(const Exposure& from, const Exposure& to) noexcept {
  return to.served > from.served || to.mirrored > from.mirrored ||
         to.interleaved > from.interleaved;
}

bool leaves_stage(const Decision& decision) noexcept {
  return decision.action == Action::advance || decision.action == Action::complete;
}

}  // namespace

Machine machine_of(const Engine& engine) {
  return {
      .step = [&engine](RolloutState& state,
                        const Observation& observation) { return engine.step(state, observation); },
      .restart =
          [&engine](const RolloutState& from, RolloutState& to) {
            auto decoded = decode_state(encode(from), engine);
            auto* state = std::get_if<RolloutState>(&decoded);
            if (state == nullptr) return false;
            to = std::move(*state);
            return true;
          }};
}

Checker::Checker(std::shared_ptr<const Policy> policy, std::shared_ptr<const PlanSpec> plan,
                 Machine machine, CheckerMemory& memory)
    : policy_(std::move(policy)),
      plan_(std::move(plan)),
      machine_(std::move(machine)),
      memory_(memory) {}

void Checker::start(std::uint64_t replication, Restarts restarts) noexcept {
  replication_ = replication;
  restarts_ = restarts;
  step_ = 0;
  ticks_ = 0;
  measured_ = 0;
  faulty_ = 0;
  memory_.scratch_of = nullptr;
  violations_.clear();
}

void Checker::remember(const RolloutState& state) {
  if (memory_.scratch_of == &state)
    memory_.before = 1 - memory_.before;  // the last step of the same contender left a copy
  else
    before() = state;
  memory_.scratch_of = nullptr;
  if (step_ == 0) dwelling_since_ = state.dwelling_since;
}

void Checker::check(const Observation& observation, const Decision& decision,
                    const RolloutState& after) {
  if (before().phase != Phase::running) {
    if (!same(before(), after) || decision.action != Action::hold ||
        decision.exposure != before().target)
      violated("S3", "the rollout had ended, but an observation changed it");
  } else if (decision.cause == Cause::observation_refused) {
    if (!same(before(), after) || decision.action != Action::hold ||
        decision.exposure != before().target)
      violated("S4", "a refused observation (" + std::string(to_string(decision.fault)) +
                         ") changed the rollout");
  } else {
    note_faults(observation);
    note_exposure(observation);
    check_exposure(decision, after);
    if (leaves_stage(decision)) {
      check_advance(decision, after);
      faulty_ = 0;  // the next stage may measure other gates
      dwelling_since_ = after.applied == after.target ? observation.at : kNever;
    }
  }
  check_repeat(observation, after);
  if (is_restart_due(decision)) check_restart(observation, decision, after);
  check_wake(observation, decision, after);
  measured_ = decision.measure;
  ++step_;
}

void Checker::check_exposure(const Decision& decision, const RolloutState& after) {
  const auto stages = policy_->stages();
  const bool moved = decision.action == Action::advance;
  const std::size_t expected = index_of(before().stage) + (moved ? 1 : 0);
  if (index_of(after.stage) != expected || decision.stage != after.stage ||
      expected >= stages.size()) {
    violated("S1", "stage " + number(before().stage) + " became " + number(after.stage) + " on " +
                       std::string(to_string(decision.action)));
    return;
  }
  const Exposure allowed = decision.action == Action::halt
                               ? policy_->exposure_after_halt(before().stage)
                               : stages[expected].exposure;
  if (decision.exposure != allowed || after.target != allowed)
    violated("S1", "the target is " + text(decision.exposure) + ", the plan says " + text(allowed));
  if (!moved && rises(before().target, decision.exposure))
    violated("S1", "exposure rose to " + text(decision.exposure) + " on " +
                       std::string(to_string(decision.action)));
}

void Checker::check_advance(const Decision& decision, const RolloutState& after) {
  const auto broken = [this, &decision](const std::string& why) {
    violated("S2", std::string(to_string(decision.action)) + " from stage " +
                       number(before().stage) + " " + why);
  };
  if (after.paused) broken("while paused");
  if (after.applied != before().target)
    broken("while the router had confirmed " + text(after.applied) + " instead of " +
           text(before().target));
  if (plan_ == nullptr) return;
  if (decision.silent != 0) broken("while a gate was silent");
  if ((faulty_ & measured_) != 0) broken("while a gate was faulty");
  const std::size_t stage = index_of(before().stage);
  if (stage >= plan_->stages.size()) return;
  if (dwelling_since_ == kNever || after.at - dwelling_since_ < plan_->stages[stage].dwell)
    broken("before its dwell was over");
}

void Checker::check_repeat(const Observation& observation, const RolloutState& after) {
  scratch() = after;
  const Decision again = machine_.step(scratch(), observation);
  const bool is_same = same(scratch(), after);
  if (is_same) memory_.scratch_of = &after;
  if (!is_same || again.action != Action::hold ||
      (again.cause != Cause::observation_refused && again.cause != Cause::rollout_ended))
    violated("S6", "observation " + std::to_string(observation.sequence) +
                       " had an effect when it was told a second time");
}

bool Checker::is_restart_due(const Decision& decision) const noexcept {
  if (restarts_ == Restarts::seldom && replication_ % 64 != 0) return false;
  return decision.action != Action::hold || (step_ + replication_) % 16 == 0;
}

void Checker::check_restart(const Observation& observation, const Decision& decision,
                            const RolloutState& after) {
  if (decision.action == Action::halt) GATEWRIGHT_PROBE("checker: a restart at a halt");
  memory_.scratch_of = nullptr;
  if (!machine_.restart(before(), scratch())) {
    violated("S7", "a snapshot was written that cannot be read");
    return;
  }
  const Decision again = machine_.step(scratch(), observation);
  if (again != decision || !same(scratch(), after))
    violated("S7", "after a restart from a snapshot the same observation led elsewhere");
}

void Checker::check_wake(const Observation& observation, const Decision& decision,
                         const RolloutState& after) {
  if (after.phase != Phase::running) return;
  if (decision.wake_at <= decision.at)
    violated("S8", "the engine asked to be woken at or before the present");
  if (std::holds_alternative<Tick>(observation.event) && ++ticks_ == kTicksMost)
    violated("S8", "after a million wake-ups the rollout has not ended");
}

void Checker::note_faults(const Observation& observation) {
  std::visit(
      [this]<class Told>(const Told& told) {
        if constexpr (requires { told.probe; }) {
          const ProbeMask bit = ProbeMask{1} << static_cast<std::size_t>(told.probe);
          faulty_ &= ~bit;
          if constexpr (std::is_same_v<Told, Readings>)
            if (told.candidate.status == ReadingStatus::error) faulty_ |= bit;
        }
      },
      observation.event);
}

void Checker::note_exposure(const Observation& observation) {
  const auto* told = std::get_if<ExposureApplied>(&observation.event);
  if (told == nullptr) return;
  if (told->exposure != before().target)
    dwelling_since_ = kNever;
  else if (dwelling_since_ == kNever)
    dwelling_since_ = observation.at;
}

void Checker::check_rollback(const RollbackSeen& seen) {
  if (seen.exposure != Exposure{})
    violated("S5", "after a halt with rollback the world's exposure is " + text(seen.exposure));
  if (seen.took > seen.at_most) violated("S5", "the rollback took longer than actuation ever does");
}

void Checker::violated(std::string_view invariant, std::string message) {
  if (violations_.size() < kViolationsKept)
    violations_.push_back({std::string(invariant), step_, std::move(message)});
}

}  // namespace gatewright::sim
