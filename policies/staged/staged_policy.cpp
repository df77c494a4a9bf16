#include "policies/staged/staged_policy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "policies/assert.h"
#include "policies/histogram.h"
#include "policies/probe_mark.h"
#include "policies/staged/budget.h"
#include "policies/staged/exposure_spells.h"
#include "policies/verdict.h"

namespace gatewright {
namespace {

/// The policy's own slots, before the gates' records.
struct RolloutSlot {
  enum : std::size_t {
    paused_since,  ///< time of the pause that lasts; kNotYet while not paused
    paused_for,    ///< in this stage, by pauses that are over
    spells,        ///< of the exposure
    count = spells + ExposureSpells::kSlots,
  };
};

/// A gate's record, before its test's slots. The evidence is kept so that a step weighs only the
/// gate it is told about.
struct GateSlot {
  enum : std::size_t {
    last_fresh,  ///< time of the last window with evidence in this stage, or kNotYet
    heard,       ///< 1: such a window was weighed in this stage
    faulty,      ///< 1: the last reading was an error, or the test could not make a number of it
    requests,    ///< of the candidate in this stage
    harm,
    safety,
    enough,
    count,
  };
};

/// Times in slots are nanoseconds since the start: whole numbers, exact for the first 104 days.
constexpr double kNotYet = -1.0;

[[nodiscard]] double to_slot(Duration since_start) noexcept {
  return static_cast<double>(since_start.count());
}

/// Also of a slot that a damaged snapshot filled with anything at all.
[[nodiscard]] Duration from_slot(double slot) noexcept {
  constexpr double kLongest = 4.0e18;  // about 127 years, below the largest Duration
  return slot > 0.0 ? Duration(static_cast<Duration::rep>(std::min(slot, kLongest))) : Duration{};
}

[[nodiscard]] ExposureSpells spells_in(PolicyMemory memory) noexcept {
  return ExposureSpells(memory.subspan<RolloutSlot::spells, ExposureSpells::kSlots>());
}

/// What a window brings to a gate.
struct Look {
  bool is_evidence = false;  ///< each side the test needs has something to say
  bool is_error = false;
  std::uint64_t requests = 0;  ///< of the candidate
};

[[nodiscard]] Look look_at(const Event& event, bool compares_arms) noexcept {
  const auto both = [&](bool candidate, bool baseline) {
    return candidate && (baseline || !compares_arms);
  };
  if (const auto* samples = std::get_if<Samples>(&event))
    return {.is_evidence = both(samples->candidate.count > 0, samples->baseline.count > 0),
            .requests = samples->candidate.count};
  if (const auto* told = std::get_if<Distributions>(&event))
    return {.is_evidence = both(!told->candidate.empty(), !told->baseline.empty()),
            .requests = count(told->candidate)};
  if (const auto* readings = std::get_if<Readings>(&event)) {
    const auto has = [](const Reading& reading, ReadingStatus status) {
      return reading.status == status;
    };
    const auto& [candidate, baseline] = std::tie(readings->candidate, readings->baseline);
    return {
        .is_evidence = both(has(candidate, ReadingStatus::ok), has(baseline, ReadingStatus::ok)),
        .is_error = has(candidate, ReadingStatus::error) ||
                    (compares_arms && has(baseline, ReadingStatus::error)),
        .requests = has(candidate, ReadingStatus::ok) ? candidate.count : 0};
  }
  return {};
}

template <class Slots>
[[nodiscard]] auto guard_slots(Slots memory, std::size_t first) noexcept {
  return memory.subspan(first).template first<SampleRatioGuard::kSlots>();
}

/// Per stage, ln of the e-value that makes a gate with that budget fail; `spent` as in StagedGate.
[[nodiscard]] std::vector<double> log_needed_by(const Budget& budget, std::span<const double> spent,
                                                std::size_t stages) {
  std::vector<double> needed(stages, -std::log(budget.false_alarm));
  for (std::size_t stage = 0; stage < std::min(stages, spent.size()); ++stage)
    if (spent[stage] > 0.0) needed[stage] = -std::log(spent[stage]);
  return needed;
}

/// `scale`: what the stage's part of the budget makes of a share of the evidence needed.
void put(const Evidence& evidence, double scale, std::span<double> record) noexcept {
  record[GateSlot::harm] = evidence.harm * scale;
  record[GateSlot::safety] = evidence.safety;
  record[GateSlot::enough] = evidence.enough ? 1.0 : 0.0;
}

[[nodiscard]] std::size_t index_of(StageIndex stage) noexcept {
  return static_cast<std::size_t>(stage);
}

[[nodiscard]] Verdict verdict_of(std::span<const double> record) noexcept {
  if (record[GateSlot::faulty] != 0.0) return Verdict::fault;
  if (record[GateSlot::enough] == 0.0) return Verdict::no_data;
  if (record[GateSlot::harm] >= 1.0) return Verdict::fail;
  return record[GateSlot::safety] >= 1.0 ? Verdict::pass : Verdict::undecided;
}

}  // namespace

bool is_measured(const MetricInfo& metric, bool compares_arms, const Exposure& exposure) noexcept {
  switch (metric.scope) {
    case MetricScope::seen:  // nobody sees a mirrored answer, so each arm compared must serve
      return exposure.served > 0 && (!compares_arms || exposure.served < kWholeExposure);
    case MetricScope::paired:
      return exposure.mirrored > 0;
    case MetricScope::interleaved:
      return exposure.interleaved > 0;
    case MetricScope::all:
    case MetricScope::answered:
      break;
  }
  return compares_arms ? is_concurrent(exposure) : exposure != Exposure{};
}

bool is_measured(const MetricInfo& metric, const GateTest& test, const Exposure& exposure) {
  if (test.statistic().pairs) return exposure.mirrored > 0;
  return is_measured(metric, test.compares_arms(), exposure);
}

double StagedPolicy::Times::start_of(std::uint64_t number) const noexcept {
  return to_slot(initial_delay) + static_cast<double>(number) * to_slot(every);
}

bool StagedPolicy::stood_still(PolicyMemory memory, const Times& times,
                               std::uint64_t window) noexcept {
  const double start = times.start_of(window);
  return spells_in(memory).hold(start, start + to_slot(times.window));
}

StagedPolicy::StagedPolicy(StagedParts parts)
    : slots_(RolloutSlot::count),
      guard_(std::move(parts.guard)),
      when_halted_(parts.when_halted),
      spending_(parts.spending),
      name_(std::move(parts.name)) {
  for (StagedStage& stage : parts.stages) {
    stages_.push_back(std::move(stage.stage));
    standing_.push_back({.rule = stage.rule});
  }
  std::vector<std::vector<double>> log_needed;  // per gate
  const auto spend = [&](const auto& gate, bool steps_down) {
    spent_.push_back({.budget_share = gate.budget_share,
                      .steps_down = steps_down,
                      .log_unit = -std::log(gate.budget.false_alarm)});
    log_needed.push_back(log_needed_by(gate.budget, gate.spent, stages_.size()));
  };
  std::vector<std::optional<StageIndex>> test_of;
  for (StagedGate& gate : parts.gates) {
    test_of.push_back(gate.test_of);
    if (gate.role == GateRole::protective) protective_ |= GateMask{1} << gates_.size();
    spend(gate, gate.test->guarantee() == Guarantee::anytime);
    const double fresh = std::chrono::duration<double>(gate.probe.every) / gate.probe.window;
    const bool compares_arms = gate.test->compares_arms();
    gates_.push_back({.budget = gate.budget,
                      .silence = gate.silence,
                      .new_share = std::min(fresh, 1.0),
                      .first_slot = slots_,
                      .slots = GateSlot::count + gate.test->slots(),
                      .times = {gate.probe.initial_delay, gate.probe.every, gate.probe.window},
                      .is_of_segment = !gate.probe.segment.empty(),
                      .compares_arms = compares_arms,
                      // A pair's answers are of one moment, whatever the exposure does.
                      .needs_still_exposure = compares_arms &&
                                              gate.test->guarantee() != Guarantee::none &&
                                              !gate.test->statistic().pairs,
                      .is_protective = gate.role == GateRole::protective,
                      .forgets = gate.evidence == EvidenceSpan::stage,
                      .is_ab = gate.test_of.has_value(),
                      .test = std::move(gate.test)});
    slots_ += gates_.back().slots;
    probes_.push_back(std::move(gate.probe));
    gate_names_.push_back(std::move(gate.name));
  }
  for (StagedCombination& gate : parts.combined) {
    if (gate.role == GateRole::protective) protective_ |= GateMask{1} << gate_names_.size();
    spend(gate, true);
    combined_.push_back({.budget = gate.budget,
                         .first_slot = slots_,
                         .is_protective = gate.role == GateRole::protective,
                         .forgets = gate.evidence == EvidenceSpan::stage,
                         .gates = std::move(gate.gates),
                         .test = std::move(gate.test)});
    slots_ += GateSlot::count + combined_.back().gates.size() + combined_.back().test->slots();
    gate_names_.push_back(std::move(gate.name));
  }
  if (guard_) {
    guard_slot_ = slots_;
    guard_probe_ = probes_.size();
    guard_gate_ = gate_names_.size();
    slots_ += SampleRatioGuard::kSlots;
    probes_.push_back(guard_->probe());
    gate_names_.emplace_back(kSampleRatio);
    protective_ |= GateMask{1} << guard_gate_;
  }
  for (std::size_t stage = 0; stage < stages_.size(); ++stage) {
    for (std::size_t gate = 0; gate < gates_.size(); ++gate) {
      const MetricInfo* metric = find_metric(probes_[gate].metric);
      GATEWRIGHT_ASSERT(metric != nullptr);
      const auto here = StageIndex(stage);
      if (test_of[gate].value_or(here) == here &&
          is_measured(*metric, *gates_[gate].test, stages_[stage].exposure))
        standing_[stage].measured |= GateMask{1} << gate;
    }
    for (std::size_t gate = 0; gate < spent_.size(); ++gate) {
      log_needed_.push_back(log_needed[gate][stage]);
      scales_.push_back(spent_[gate].log_unit / log_needed_.back());
    }
  }
}

Exposure StagedPolicy::exposure_after_halt(StageIndex stage) const noexcept {
  return when_halted_ == WhenHalted::freeze ? stages_[static_cast<std::size_t>(stage)].exposure
                                            : Exposure{};
}

void StagedPolicy::initialise(PolicyMemory memory, Instant) const noexcept {
  memory[RolloutSlot::paused_since] = kNotYet;
  spells_in(memory).clear();
  for (const Gate& gate : gates_) memory[gate.first_slot + GateSlot::last_fresh] = kNotYet;
}

void StagedPolicy::observe(PolicyMemory memory, const RolloutView& view,
                           const Observation& observation) const noexcept {
  const Duration now = elapsed(view.started_at, view.at);
  const bool was_paused = memory[RolloutSlot::paused_since] != kNotYet;
  if (view.paused && !was_paused) {
    memory[RolloutSlot::paused_since] = to_slot(now);
  } else if (!view.paused && was_paused) {
    memory[RolloutSlot::paused_for] += to_slot(now) - memory[RolloutSlot::paused_since];
    memory[RolloutSlot::paused_since] = kNotYet;
    GATEWRIGHT_PROBE("staged policy: a pause ended");
  }
  std::visit(
      [&](const auto& told) {
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(told)>, ExposureApplied>) {
          spells_in(memory).report(told.exposure, now);
        } else if constexpr (requires { told.probe; }) {
          const auto index = static_cast<std::size_t>(told.probe);
          if (guard_ && index == guard_probe_) {
            if constexpr (std::is_same_v<std::remove_cvref_t<decltype(told)>, Samples>)
              weigh_units(memory, view, told);
            return;
          }
          // A window that belongs to an earlier stage may still come in; it is not weighed here.
          if ((standing_[index_of(view.stage)].measured >> index & 1) == 0) {
            GATEWRIGHT_PROBE("staged policy: a window of an earlier stage");
            return;
          }
          const bool weighed = weigh(memory, view.stage, index, told.window, observation, now);
          combine(memory, view.stage, index, told.window, weighed ? &observation : nullptr);
        }
      },
      observation.event);
}

bool StagedPolicy::weigh(PolicyMemory memory, StageIndex stage, std::size_t index,
                         std::uint64_t window, const Observation& observation,
                         Duration now) const noexcept {
  const Gate& gate = gates_[index];
  const auto record = memory.subspan(gate.first_slot, gate.slots);
  const Look look = look_at(observation.event, gate.compares_arms);
  const bool is_whole = !gate.needs_still_exposure || stood_still(memory, gate.times, window);
  record[GateSlot::faulty] = look.is_error ? 1.0 : 0.0;
  if (is_whole) record[GateSlot::requests] += static_cast<double>(look.requests) * gate.new_share;
  if (!look.is_evidence) {
    GATEWRIGHT_PROBE("staged policy: a window without evidence");
    return false;
  }
  record[GateSlot::last_fresh] = to_slot(now);
  if (!is_whole) {
    GATEWRIGHT_PROBE("staged policy: a window that a change of exposure cuts");
    return false;
  }
  record[GateSlot::heard] = 1.0;
  const std::span<double> slots = record.subspan(GateSlot::count);
  gate.test->update(slots, observation);
  put(gate.test->evidence(slots, gate.budget), scale(index, index_of(stage)), record);
  if (!(record[GateSlot::harm] >= 0.0 && record[GateSlot::safety] >= 0.0))
    record[GateSlot::faulty] = 1.0;
  return true;
}

void StagedPolicy::combine(PolicyMemory memory, StageIndex stage, std::size_t index,
                           std::uint64_t window, const Observation* weighed) const noexcept {
  for (std::size_t i = 0; i < combined_.size(); ++i) {
    const Combination& gate = combined_[i];
    const auto part =
        static_cast<std::size_t>(std::ranges::find(gate.gates, index) - gate.gates.begin());
    if (part == gate.gates.size()) continue;
    const auto record = memory.subspan(gate.first_slot, GateSlot::count);
    const auto last = memory.subspan(gate.first_slot + GateSlot::count, gate.gates.size());
    const auto slots =
        memory.subspan(gate.first_slot + GateSlot::count + gate.gates.size(), gate.test->slots());
    last[part] = static_cast<double>(window) + 1.0;
    if (weighed != nullptr) gate.test->update(slots, part, *weighed);
    bool is_level = true;
    for (std::size_t other = 0; other < gate.gates.size(); ++other)
      is_level &= (standing_[index_of(stage)].measured >> gate.gates[other] & 1) == 0 ||
                  last[other] == last[part];
    if (!is_level) continue;
    put(gate.test->evidence(slots, gate.budget), scale(gates_.size() + i, index_of(stage)), record);
  }
}

double StagedPolicy::rescaled_by(std::size_t gate, StageIndex stage) const noexcept {
  const std::size_t here = index_of(stage);
  return here == 0 ? 1.0 : log_needed(gate, here - 1) / log_needed(gate, here);
}

void StagedPolicy::weigh_units(PolicyMemory memory, const RolloutView& view,
                               const Samples& units) const noexcept {
  if (!is_guarded(view.stage) || !view.exposure_confirmed) return;
  const std::optional<double> since = spells_in(memory).since();
  const Probe& probe = guard_->probe();
  const Times times{probe.initial_delay, probe.every, probe.window};
  if (!since || times.start_of(units.window) < *since) {
    GATEWRIGHT_PROBE("staged policy: units of a window that a change of exposure cuts");
    return;
  }
  guard_->observe(guard_slots(memory, guard_slot_), view.stage, *since, units);
}

void StagedPolicy::enter_stage(PolicyMemory memory, const RolloutView& view) const noexcept {
  memory[RolloutSlot::paused_for] = 0.0;
  if (!view.exposure_confirmed) {
    spells_in(memory).end(elapsed(view.started_at, view.at));
    if (guard_) SampleRatioGuard::rest(guard_slots(memory, guard_slot_));
  }
  for (std::size_t index = 0; index < gates_.size(); ++index) {
    const Gate& gate = gates_[index];
    const auto record = memory.subspan(gate.first_slot, gate.slots);
    record[GateSlot::harm] *= rescaled_by(index, view.stage);
    if (gate.forgets) {
      GATEWRIGHT_PROBE("staged policy: evidence forgotten at a new stage");
      std::ranges::fill(record, 0.0);
    }
    record[GateSlot::last_fresh] = kNotYet;
    record[GateSlot::heard] = 0.0;
    record[GateSlot::requests] = 0.0;
  }
  for (std::size_t i = 0; i < combined_.size(); ++i) {
    const Combination& gate = combined_[i];
    memory[gate.first_slot + GateSlot::harm] *= rescaled_by(gates_.size() + i, view.stage);
    if (gate.forgets)
      std::ranges::fill(
          memory.subspan(gate.first_slot, GateSlot::count + gate.gates.size() + gate.test->slots()),
          0.0);
  }
}

Proposal StagedPolicy::propose(ConstPolicyMemory memory, const RolloutView& view) const noexcept {
  const auto stage = static_cast<std::size_t>(view.stage);
  Proposal proposal{.measure = standing_[stage].measured};
  GateFindings findings;
  const auto wake_by = [&](Instant deadline) {
    if (deadline > view.at) proposal.wake_at = std::min(proposal.wake_at, deadline);
  };

  for (GateMask left = standing_[stage].measured; left != 0; left &= left - 1) {
    const auto index = static_cast<std::size_t>(std::countr_zero(left));
    const GateMask bit = GateMask{1} << index;
    const Gate& gate = gates_[index];
    const auto record = memory.subspan(gate.first_slot, GateSlot::count);

    const Verdict verdict = verdict_of(record);
    if (verdict == Verdict::fail) {
      proposal.failing |= bit;
      findings.failed |= gate.is_protective;
      if (!gate.is_protective) GATEWRIGHT_PROBE("staged policy: an advisory gate fails");
    }
    if (verdict == Verdict::undecided || verdict == Verdict::no_data) proposal.undecided |= bit;
    findings.faulty |= verdict == Verdict::fault;
    findings.unproven |= gate.is_protective && !gate.is_ab && verdict != Verdict::pass;
    findings.requests = std::max(findings.requests, record[GateSlot::requests]);

    findings.unheard |= record[GateSlot::heard] == 0.0;
    if (gate.is_ab) {
      findings.unheard |= record[GateSlot::enough] == 0.0;
      findings.won |= verdict == Verdict::pass && !gate.is_of_segment;
    }
    const Instant fresh_at =
        record[GateSlot::last_fresh] == kNotYet
            ? std::max(view.stage_entered_at, after(view.started_at, gate.times.initial_delay))
            : after(view.started_at, from_slot(record[GateSlot::last_fresh]));
    const Instant silent_at = after(fresh_at, gate.silence);
    if (view.at >= silent_at) {
      GATEWRIGHT_PROBE("staged policy: a silent gate");
      proposal.silent |= bit;
      findings.silent = true;
    }
    wake_by(silent_at);
  }
  judge_combinations(memory, stage, proposal, findings);
  if (findings.failed && spending_ == Spending::holm) {
    proposal.failing = stepped_down(proposal.failing, memory, stage);
    proposal.undecided &= ~proposal.failing;
  }

  if (is_guarded(view.stage)) {
    proposal.measure |= ProbeMask{1} << guard_probe_;
    if (SampleRatioGuard::harm(guard_slots(memory, guard_slot_)) >= 1.0) {
      proposal.failing |= GateMask{1} << guard_gate_;
      findings.failed = true;
      GATEWRIGHT_PROBE("staged policy: units do not come in the shares asked for");
    }
  }

  const StageRule& rule = standing_[stage].rule;
  const Instant gives_up_at = times_out_at(rule, view, from_slot(memory[RolloutSlot::paused_for]));
  wake_by(dwell_ends_at(rule, view));
  wake_by(gives_up_at);
  const Step step = climb(rule, view, findings, gives_up_at);
  proposal.action = step.action;
  proposal.cause = step.cause;
  return proposal;
}

void StagedPolicy::judge_combinations(ConstPolicyMemory memory, std::size_t stage,
                                      Proposal& proposal, GateFindings& findings) const noexcept {
  for (std::size_t i = 0; i < combined_.size(); ++i) {
    const Combination& gate = combined_[i];
    const auto is_heard = [&](std::size_t part) {
      return (standing_[stage].measured >> part & 1) != 0;
    };
    if (std::ranges::none_of(gate.gates, is_heard)) continue;
    const GateMask bit = GateMask{1} << (gates_.size() + i);
    const Verdict verdict = verdict_of(memory.subspan(gate.first_slot, GateSlot::count));
    if (verdict == Verdict::fail) {
      GATEWRIGHT_PROBE("staged policy: a combined gate fails");
      proposal.failing |= bit;
      findings.failed |= gate.is_protective;
    }
    if (verdict == Verdict::undecided || verdict == Verdict::no_data) proposal.undecided |= bit;
    // Where a part is not measured, nobody can show that it has used little of its margin.
    findings.unproven |=
        gate.is_protective && verdict != Verdict::pass && std::ranges::all_of(gate.gates, is_heard);
  }
}

GateMask StagedPolicy::stepped_down(GateMask failing, ConstPolicyMemory memory,
                                    std::size_t stage) const noexcept {
  std::array<HolmEntry, kGatesMax> entries{};
  for (std::size_t gate = 0; gate < spent_.size(); ++gate) {
    const Spent& spent = spent_[gate];
    const auto record = memory.subspan(first_slot(gate), GateSlot::count);
    const bool takes_part =
        spent.steps_down && verdict_of(record) != Verdict::fault && record[GateSlot::enough] != 0.0;
    const double needed = log_needed(gate, stage);
    entries[gate] = {.share = spent.budget_share,
                     .log_e = takes_part ? record[GateSlot::harm] * needed : 0.0,
                     .needed = needed};
  }
  const GateMask before = failing;
  step_down(std::span(entries).first(spent_.size()), failing);
  if (failing != before) GATEWRIGHT_PROBE("staged policy: a gate fails by what others leave");
  return failing;
}

std::size_t StagedPolicy::first_slot(std::size_t gate) const noexcept {
  return gate < gates_.size() ? gates_[gate].first_slot
                              : combined_[gate - gates_.size()].first_slot;
}

double StagedPolicy::harm(ConstPolicyMemory memory, std::size_t gate) const noexcept {
  if (guard_ && gate == guard_gate_)
    return SampleRatioGuard::harm(guard_slots(memory, guard_slot_));
  const auto record = memory.subspan(first_slot(gate), GateSlot::count);
  return record[GateSlot::enough] != 0.0 ? record[GateSlot::harm]
                                         : std::numeric_limits<double>::quiet_NaN();
}

Finding StagedPolicy::finding(ConstPolicyMemory memory, std::size_t gate) const noexcept {
  // Combined gates and the check of the split find nothing.
  if (gate >= gates_.size()) return {};
  const Gate& asked = gates_[gate];
  return asked.test->finding(memory.subspan(asked.first_slot, asked.slots).subspan(GateSlot::count),
                             asked.budget);
}

}  // namespace gatewright
