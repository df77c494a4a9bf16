#include "sim/swarm/history_checks.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "policies/digest.h"
#include "policies/histogram.h"
#include "policies/metric.h"
#include "policies/probe_mark.h"
#include "sim/swarm/random_world.h"

namespace gatewright::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kViolationsKept = 8;

bool same(const RolloutState& a, const RolloutState& b) noexcept {
  return a == b || digest(a) == digest(b);
}

/// The probe that evidence is of; nothing for other observations.
std::optional<ProbeIndex> probe_of(const Event& event) noexcept {
  return std::visit(
      []<class Told>(const Told& told) -> std::optional<ProbeIndex> {
        if constexpr (requires { told.probe; })
          return told.probe;
        else
          return std::nullopt;
      },
      event);
}

std::uint64_t window_of(const Event& event) noexcept {
  return std::visit(
      []<class Told>(const Told& told) -> std::uint64_t {
        if constexpr (requires { told.window; })
          return told.window;
        else
          return 0;
      },
      event);
}

/// Whether a combined gate weighs the windows of both probes.
bool share_a_gate(const PlanSpec& plan, ProbeIndex one, ProbeIndex other) {
  const auto is_part = [&plan](const CombinedGateSpec& combined, ProbeIndex probe) {
    const auto gate = static_cast<std::size_t>(probe);  // beyond the gates: the check of the split
    return gate < plan.gates.size() &&
           std::ranges::find(combined.gates, plan.gates[gate].name) != combined.gates.end();
  };
  return std::ranges::any_of(plan.combined, [&](const CombinedGateSpec& combined) {
    return is_part(combined, one) && is_part(combined, other);
  });
}

bool is_quiet(const Decision& decision) noexcept {
  return decision.action == Action::hold && decision.cause != Cause::observation_refused &&
         decision.cause != Cause::rollout_ended;
}

// ---- S10 ----

/// What makes a probe's candidate samples worse.
struct Harm {
  double sign = 1.0;  ///< of the harmful direction
  double size = 0.0;  ///< by which numbers move, in the probe's unit
  bool is_event = false;
  bool is_on = true;
  double owed = 1.0;  ///< events that are still to be changed; one for a start
};

/// By how much of the candidate's first mean, or of 1 on a logarithmic scale; of the events.
constexpr double kWorseBy = 0.1;
constexpr std::uint32_t kWorseByBins = HistogramGrid::kBinsPerOctave / 16;

std::vector<Harm> harms_of(const PlanSpec& plan, const Policy& policy, const RunTrace& trace) {
  std::vector<Harm> harms;
  for (std::size_t i = 0; i < plan.gates.size(); ++i) {
    const Probe& probe = policy.probes()[i];
    const MetricInfo* metric = find_metric(probe.metric);
    harms.push_back({.sign = plan.gates[i].harm.direction == Direction::up ? 1.0 : -1.0,
                     .size = probe.statistic.kind == Statistic::Kind::mean_log ? kWorseBy : 0.0,
                     .is_event = metric != nullptr && metric->kind == MetricKind::event});
  }
  for (const JournalEntry& entry : trace.journal.entries()) {
    const auto probe = probe_of(entry.observation.event);
    if (!probe || static_cast<std::size_t>(*probe) >= harms.size()) continue;
    double& size = harms[static_cast<std::size_t>(*probe)].size;
    if (size > 0.0) continue;
    if (const auto* samples = std::get_if<Samples>(&entry.observation.event)) {
      const Summary& arm = samples->candidate;
      if (arm.count > 0) size = kWorseBy * std::abs(arm.sum / static_cast<double>(arm.count));
    } else if (const auto* readings = std::get_if<Readings>(&entry.observation.event)) {
      if (readings->candidate.status == ReadingStatus::ok)
        size = kWorseBy * std::abs(readings->candidate.value);
    }
  }
  return harms;
}

/// How many of the candidate's events come, or go, to make it worse.
double changed_events(const Summary& candidate, Harm& harm) noexcept {
  // Windows may hold few events, so it is their sum that is worse, by one and a tenth.
  harm.owed += kWorseBy * candidate.sum;
  const auto n = static_cast<double>(candidate.count);
  const double changed =
      std::min(std::floor(harm.owed), harm.sign > 0.0 ? n - candidate.sum : candidate.sum);
  harm.owed -= changed;
  return changed;
}

/// Events of both arms on one prompt, once the candidate's have changed: first those on prompts on
/// which the arms fared alike, so that each is a pair that differs.
double both_events(const Samples& pairs, double changed, double sign) noexcept {
  const double both = *pairs.sum_of_products;
  const auto n = static_cast<double>(pairs.candidate.count);
  if (sign > 0.0) {
    const double neither = n - pairs.baseline.sum - pairs.candidate.sum + both;
    return both + std::max(0.0, changed - neither);
  }
  return both - std::min(both, changed);
}

void make_worse(Samples& samples, Harm& harm) noexcept {
  Summary& candidate = samples.candidate;
  const auto n = static_cast<double>(candidate.count);
  if (harm.is_event) {
    const double changed = changed_events(candidate, harm);
    if (samples.sum_of_products) samples.sum_of_products = both_events(samples, changed, harm.sign);
    candidate.sum += harm.sign * changed;
    candidate.sum_of_squares = candidate.sum;
    return;
  }
  const double shift = harm.sign * harm.size;
  if (samples.sum_of_products) *samples.sum_of_products += shift * samples.baseline.sum;
  if (samples.covariates)
    samples.covariates->candidate.sum_of_products += shift * samples.covariates->candidate.sum;
  candidate.sum_of_squares += 2.0 * shift * candidate.sum + n * shift * shift;
  candidate.sum += n * shift;
}

/// Every value moved by kWorseByBins; what would leave the grid stays in its last bin on that side.
std::vector<HistogramBin> worse(HistogramView view, const Harm& harm) {
  std::vector<HistogramBin> bins;
  for (const auto& [bin, count] : view) {
    const std::uint32_t moved = harm.sign > 0.0
                                    ? std::min(bin + kWorseByBins, HistogramGrid::kBins - 1)
                                    : bin - std::min(bin, kWorseByBins);
    if (!bins.empty() && bins.back().bin == moved)
      bins.back().count += count;
    else
      bins.push_back({moved, count});
  }
  return bins;
}

/// The same observation with a worse candidate; `bins` is the memory that it borrows.
Observation worse(const Observation& observation, std::span<Harm> harms,
                  std::vector<HistogramBin>& bins) {
  Observation worsened = observation;
  const auto probe = probe_of(observation.event);
  if (!probe || static_cast<std::size_t>(*probe) >= harms.size()) return worsened;
  Harm& harm = harms[static_cast<std::size_t>(*probe)];
  if (!harm.is_on) return worsened;
  if (auto* samples = std::get_if<Samples>(&worsened.event)) {
    make_worse(*samples, harm);
  } else if (auto* readings = std::get_if<Readings>(&worsened.event)) {
    readings->candidate.value += harm.sign * harm.size;
  } else if (auto* distributions = std::get_if<Distributions>(&worsened.event)) {
    bins = worse(distributions->candidate, harm);
    distributions->candidate = bins;
  }
  return worsened;
}

bool is_two_sided(const GateSpec& gate) {
  const auto sides = gate.test.parameters.find("sides");
  return gate.test.name == "z_test" && sides != gate.test.parameters.end() &&
         sides->second == TestValue(std::string("two"));
}

bool estimates_a_rates_spread(const GateSpec& gate) {
  const MetricInfo* metric = find_metric(gate.metric);
  return metric != nullptr && metric->kind == MetricKind::event &&
         (gate.test.name == "z_test" || gate.test.name == "normal_mixture");
}

bool waits_for_safety(const PlanSpec& plan) {
  return plan.advance_when == AdvanceWhen::safety_shown ||
         std::ranges::any_of(plan.stages, [](const StageSpec& stage) {
           return stage.advance_when == AdvanceWhen::safety_shown;
         });
}

int boldness(Action action) noexcept {
  switch (action) {
    case Action::halt:
      return 0;
    case Action::hold:
      return 1;
    case Action::advance:
    case Action::complete:
      break;
  }
  return 2;
}

/// The first action that differs under these harms, if it is bolder than the recorded one.
std::optional<Violation> worsening(const Machine& machine, std::vector<Harm> harms,
                                   const RunTrace& trace, bool halts_only) {
  RolloutState state = trace.initial_state;
  std::vector<HistogramBin> bins;
  for (const JournalEntry& entry : trace.journal.entries()) {
    // What the engine refused says nothing of the candidate, and made worse it might be well formed.
    const bool refused = entry.decision.cause == Cause::observation_refused;
    const Action worsened =
        machine.step(state, refused ? entry.observation : worse(entry.observation, harms, bins))
            .action;
    const Action recorded = entry.decision.action;
    if (worsened == recorded) continue;
    if (boldness(worsened) > boldness(recorded) && (recorded == Action::halt || !halts_only))
      return Violation{"S10", entry.observation.sequence - 1,
                       "with candidate samples made worse, " + std::string(to_string(recorded)) +
                           " became " + std::string(to_string(worsened))};
    GATEWRIGHT_PROBE("history checks: a worse candidate fared worse");
    break;
  }
  return std::nullopt;
}

// ---- the hostile retelling ----

/// Observations that nobody should send, made from those that were sent.
class Heckler {
 public:
  /// Each kind of heckling is on in two runs of five.
  Heckler(const RunTrace& trace, const StreamKey& key)
      : entries_(trace.journal.entries()), dice_(key) {
    for (bool& is_on : is_on_) is_on = dice_.chance(0.4);
  }

  [[nodiscard]] bool interrupts() noexcept { return dice_.chance(0.2); }
  [[nodiscard]] bool loses() noexcept { return dice_.chance(0.03); }
  [[nodiscard]] bool repeats() noexcept { return dice_.chance(0.1); }

  /// Something in front of entry i; `state` is what the rollout is in.
  [[nodiscard]] Observation observation(std::size_t i, const RolloutState& state) {
    const Observation& next = entries_[i].observation;
    Observation told{state.sequence + 1, state.at, Tick{}};
    const std::size_t kind = dice_.below(kKinds);
    if (!is_on_[kind]) return told;
    switch (kind) {
      case 0:
        return {state.sequence, state.at, next.event};
      case 1:
        told.at = state.at - 1s;
        break;
      case 2:
        told.at = kNever;
        break;
      case 3:
        told.event = Samples{.probe = ProbeIndex{63}};
        break;
      case 4:
        told.event = in_another_form(next.event);
        break;
      case 5:
        told.event = entries_[dice_.below(i + 1)].observation.event;  // mostly stale
        break;
      case 6:
        told.event = spoiled(next.event, {.count = 5, .sum = kNaN, .sum_of_squares = 1.0});
        break;
      case 7:
        told.event = spoiled(next.event, {.count = 0, .sum = 1.0, .sum_of_squares = 1.0});
        break;
      case 8:
        told.event = spoiled(next.event, {.count = 4, .sum = 9.0, .sum_of_squares = 1.0});
        break;
      case 9:
        told.event = ExposureApplied{{.served = 20'000}};
        break;
      case 10:
        told.event = OperatorCommand{static_cast<OperatorCommand::Kind>(77)};
        break;
      case 11:
        told.event = never_followed(next.event);
        break;
      case 12:
        told.event = OperatorCommand{OperatorCommand::Kind::pause};
        break;
      case 13:
      case 14:
        told.event = OperatorCommand{OperatorCommand::Kind::resume};
        break;
      case 15:
        told.event = OperatorCommand{OperatorCommand::Kind::approve};
        break;
      case 16:
        told.event = ExposureApplied{{.served = static_cast<std::uint16_t>(dice_.below(10'001))}};
        break;
      case 17:
        if (dice_.chance(0.05)) told.event = OperatorCommand{OperatorCommand::Kind::halt};
        break;
      case 18:
        told.event = ExposureApplied{state.target};
        break;
      case 19:
        told.event = with_impossible_products(next.event);
        break;
      case 20:
        told.event = with_covariates(next.event);
        break;
      default:
        break;
    }
    return told;
  }

 private:
  static constexpr std::size_t kKinds = 21;
  static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

  /// Evidence in a form that its probe did not ask for.
  static Event in_another_form(const Event& event) {
    if (const auto* samples = std::get_if<Samples>(&event))
      return Readings{.probe = samples->probe, .window = samples->window};
    if (const auto probe = probe_of(event)) return Samples{.probe = *probe};
    return Tick{};
  }

  /// Evidence whose candidate is nonsense; of a reading, one that failed, and of a distribution, one
  /// whose bins fall.
  static Event spoiled(Event event, const Summary& nonsense) {
    static constexpr HistogramBin kFalling[] = {{7, 1}, {3, 1}};
    if (auto* samples = std::get_if<Samples>(&event)) samples->candidate = nonsense;
    if (auto* readings = std::get_if<Readings>(&event)) {
      readings->candidate = nonsense.count > 0
                                ? Reading{nonsense.sum, nonsense.count, ReadingStatus::ok}
                                : Reading{.status = ReadingStatus::error};
    }
    if (auto* distributions = std::get_if<Distributions>(&event))
      distributions->candidate = kFalling;
    return event;
  }

  /// Products that no numbers have.
  static Event with_impossible_products(Event event) {
    constexpr double kImpossible = 1e300;
    if (auto* samples = std::get_if<Samples>(&event)) {
      if (samples->sum_of_products) samples->sum_of_products = kImpossible;
      if (samples->covariates) samples->covariates->candidate.sum_of_products = kImpossible;
    }
    return event;
  }

  /// A second number where nobody asked for one.
  static Event with_covariates(Event event) {
    if (auto* samples = std::get_if<Samples>(&event)) samples->covariates.emplace();
    return event;
  }

  /// Evidence of the last window number there is.
  static Event never_followed(Event event) {
    std::visit(
        [](auto& told) {
          if constexpr (requires { told.window; })
            told.window = std::numeric_limits<std::uint64_t>::max();
        },
        event);
    return event;
  }

  const std::vector<JournalEntry>& entries_;
  Dice dice_;
  std::array<bool, kKinds> is_on_{};
};

}  // namespace

std::vector<Violation> check_commuting(const Machine& machine, const PlanSpec& plan,
                                       const RunTrace& trace) {
  std::vector<Violation> violations;
  const std::vector<JournalEntry>& entries = trace.journal.entries();
  RolloutState state = trace.initial_state;
  RolloutState one;
  RolloutState other;
  for (std::size_t i = 0; i + 1 < entries.size() && violations.size() < kViolationsKept; ++i) {
    const Observation& first = entries[i].observation;
    const Observation& second = entries[i + 1].observation;
    const auto a = probe_of(first.event);
    const auto b = probe_of(second.event);
    const bool are_of_one_gate =
        a && b && window_of(first.event) != window_of(second.event) && share_a_gate(plan, *a, *b);
    if (are_of_one_gate) GATEWRIGHT_PROBE("history checks: two windows of a combined gate");
    if (a && b && a != b && first.at == second.at && !are_of_one_gate) {
      one = state;
      other = state;
      const Decision after_first = machine.step(one, first);
      const Decision after_second = machine.step(other, {first.sequence, second.at, second.event});
      if (is_quiet(after_first) && is_quiet(after_second)) {
        Decision ends = machine.step(one, second);
        Decision ends_swapped = machine.step(other, {second.sequence, first.at, first.event});
        ends.fault = ends_swapped.fault = Fault::none;
        if (ends != ends_swapped || !same(one, other))
          violations.push_back({"S9", i,
                                "windows of probes " + std::to_string(static_cast<unsigned>(*a)) +
                                    " and " + std::to_string(static_cast<unsigned>(*b)) +
                                    ", told at one instant, led elsewhere in the other order"});
      } else {
        GATEWRIGHT_PROBE("history checks: the first of two windows moved the rollout");
      }
    }
    (void)machine.step(state, first);
  }
  return violations;
}

std::vector<Violation> check_worsening(const Machine& machine, const PlanSpec& plan,
                                       const Policy& policy, const RunTrace& trace) {
  if (std::ranges::any_of(plan.gates, is_two_sided)) return {};
  const bool halts_only =
      waits_for_safety(plan) && std::ranges::any_of(plan.gates, estimates_a_rates_spread);
  std::vector<Harm> harms = harms_of(plan, policy, trace);
  if (const auto all = worsening(machine, harms, trace, halts_only)) return {*all};
  if (harms.size() < 2) return {};
  for (std::size_t gate = 0; gate < harms.size(); ++gate) {
    for (std::size_t other = 0; other < harms.size(); ++other) harms[other].is_on = other == gate;
    if (const auto alone = worsening(machine, harms, trace, halts_only)) return {*alone};
  }
  return {};
}

std::vector<Violation> check_retelling(const Contender& contender, const Machine& machine,
                                       const RunTrace& trace, const StreamKey& key) {
  CheckerMemory memory;
  Checker checker(contender.engine.shared_policy(), contender.plan, machine, memory);
  checker.start(key.replication);
  RolloutState state = trace.initial_state;
  const auto tell = [&](const Observation& observation) {
    checker.remember(state);
    const Decision decision = machine.step(state, observation);
    checker.check(observation, decision, state);
    return decision;
  };
  std::vector<Violation> counted_twice;
  Heckler heckler(trace, key);
  const std::vector<JournalEntry>& entries = trace.journal.entries();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (heckler.interrupts()) (void)tell(heckler.observation(i, state));
    if (heckler.loses()) continue;
    Observation next = entries[i].observation;
    next.sequence = state.sequence + 1;
    (void)tell(next);
    if (!probe_of(next.event) || !heckler.repeats()) continue;
    next.sequence = state.sequence + 1;
    const Cause cause = tell(next).cause;
    if (cause != Cause::observation_refused && cause != Cause::rollout_ended)
      counted_twice.assign(1,
                           {"S6", i, "a window told again under a new number was weighed again"});
  }
  std::vector<Violation> violations = checker.violations();
  violations.insert(violations.end(), counted_twice.begin(), counted_twice.end());
  return violations;
}

std::vector<Violation> check_threads(std::span<const Contender> contender,
                                     const PreparedScenario& scenario, const RunRecord& record,
                                     RunKey key) {
  const auto play = [&](unsigned threads) {
    return run_many(contender, scenario,
                    {.seed = key.seed,
                     .first_replication = key.replication,
                     .replications = 2,
                     .threads = threads})
        .by_contender.front();
  };
  const std::vector<RunRecord> alone = play(1);
  const std::vector<RunRecord> together = play(2);
  const bool is_equal = alone[0].fingerprint == record.fingerprint &&
                        together[0].fingerprint == record.fingerprint &&
                        alone[1].fingerprint == together[1].fingerprint;
  if (is_equal) return {};
  return {{"S13", record.steps, "one thread and two came to different fingerprints"}};
}

}  // namespace gatewright::sim
