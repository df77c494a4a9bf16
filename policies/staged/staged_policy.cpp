#include "policies/staged/staged_policy.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <type_traits>
#include <utility>

#include "policies/assert.h"
#include "policies/histogram.h"
#include "policies/probe_mark.h"
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

/// Whether the exposure stood still over the whole of a probe's window. A change inside it gives one
/// arm more of the window's end than of its beginning, and whatever moves both arms meanwhile then
/// looks like a difference between them.
[[nodiscard]] bool stood_still(PolicyMemory memory, const Probe& probe,
                               std::uint64_t window) noexcept {
  // In floating point, because no window number may overflow; exact for the first 104 days.
  const double start =
      to_slot(probe.initial_delay) + static_cast<double>(window) * to_slot(probe.every);
  return spells_in(memory).hold(start, start + to_slot(probe.window));
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

StagedPolicy::StagedPolicy(std::string name, std::vector<StagedStage> stages,
                           std::vector<StagedGate> gates, WhenHalted when_halted)
    : name_(std::move(name)), when_halted_(when_halted), slots_(RolloutSlot::count) {
  for (StagedGate& gate : gates) {
    const double fresh = std::chrono::duration<double>(gate.probe.every) / gate.probe.window;
    const bool compares_arms = gate.test->compares_arms();
    gates_.push_back(
        {.budget = gate.budget,
         .silence = gate.silence,
         .new_share = std::min(fresh, 1.0),
         .first_slot = slots_,
         .compares_arms = compares_arms,
         .needs_still_exposure = compares_arms && gate.test->guarantee() != Guarantee::none,
         .is_protective = gate.role == GateRole::protective,
         .forgets = gate.evidence == EvidenceSpan::stage,
         .test = std::move(gate.test)});
    slots_ += GateSlot::count + gates_.back().test->slots();
    probes_.push_back(std::move(gate.probe));
    gate_names_.push_back(std::move(gate.name));
  }
  for (StagedStage& stage : stages) {
    GateMask measured = 0;
    for (std::size_t gate = 0; gate < gates_.size(); ++gate) {
      const MetricInfo* metric = find_metric(probes_[gate].metric);
      GATEWRIGHT_ASSERT(metric != nullptr);
      if (is_measured(*metric, gates_[gate].compares_arms, stage.stage.exposure))
        measured |= GateMask{1} << gate;
    }
    measured_.push_back(measured);
    stages_.push_back(std::move(stage.stage));
    rules_.push_back(stage.rule);
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
          // A window that belongs to an earlier stage may still come in; it is not weighed here.
          if ((measured_[static_cast<std::size_t>(view.stage)] >> index & 1) == 0) {
            GATEWRIGHT_PROBE("staged policy: a window of an earlier stage");
            return;
          }
          weigh(memory, index, told.window, observation, now);
        }
      },
      observation.event);
}

void StagedPolicy::weigh(PolicyMemory memory, std::size_t index, std::uint64_t window,
                         const Observation& observation, Duration now) const noexcept {
  const Gate& gate = gates_[index];
  const auto record = memory.subspan(gate.first_slot, GateSlot::count + gate.test->slots());
  const Look look = look_at(observation.event, gate.compares_arms);
  const bool is_whole = !gate.needs_still_exposure || stood_still(memory, probes_[index], window);
  record[GateSlot::faulty] = look.is_error ? 1.0 : 0.0;
  if (is_whole) record[GateSlot::requests] += static_cast<double>(look.requests) * gate.new_share;
  if (!look.is_evidence) {
    GATEWRIGHT_PROBE("staged policy: a window without evidence");
    return;
  }
  record[GateSlot::last_fresh] = to_slot(now);
  if (!is_whole) {
    GATEWRIGHT_PROBE("staged policy: a window that a change of exposure cuts");
    return;
  }
  record[GateSlot::heard] = 1.0;
  const std::span<double> slots = record.subspan(GateSlot::count);
  gate.test->update(slots, observation);
  const Evidence evidence = gate.test->evidence(slots, gate.budget);
  record[GateSlot::harm] = evidence.harm;
  record[GateSlot::safety] = evidence.safety;
  record[GateSlot::enough] = evidence.enough ? 1.0 : 0.0;
  if (!(evidence.harm >= 0.0 && evidence.safety >= 0.0)) record[GateSlot::faulty] = 1.0;
}

void StagedPolicy::enter_stage(PolicyMemory memory, const RolloutView& view) const noexcept {
  memory[RolloutSlot::paused_for] = 0.0;
  if (!view.exposure_confirmed) spells_in(memory).end(elapsed(view.started_at, view.at));
  for (const Gate& gate : gates_) {
    const auto record = memory.subspan(gate.first_slot, GateSlot::count + gate.test->slots());
    if (gate.forgets) {
      GATEWRIGHT_PROBE("staged policy: evidence forgotten at a new stage");
      std::ranges::fill(record, 0.0);
    }
    record[GateSlot::last_fresh] = kNotYet;
    record[GateSlot::heard] = 0.0;
    record[GateSlot::requests] = 0.0;
  }
}

Proposal StagedPolicy::propose(ConstPolicyMemory memory, const RolloutView& view) const noexcept {
  const auto stage = static_cast<std::size_t>(view.stage);
  Proposal proposal{.measure = measured_[stage]};
  GateFindings findings;
  const auto wake_by = [&](Instant deadline) {
    if (deadline > view.at) proposal.wake_at = std::min(proposal.wake_at, deadline);
  };

  for (GateMask left = measured_[stage]; left != 0; left &= left - 1) {
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
    findings.unproven |= gate.is_protective && verdict != Verdict::pass;
    findings.requests = std::max(findings.requests, record[GateSlot::requests]);

    findings.unheard |= record[GateSlot::heard] == 0.0;
    const Instant fresh_at =
        record[GateSlot::last_fresh] == kNotYet
            ? std::max(view.stage_entered_at, after(view.started_at, probes_[index].initial_delay))
            : after(view.started_at, from_slot(record[GateSlot::last_fresh]));
    const Instant silent_at = after(fresh_at, gate.silence);
    if (view.at >= silent_at) {
      GATEWRIGHT_PROBE("staged policy: a silent gate");
      proposal.silent |= bit;
      findings.silent = true;
    }
    wake_by(silent_at);
  }

  const StageRule& rule = rules_[stage];
  const Instant gives_up_at = times_out_at(rule, view, from_slot(memory[RolloutSlot::paused_for]));
  wake_by(dwell_ends_at(rule, view));
  wake_by(gives_up_at);
  const Step step = climb(rule, view, findings, gives_up_at);
  proposal.action = step.action;
  proposal.cause = step.cause;
  return proposal;
}

double StagedPolicy::harm(ConstPolicyMemory memory, std::size_t gate) const noexcept {
  const auto record = memory.subspan(gates_[gate].first_slot, GateSlot::count);
  return record[GateSlot::enough] != 0.0 ? record[GateSlot::harm]
                                         : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace gatewright
