#include "sim/swarm/swarm.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "policies/compile.h"
#include "policies/gates/catalogue.h"
#include "sim/checkers.h"
#include "sim/swarm/history_checks.h"
#include "sim/swarm/liveness.h"

namespace gatewright::sim {
namespace {

/// One world in twenty is played by one thread and by two.
constexpr double kPlayedTwice = 0.05;

/// Fewer e-values are those of somebody who plays one world again, chosen for what was seen in it.
constexpr std::uint64_t kEValuesLeast = 100;

void refuse(const Diagnostics& diagnostics, const RandomWorld& world) {
  for (const Diagnostic& diagnostic : diagnostics)
    if (diagnostic.severity == Severity::error)
      throw std::logic_error(world.scenario.about + " cannot be played: " + diagnostic.path + ": " +
                             diagnostic.message);
}

/// A world in one guise, ready to play.
struct Rehearsal {
  Rehearsal(const WorldKey& of, Guise guise) : key(of), world(random_world(of, guise)) {
    Compiled compiled = compile(world.plan);
    refuse(compiled.diagnostics, world);
    contender.push_back({world.plan.name, *compiled.engine, world.plan.assignment,
                         std::make_shared<const PlanSpec>(world.plan)});
    Prepared prepared = prepare(world.scenario);
    refuse(prepared.diagnostics, world);
    refuse(check_fit(contender.front(), world.scenario), world);
    scenario = std::move(prepared.scenario);
  }

  [[nodiscard]] const Engine& engine() const { return contender.front().engine; }

  WorldKey key;
  RandomWorld world;
  std::vector<Contender> contender;  ///< one
  std::shared_ptr<const PreparedScenario> scenario;
};

[[nodiscard]] bool is_anytime(const GateSpec& gate) {
  const GateTestInfo* test = find_gate_test(gate.test.name);
  return test != nullptr && test->guarantee == Guarantee::anytime;
}

/// The error that a gate's harm evidence is a share of.
std::vector<double> alphas_of(const PlanSpec& plan) {
  std::vector<double> alphas;
  for (const BudgetRow& row : budget_split(plan))
    alphas.push_back(row.false_alarm > 0.0 ? row.false_alarm / static_cast<double>(row.spent_over)
                                           : plan.false_alarm_budget.value_or(0.05));
  return alphas;
}

/// E-values of a healthy rollout's anytime gates at the edge of harm, at an instant that the plan alone
/// fixes, the end of its dwells; of a rollout that ended before, as they were then (a stopped e-process is one). Harm is
/// cut off at 0, so an e-value below 1 is known as at most 1 and counts as 0. Gates of one test in one
/// world depend on each other, so their mean counts, which is an e-value as well.
std::vector<EValue> e_values_of(const Rehearsal& rehearsal, const RunTrace& trace) {
  const PlanSpec& plan = rehearsal.world.plan;
  Instant at{};
  for (const StageSpec& spec : plan.stages) at += spec.dwell;
  const auto& entries = trace.journal.entries();
  const auto later = std::ranges::find_if(
      entries, [&](const JournalEntry& entry) { return entry.observation.at > at; });
  if (later == entries.begin()) return {};
  const std::vector<double>& harm =
      trace.harm[static_cast<std::size_t>(later - entries.begin()) - 1];
  const std::vector<double> alphas = alphas_of(plan);
  std::vector<EValue> values;
  for (std::size_t gate = 0; gate < plan.gates.size(); ++gate) {
    if (!is_anytime(plan.gates[gate]) || !is_at_edge(plan.gates[gate].harm)) continue;
    // Without enough samples there is no evidence yet: 1.
    const double e = std::isnan(harm[gate]) ? 1.0
                     : harm[gate] > 0.0     ? std::pow(alphas[gate], -harm[gate])
                                            : 0.0;
    const auto same_test = std::ranges::find(values, plan.gates[gate].test.name, &EValue::test);
    if (same_test == values.end())
      values.push_back({plan.gates[gate].test.name, e, 1});
    else
      same_test->value += (e - same_test->value) / static_cast<double>(++same_test->gates);
  }
  return values;
}

/// The budget of a plan that has one for every gate that can halt.
std::optional<double> whole_budget(const PlanSpec& plan) {
  for (const GateSpec& gate : plan.gates)
    if (gate.role == GateRole::protective && !is_anytime(gate)) return std::nullopt;
  return plan.false_alarm_budget;  // combined gates and the check of the split spend of it as well
}

class WorldPlay {
 public:
  explicit WorldPlay(const WorldKey& key) : key_(key) {}

  [[nodiscard]] WorldResult play() {
    Dice dice({.seed = key_.seed, .replication = key_.index, .name = "swarm.twice"});
    result_.was_played_twice = dice.chance(kPlayedTwice);
    for (const Guise guise : {Guise::faulty, Guise::healthy, Guise::harmful}) play(guise);
    return std::move(result_);
  }

 private:
  void play(Guise guise) {
    const Rehearsal rehearsal(key_, guise);
    std::vector<RunTrace> traces;
    const RunRecord record = run(rehearsal.contender, *rehearsal.scenario,
                                 {.seed = key_.seed, .replication = key_.index}, &traces)
                                 .front();
    const RunTrace& trace = traces.front();
    const Contender& contender = rehearsal.contender.front();
    const Machine machine = machine_of(rehearsal.engine());

    found(guise, record.violations);
    found(guise, check_commuting(machine, rehearsal.world.plan, trace));
    found(guise,
          check_worsening(machine, rehearsal.world.plan, rehearsal.engine().policy(), trace));
    found(guise, check_retelling(contender, machine, trace,
                                 {.seed = key_.seed,
                                  .replication = key_.index,
                                  .name = "swarm.heckler",
                                  .index = static_cast<std::uint64_t>(guise)}));
    const Liveness owed = liveness_of(rehearsal.world, rehearsal.engine().policy());
    found(guise, check_liveness(owed, guise, record));
    if (guise == Guise::faulty && result_.was_played_twice)
      found(guise, check_threads(rehearsal.contender, *rehearsal.scenario, record,
                                 {.seed = key_.seed, .replication = key_.index}));

    result_.outcomes[static_cast<std::size_t>(guise)] = record.outcome;
    result_.steps += record.steps;
    result_.requests += record.requests;
    if (guise == Guise::harmful) result_.owed_halt = owed.must_halt;
    if (guise != Guise::healthy) return;
    result_.owed_completion = owed.completes_by.has_value();
    result_.e_values = e_values_of(rehearsal, trace);
    result_.budget = whole_budget(rehearsal.world.plan);
    result_.raised_false_alarm =
        record.outcome == Outcome::halted && record.cause == Cause::gate_failed;
  }

  void found(Guise guise, const std::vector<Violation>& violations) {
    for (const Violation& violation : violations)
      result_.findings.push_back({key_.index, guise, violation});
  }

  WorldKey key_;
  WorldResult result_;
};

/// What the threads of a swarm share.
class Work {
 public:
  explicit Work(const SwarmOptions& options) : options_(options), results_(options.worlds) {}

  void work() noexcept {
    try {
      for (;;) {
        if (is_stopped()) return;
        const std::uint64_t i = next_.fetch_add(1);
        if (i >= options_.worlds) return;
        results_[i] = play_world({options_.seed, options_.first + i});
        const std::lock_guard lock(mutex_);
        ++done_;
        if (options_.progress) options_.progress(done_);
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      failed_ = true;
    }
  }

  [[nodiscard]] std::vector<WorldResult> finish() {
    if (failure_) std::rethrow_exception(failure_);
    // Whoever took a world also finished it, so there is no gap below the counter.
    results_.resize(std::min(next_.load(), options_.worlds));
    return std::move(results_);
  }

 private:
  [[nodiscard]] bool is_stopped() const noexcept {
    return failed_.load() || (options_.stop != nullptr && options_.stop->load());
  }

  const SwarmOptions& options_;
  std::vector<WorldResult> results_;
  std::atomic<std::uint64_t> next_ = 0;
  std::atomic<bool> failed_ = false;
  std::mutex mutex_;
  std::uint64_t done_ = 0;
  std::exception_ptr failure_;
};

void add(const WorldResult& world, SwarmReport& report) {
  ++report.worlds;
  report.findings.insert(report.findings.end(), world.findings.begin(), world.findings.end());
  for (std::size_t guise = 0; guise < kGuises; ++guise)
    ++report.outcomes[guise][static_cast<std::size_t>(world.outcomes[guise])];
  report.steps += world.steps;
  report.requests += world.requests;
  report.completions_owed += world.owed_completion ? 1 : 0;
  report.halts_owed += world.owed_halt ? 1 : 0;
  report.played_twice += world.was_played_twice ? 1 : 0;
  for (const EValue& e : world.e_values) report.e_values[e.test].add(e.value);
  if (world.budget) report.false_alarms.add(*world.budget, world.raised_false_alarm);
}

}  // namespace

WorldResult play_world(const WorldKey& key) { return WorldPlay(key).play(); }

SwarmReport play_swarm(const SwarmOptions& options) {
  const unsigned wanted =
      options.threads > 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency());
  Work work(options);
  {
    std::vector<std::jthread> others;
    for (unsigned t = 1; t < wanted; ++t) others.emplace_back([&] { work.work(); });
    work.work();
  }
  SwarmReport report;
  for (const WorldResult& world : work.finish()) add(world, report);
  report.interrupted = report.worlds < options.worlds;
  for (const auto& [test, check] : report.e_values)
    if (check.count() >= kEValuesLeast &&
        check.is_broken(kCheckerError / static_cast<double>(report.e_values.size())))
      report.violations.push_back({"S11", check.count(),
                                   "e-values of " + test +
                                       " have a mean above 1: " + std::to_string(check.mean()) +
                                       " over " + std::to_string(check.count())});
  if (report.false_alarms.is_broken())
    report.violations.push_back(
        {"S12", report.false_alarms.rollouts(),
         std::to_string(report.false_alarms.alarms()) + " false alarms in " +
             std::to_string(report.false_alarms.rollouts()) + " healthy rollouts, whose budgets " +
             "allow " + std::to_string(report.false_alarms.allowed())});
  return report;
}

}  // namespace gatewright::sim
