#include "policies/compile.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "policies/assert.h"
#include "policies/gates/catalogue.h"
#include "policies/nearest.h"
#include "policies/plan_encoding.h"
#include "policies/staged/budget.h"
#include "policies/staged/staged_policy.h"
#include "policies/test_parameters.h"
#include "policies/text.h"

namespace gatewright {
namespace {

using namespace std::chrono_literals;

/// Longer than any rollout; keeps sums and multiples of durations within their type.
constexpr Duration kDurationMax = 24h * 3650;

/// A share as basis points; nullopt if it is no share, or no whole number of them.
[[nodiscard]] std::optional<std::uint16_t> to_basis_points(double share) {
  const double points = share * kWholeExposure;
  const double whole = std::round(points);
  constexpr double kRounding = 1e-6;  // of a basis point: 0.07 x 10,000 is not 700 in binary
  if (!(share >= 0.0 && share <= 1.0) || std::abs(points - whole) > kRounding) return std::nullopt;
  return static_cast<std::uint16_t>(whole);
}

[[nodiscard]] bool is_within_0_and_1(double share) { return share > 0.0 && share < 1.0; }

[[nodiscard]] bool can_spend(Guarantee guarantee) {
  return guarantee == Guarantee::anytime || guarantee == Guarantee::fixed_looks;
}

/// The part of a path that addresses an item of a list: its name, or its number from 0.
template <class Item>
[[nodiscard]] std::string address(const std::vector<Item>& items, std::size_t index) {
  return items[index].name.empty() ? std::to_string(index) : items[index].name;
}

template <class Names>
[[nodiscard]] std::string unknown(std::string_view what, std::string_view name,
                                  const Names& names) {
  std::string message = "there is no " + std::string(what) + " '" + std::string(name) + "'";
  if (const std::string_view near = nearest(name, names); !near.empty())
    return message + "; did you mean " + std::string(near) + "?";
  std::string known;
  for (const std::string_view each : names) known.append(known.empty() ? "" : ", ").append(each);
  return message + "; there are " + known;
}

/// A gate with its defaults filled in and what is known about it.
struct GateDraft {
  Duration every{}, window{}, silence{};
  const MetricInfo* metric = nullptr;
  const GateTestInfo* info = nullptr;
  std::unique_ptr<GateTest> test;
  std::size_t stages_measured = 0;
};

class Compiler {
 public:
  explicit Compiler(const PlanSpec& plan) : plan_(plan) {
    check_plan();
    check_stages();
    check_gates();
    measure();
    check_budget();
  }

  [[nodiscard]] Compiled finish() {
    Compiled compiled{.engine = std::nullopt, .diagnostics = std::move(diagnostics_)};
    if (!has_errors(compiled.diagnostics)) compiled.engine.emplace(policy(), plan_digest(plan_));
    return compiled;
  }

  [[nodiscard]] std::vector<BudgetRow> budget_rows() const {
    std::vector<BudgetRow> rows;
    for (std::size_t i = 0; i < gates_.size(); ++i)
      rows.push_back({.gate = plan_.gates[i].name,
                      .test = plan_.gates[i].test.name,
                      .guarantee = std::string(to_string(guarantee(i))),
                      .false_alarm = shares_[i].rollout,
                      .stages = gates_[i].stages_measured,
                      .spent_over = claims_[i].evidences});
    return rows;
  }

 private:
  void report(Severity severity, std::string path, std::string message) {
    diagnostics_.push_back(
        {.severity = severity, .path = std::move(path), .message = std::move(message)});
  }
  void error(std::string path, std::string message) {
    report(Severity::error, std::move(path), std::move(message));
  }

  void check_duration(const std::string& path, Duration duration, Duration least) {
    if (duration >= least && duration <= kDurationMax) return;
    error(
        path,
        "expected " +
            std::string(least == Duration::zero() ? "no negative duration" : "a duration above 0") +
            " and at most " + duration_text(kDurationMax) + ", got " + duration_text(duration));
  }

  template <class Item>
  void check_names(const std::string& list, const std::vector<Item>& items, std::size_t most) {
    if (items.size() > most)
      error(list,
            "expected at most " + std::to_string(most) + ", got " + std::to_string(items.size()));
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (items[i].name.empty()) {
        error(list + '.' + std::to_string(i) + ".name", "expected a name");
        continue;
      }
      const auto earlier = items.begin() + static_cast<std::ptrdiff_t>(i);
      if (std::find_if(items.begin(), earlier,
                       [&](const Item& item) { return item.name == items[i].name; }) != earlier)
        error(list + '.' + items[i].name + ".name",
              "this name is taken by an earlier one; names must differ");
    }
  }

  void check_plan() {
    if (plan_.false_alarm_budget && !is_within_0_and_1(*plan_.false_alarm_budget))
      error("false_alarm_budget", "expected a share above 0% and below 100%, such as 5%, got " +
                                      share_text(*plan_.false_alarm_budget));
    if (!is_within_0_and_1(plan_.missed_harm_budget))
      error("missed_harm_budget", "expected a share above 0% and below 100%, such as 5%, got " +
                                      share_text(plan_.missed_harm_budget));
    check_duration("every", plan_.every, 1ns);
    if (plan_.stages.empty()) error("stages", "expected at least one stage");
    if (plan_.gates.empty())
      report(Severity::warning, "gates",
             "there are none; only a timeout or an operator can halt this rollout");
  }

  void check_stages() {
    check_names("stages", plan_.stages, kStagesMax);
    for (std::size_t i = 0; i < plan_.stages.size(); ++i) {
      const StageSpec& spec = plan_.stages[i];
      const std::string path = "stages." + address(plan_.stages, i);
      exposures_.push_back(exposure(path, spec));
      check_ramp(path, i);
      check_duration(path + ".dwell", spec.dwell, 1ns);
      if (spec.timeout) {
        check_duration(path + ".timeout", *spec.timeout, 1ns);
        if (*spec.timeout <= spec.dwell)
          error(path + ".timeout", "expected more than the dwell of " + duration_text(spec.dwell) +
                                       ", or the stage can never be left, got " +
                                       duration_text(*spec.timeout));
      }
    }
    if (!plan_.stages.empty() && exposures_.back().served < kWholeExposure)
      report(Severity::warning,
             "stages." + address(plan_.stages, plan_.stages.size() - 1) + ".exposure",
             "the last stage serves " + share_text(plan_.stages.back().served) +
                 ", so the rollout completes below 100%");
  }

  [[nodiscard]] Exposure exposure(const std::string& path, const StageSpec& spec) {
    const auto points = [&](const char* key, double share) {
      const auto whole = to_basis_points(share);
      if (!whole)
        error(path + key, "expected a share from 0% to 100% in whole basis points (0.01%), got " +
                              share_text(share));
      return whole.value_or(0);
    };
    const Exposure exposure{.served = points(".exposure", spec.served),
                            .mirrored = points(".mirrored", spec.mirrored),
                            .interleaved = points(".interleaved", spec.interleaved)};
    const double together = spec.served + spec.mirrored + spec.interleaved;
    if (exposure.served + exposure.mirrored + exposure.interleaved > kWholeExposure)
      error(path + (exposure.interleaved > 0 ? ".interleaved" : ".mirrored"),
            std::string(exposure.interleaved > 0 ? "served, mirrored and interleaved"
                                                 : "served and mirrored") +
                " requests are different ones, so their shares cannot exceed 100% together, got " +
                share_text(together));
    if (exposure == Exposure{} && together == 0.0)
      report(Severity::warning, path + ".exposure",
             "the candidate gets no requests in this stage; nothing can be learnt in it");
    return exposure;
  }

  /// A strict ramp rises from stage to stage: in served traffic, or in mirrored or interleaved before
  /// it is served.
  void check_ramp(const std::string& path, std::size_t stage) {
    if (stage == 0) return;
    const Exposure before = exposures_[stage - 1];
    const Exposure here = exposures_[stage];
    if (here.served > before.served) return;
    if (here.served < before.served)
      error(path + ".exposure", "expected more than the " +
                                    share_text(plan_.stages[stage - 1].served) +
                                    " of the stage before; a ramp never falls");
    else if (here.mirrored <= before.mirrored && here.interleaved <= before.interleaved)
      error(
          path + ".exposure",
          "expected more than the stage before; for a longer stay give that stage a longer dwell");
  }

  void check_gates() {
    check_names("gates", plan_.gates, kGatesMax);
    for (std::size_t i = 0; i < plan_.gates.size(); ++i) {
      const GateSpec& spec = plan_.gates[i];
      const std::string path = "gates." + address(plan_.gates, i);
      gates_.push_back(check_timing(path, spec));
      GateDraft& gate = gates_.back();
      if (!(spec.budget_share > 0.0 && std::isfinite(spec.budget_share)))
        error(path + ".budget_share", "expected a weight above 0; 1 is an equal share");
      gate.metric = find_metric(spec.metric);
      gate.info = find_gate_test(spec.test.name);
      if (gate.metric == nullptr)
        error(path + ".metric", unknown("metric", spec.metric, names_of(metrics())));
      if (gate.info == nullptr)
        error(path + ".test", unknown("test", spec.test.name, names_of(gate_tests())));
      if (gate.info != nullptr && can_spend(gate.info->guarantee) && gate.window > gate.every)
        error(path + ".window",
              spec.test.name + " adds its windows up, and a window of " +
                  duration_text(gate.window) + " every " + duration_text(gate.every) +
                  " would count requests again and again, which its guarantee does not survive; "
                  "expected at most " +
                  duration_text(gate.every));
      if (gate.metric != nullptr) make_test(path, spec, gate);
    }
  }

  template <class Infos>
  [[nodiscard]] static std::vector<std::string_view> names_of(const Infos& infos) {
    std::vector<std::string_view> names;
    for (const auto& info : infos) names.push_back(info.name);
    return names;
  }

  [[nodiscard]] GateDraft check_timing(const std::string& path, const GateSpec& spec) {
    GateDraft gate;
    gate.every = spec.every == Duration::zero() ? plan_.every : spec.every;
    gate.window = spec.window.value_or(gate.every);
    check_duration(path + ".every", spec.every, Duration::zero());
    if (spec.window) check_duration(path + ".window", *spec.window, 1ns);
    check_duration(path + ".initial_delay", spec.initial_delay, Duration::zero());
    const Duration longer = std::min(std::max(gate.every, gate.window), kDurationMax);
    gate.silence = spec.silence.value_or(std::max<Duration>(3 * longer, 10min));
    if (spec.silence) {
      check_duration(path + ".silence", *spec.silence, 1ns);
      if (*spec.silence < longer)
        report(Severity::warning, path + ".silence",
               "shorter than the " + duration_text(longer) +
                   " from one window to the next, so the gate is silent in between");
    }
    return gate;
  }

  /// Checks what every test would, then lets the test check the rest. Where both find an error in one
  /// place, the first is heard; a warning silences nobody.
  void make_test(const std::string& path, const GateSpec& spec, GateDraft& gate) {
    Diagnostics found;
    check_harm(spec, *gate.metric, found);
    if (gate.info != nullptr) {
      check_parameters(spec.test, *gate.info, found);
      Diagnostics by_test;
      GateSpec timed = spec;
      timed.every = gate.every;
      gate.test = gate.info->make(timed, by_test);
      GATEWRIGHT_ASSERT(gate.test != nullptr || has_errors(by_test));
      const auto is_refused_already = [known = found](const Diagnostic& by_us) {
        return std::ranges::any_of(known, [&](const Diagnostic& before) {
          return before.severity == Severity::error && before.path == by_us.path;
        });
      };
      for (Diagnostic& each : by_test)
        if (!is_refused_already(each)) found.push_back(std::move(each));
    }
    for (Diagnostic& each : found) {
      each.path = path + '.' + each.path;
      diagnostics_.push_back(std::move(each));
    }
  }

  static void check_harm(const GateSpec& spec, const MetricInfo& metric, Diagnostics& found) {
    const HarmSpec& harm = spec.harm;
    const auto say = [&](Severity severity, std::string message) {
      found.push_back({.severity = severity, .path = "harm", .message = std::move(message)});
    };
    const bool up = harm.direction == Direction::up;
    const bool is_ratio = harm.relation == HarmSpec::Relation::ratio;
    const bool is_absolute = harm.relation == HarmSpec::Relation::absolute;
    const std::string name(metric.name);
    if (harm.kind == HarmSpec::Kind::quantile) {
      if (metric.kind == MetricKind::event)
        return say(Severity::error,
                   name + " is an event, which has no quantiles; compare its rate");
      if (metric.kind == MetricKind::gauge)
        return say(Severity::error,
                   name + " is one reading per window, which has no quantiles; compare its mean");
      if (!is_within_0_and_1(harm.probability))
        return say(Severity::error, "expected a quantile above 0% and below 100%, such as p99");
    }
    if (harm.kind == HarmSpec::Kind::distribution) {
      if (metric.kind == MetricKind::event || metric.kind == MetricKind::gauge)
        say(Severity::error,
            name + " has no distribution to compare; state the harm as a change of its mean");
      else if (!(std::isfinite(harm.margin) && harm.margin >= 0.0))
        say(Severity::error,
            "expected a distance of at least 0, such as 0.1, got " + number_text(harm.margin));
      return;
    }
    if (!std::isfinite(harm.margin))
      return say(Severity::error, "expected a finite margin, got " + number_text(harm.margin));
    if (is_ratio && harm.margin <= 0.0)
      return say(Severity::error,
                 "expected a ratio above 0, such as 1.2x, got " + number_text(harm.margin));
    if (is_absolute && metric.kind == MetricKind::event &&
        !(harm.margin >= 0.0 && harm.margin <= 1.0))
      return say(Severity::error, name + " is a rate; expected a limit from 0% to 100%, got " +
                                      share_text(harm.margin));
    const double beyond_equal = is_ratio ? harm.margin - 1.0 : harm.margin;
    if (!is_absolute && (up ? beyond_equal < 0.0 : beyond_equal > 0.0))
      say(Severity::warning,
          "a candidate equal to the baseline counts as harmful; a margin usually tolerates a "
          "little");
    if (harm.direction != metric.harm)
      say(Severity::note, std::string("counts a ") + (up ? "rise" : "fall") + " of " + name +
                              " as harm, though its " + (up ? "fall" : "rise") + " is what hurts");
  }

  /// In which stages each gate gets evidence, and what follows from that.
  void measure() {
    std::vector<bool> has_gate(plan_.stages.size());
    for (std::size_t i = 0; i < gates_.size(); ++i) {
      GateDraft& gate = gates_[i];
      if (gate.test == nullptr) continue;
      const std::string path = "gates." + address(plan_.gates, i);
      std::string missed_at_whole, shorter_than_window;
      for (std::size_t stage = 0; stage < exposures_.size(); ++stage) {
        const std::string& name = plan_.stages[stage].name;
        const auto list = [&](std::string& names) {
          names.append(names.empty() ? "" : ", ").append(name);
        };
        if (is_measured(*gate.metric, gate.test->compares_arms(), exposures_[stage])) {
          ++gate.stages_measured;
          has_gate[stage] = true;
          if (plan_.stages[stage].dwell < gate.window) list(shorter_than_window);
        } else if (exposures_[stage].served == kWholeExposure) {
          list(missed_at_whole);
        }
      }
      if (gate.stages_measured == 0)
        report(Severity::warning, path + ".metric", never_measured(gate));
      else if (!missed_at_whole.empty())
        report(Severity::note, path,
               "needs both arms' answers, and in stage " + missed_at_whole +
                   " only the candidate answers; the gate is not measured there");
      if (!shorter_than_window.empty())
        report(Severity::note, path + ".window",
               duration_text(gate.window) + " is longer than the dwell of stage " +
                   shorter_than_window + ", which waits for the window");
    }
    const bool all_known =
        std::ranges::all_of(gates_, [](const GateDraft& gate) { return gate.test != nullptr; });
    for (std::size_t stage = 0; stage < plan_.stages.size(); ++stage)
      if (all_known && plan_.stages[stage].min_samples > 0 && !has_gate[stage])
        error("stages." + address(plan_.stages, stage) + ".min_samples",
              "no gate is measured in this stage, so no sample is ever counted; add a gate or drop "
              "min_samples");
  }

  [[nodiscard]] static std::string never_measured(const GateDraft& gate) {
    const std::string name(gate.metric->name);
    if (gate.metric->scope == MetricScope::paired)
      return name + " is never measured: it needs a stage with mirrored traffic";
    if (gate.metric->scope == MetricScope::interleaved)
      return name + " is never measured: it needs a stage with interleaved traffic";
    if (gate.metric->scope == MetricScope::seen)
      return name +
             " is never measured: it needs a stage in which users see the candidate's answers" +
             (gate.test->compares_arms() ? " and the baseline's" : "");
    return name + " is never measured: it needs a stage in which " +
           (gate.test->compares_arms() ? "both arms answer" : "the candidate answers");
  }

  /// Of the test as it was made; what the catalogue says holds for its defaults.
  [[nodiscard]] Guarantee guarantee(std::size_t gate) const {
    const GateDraft& draft = gates_[gate];
    if (draft.test != nullptr) return draft.test->guarantee();
    return draft.info != nullptr ? draft.info->guarantee : Guarantee::none;
  }

  void check_budget() {
    std::string needed_by;
    bool is_spent = false;
    for (std::size_t i = 0; i < gates_.size(); ++i) {
      const GateSpec& spec = plan_.gates[i];
      const GateDraft& gate = gates_[i];
      const bool spends =
          can_spend(guarantee(i)) && spec.role == GateRole::protective && gate.stages_measured > 0;
      is_spent |= spends;
      claims_.push_back({.weight = spends ? spec.budget_share : 0.0,
                         .evidences = spec.evidence == EvidenceSpan::stage
                                          ? std::max<std::size_t>(gate.stages_measured, 1)
                                          : 1});
      if (gate.info == nullptr) continue;
      if (can_spend(guarantee(i)) && needed_by.empty())
        needed_by = spec.name + " (" + spec.test.name + ")";
      if (!can_spend(guarantee(i)))
        report(Severity::note, "gates." + address(plan_.gates, i) + ".test",
               spec.test.name +
                   (guarantee(i) == Guarantee::none
                        ? " gives no guarantee; no share of the budget covers it"
                        : " promises an average run length; no share of the budget covers it"));
    }
    if (!plan_.false_alarm_budget && !needed_by.empty())
      error("false_alarm_budget", "gate " + needed_by +
                                      " keeps a false-alarm rate and must know which; write, say, "
                                      "false_alarm_budget: 5%");
    if (plan_.false_alarm_budget && !is_spent)
      report(
          Severity::note, "false_alarm_budget",
          "no gate spends it: none that can halt the rollout has a test that keeps a false-alarm "
          "rate");
    shares_ = split_budget(plan_.false_alarm_budget.value_or(0.0), claims_);
  }

  [[nodiscard]] std::shared_ptr<const Policy> policy() {
    std::vector<StagedStage> stages;
    for (std::size_t i = 0; i < plan_.stages.size(); ++i) {
      const StageSpec& spec = plan_.stages[i];
      stages.push_back(
          {.stage = {.name = spec.name, .exposure = exposures_[i]},
           .rule = {.dwell = spec.dwell,
                    .timeout = spec.timeout.value_or(std::max<Duration>(10 * spec.dwell, 24h)),
                    .min_samples = spec.min_samples,
                    .approval = spec.approval,
                    .advance_when = spec.advance_when.value_or(plan_.advance_when),
                    .is_last = i + 1 == plan_.stages.size()}});
    }
    std::vector<StagedGate> gates;
    for (std::size_t i = 0; i < gates_.size(); ++i) {
      const GateSpec& spec = plan_.gates[i];
      GateDraft& gate = gates_[i];
      gate.test->prepare(budget_of(i));
      gates.push_back({.name = spec.name,
                       .probe = {.metric = spec.metric,
                                 .form = gate.test->form(),
                                 .statistic = gate.test->statistic(),
                                 .window = gate.window,
                                 .every = gate.every,
                                 .initial_delay = spec.initial_delay},
                       .test = std::move(gate.test),
                       .budget = budget_of(i),
                       .role = spec.role,
                       .evidence = spec.evidence,
                       .silence = gate.silence});
    }
    return std::make_shared<StagedPolicy>(plan_.name, std::move(stages), std::move(gates),
                                          plan_.when_halted);
  }

  /// A gate that spends nothing may use the whole budget: its alarms halt nothing.
  [[nodiscard]] Budget budget_of(std::size_t gate) const {
    Budget budget{.missed_harm = plan_.missed_harm_budget};
    if (plan_.false_alarm_budget) budget.false_alarm = *plan_.false_alarm_budget;
    if (claims_[gate].weight > 0.0) budget.false_alarm = shares_[gate].evidence;
    return budget;
  }

  const PlanSpec& plan_;
  Diagnostics diagnostics_;
  std::vector<Exposure> exposures_;
  std::vector<GateDraft> gates_;
  std::vector<BudgetClaim> claims_;
  std::vector<BudgetShare> shares_;
};

}  // namespace

Compiled compile(const PlanSpec& plan) { return Compiler(plan).finish(); }

std::vector<BudgetRow> budget_split(const PlanSpec& plan) { return Compiler(plan).budget_rows(); }

}  // namespace gatewright
