#include "policies/compile.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <utility>

#include "policies/assert.h"
#include "policies/gates/catalogue.h"
#include "policies/gates/noise_floor.h"
#include "policies/gates/sample_size.h"
#include "policies/nearest.h"
#include "policies/plan_encoding.h"
#include "policies/staged/budget.h"
#include "policies/staged/sample_ratio_guard.h"
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

/// The segments whose users a stage's A/B tests are of, in the order of the tests; empty: of all.
[[nodiscard]] std::vector<std::string> ab_segments(const AbSpec& ab) {
  std::vector<std::string> segments{{}};
  segments.insert(segments.end(), ab.segments.begin(), ab.segments.end());
  return segments;
}

/// The name of a stage's A/B test among the gates.
[[nodiscard]] std::string ab_name(const StageSpec& stage, const std::string& segment) {
  return "ab " + stage.name + (segment.empty() ? "" : " " + segment);
}

/// The error of calling a winner that each of a stage's A/B tests may make: by the union bound they
/// make the stated one together.
[[nodiscard]] double alpha_of_each(const AbSpec& ab) {
  return ab.alpha / static_cast<double>(1 + ab.segments.size());
}

[[nodiscard]] bool is_above_0(const std::optional<double>& value) {
  return value && *value > 0.0 && std::isfinite(*value);
}

/// The requests per arm (for credited clicks, the clicks) that an A/B test needs; nothing while its
/// numbers make no sense.
[[nodiscard]] std::optional<std::uint64_t> samples_needed(const AbSpec& ab) {
  const MetricInfo* metric = find_metric(ab.metric);
  if (metric == nullptr || !is_above_0(ab.min_effect) || !is_within_0_and_1(ab.alpha) ||
      !is_within_0_and_1(ab.power))
    return std::nullopt;
  const TestErrors errors{.alpha = alpha_of_each(ab), .power = ab.power};
  double samples = 0.0;
  if (metric->scope == MetricScope::interleaved) {
    if (!(ab.min_effect < 0.5)) return std::nullopt;
    samples = samples_by_coins(0.5 + ab.min_effect, errors);
  } else if (metric->kind == MetricKind::event) {
    if (!ab.rate || !is_within_0_and_1(*ab.rate)) return std::nullopt;
    // Of the two rates at that distance the one nearer to a half needs more.
    const double other = *ab.rate + (*ab.rate < 0.5 ? ab.min_effect : -ab.min_effect);
    if (!is_within_0_and_1(other)) return std::nullopt;
    const TwoRates rates{.first = *ab.rate, .second = other};
    samples = ab.sample_size == SampleSizeBy::arcsine ? samples_by_arcsine(rates, errors)
                                                      : samples_by_rates(rates, errors);
  } else {
    if (!is_above_0(ab.spread)) return std::nullopt;
    samples = samples_by_means(ab.min_effect / *ab.spread, errors);
  }
  constexpr double kMost = 1e12;
  if (!(samples <= kMost)) return std::nullopt;
  return static_cast<std::uint64_t>(std::ceil(std::max(samples, 2.0)));
}

/// A stage's A/B test of a segment as a gate, which halts where the baseline wins.
[[nodiscard]] GateSpec ab_gate(const StageSpec& stage, const std::string& segment,
                               std::uint64_t samples) {
  const AbSpec& ab = *stage.ab;
  const MetricInfo& metric = *find_metric(ab.metric);
  const bool is_coins = metric.scope == MetricScope::interleaved;
  return {
      .name = ab_name(stage, segment),
      .metric = ab.metric,
      .segment = segment,
      .harm = {.relation = is_coins ? HarmSpec::Relation::absolute : HarmSpec::Relation::difference,
               .direction = metric.harm,
               .margin = is_coins ? 0.5 : 0.0},
      .test = {.name = "ab_test", .parameters = {{"min_effect", ab.min_effect}}},
      .min_samples = samples};
}

/// The plan with its stages' A/B tests as gates after its own.
[[nodiscard]] PlanSpec with_ab_tests(PlanSpec plan) {
  for (const StageSpec& stage : plan.stages)
    if (const auto samples = stage.ab ? samples_needed(*stage.ab) : std::nullopt)
      for (const std::string& segment : ab_segments(*stage.ab))
        plan.gates.push_back(ab_gate(stage, segment, *samples));
  return plan;
}
/// A combined gate: its test, and the plan's gates that are its parts.
struct CombinedDraft {
  std::vector<std::size_t> gates;
  std::unique_ptr<CombinedMargins> test;
  std::uint64_t measured = 0;  ///< bit per stage: one of the parts is measured
};

/// A gate with its defaults filled in and what is known about it.
struct GateDraft {
  Duration every{}, window{}, silence{};
  const MetricInfo* metric = nullptr;
  const GateTestInfo* info = nullptr;
  std::unique_ptr<GateTest> test;
  HarmSpec edge{};  ///< of harm; beyond the margin where there is a noise floor
  std::size_t stages_measured = 0;
  std::uint64_t measured = 0;            ///< bit per stage
  std::optional<std::size_t> test_of{};  ///< the stage whose A/B test it is
};

class Compiler {
 public:
  explicit Compiler(const PlanSpec& plan) : written_(plan), plan_(with_ab_tests(plan)) {
    check_plan();
    check_stages();
    check_gates();
    measure();
    check_guard();
    check_combined();
    check_budget();
    check_stage_budgets();
    check_noise_floors();
    make_combined();
  }

  [[nodiscard]] Compiled finish(GateAuthority authority) {
    Compiled compiled{.engine = std::nullopt, .diagnostics = std::move(diagnostics_)};
    for (Diagnostic& each : compiled.diagnostics) each.path = as_written(each.path);
    if (!has_errors(compiled.diagnostics))
      compiled.engine.emplace(policy(authority), plan_digest(written_));
    return compiled;
  }

  [[nodiscard]] std::vector<WeighedGate> weighed() {
    std::vector<WeighedGate> gates;
    if (has_errors(diagnostics_)) return gates;
    for (std::size_t i = 0; i < gates_.size(); ++i) {
      std::vector<bool> measured;
      for (std::size_t stage = 0; stage < exposures_.size(); ++stage)
        measured.push_back(gates_[i].test_of.value_or(stage) == stage &&
                           is_measured(*gates_[i].metric, *gates_[i].test, exposures_[stage]));
      gates_[i].test->prepare(test_budget_of(i));
      Probe probe = probe_of(i);
      gates.push_back({.test = std::move(gates_[i].test),
                       .budget = test_budget_of(i),
                       .edge = gates_[i].edge,
                       .probe = std::move(probe),
                       .measured = std::move(measured)});
    }
    return gates;
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
    for (std::size_t i = 0; i < combined_.size(); ++i)
      rows.push_back({.gate = plan_.combined[i].name,
                      .test = "combined",
                      .guarantee = std::string(to_string(Guarantee::anytime)),
                      .false_alarm = shares_[gates_.size() + i].rollout,
                      .stages = stages_in(combined_[i].measured),
                      .spent_over = claims_[gates_.size() + i].evidences});
    if (guards())
      rows.push_back({.gate = std::string(kSampleRatio),
                      .test = "sequential_multinomial",
                      .guarantee = std::string(to_string(Guarantee::anytime)),
                      .false_alarm = guard_false_alarm_,
                      .stages = stages_guarded_});
    return rows;
  }

 private:
  /// Of what an A/B test's gate says, people wrote the stage's `ab`.
  [[nodiscard]] std::string as_written(const std::string& path) const {
    for (const StageSpec& stage : plan_.stages)
      if (stage.ab)
        for (const std::string& segment : ab_segments(*stage.ab)) {
          const std::string gate = "gates." + ab_name(stage, segment);
          if (path == gate || path.starts_with(gate + '.')) return "stages." + stage.name + ".ab";
        }
    return path;
  }

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
      if (spec.ab) check_ab(path + ".ab", *spec.ab);
      if (spec.advance_when.value_or(plan_.advance_when) == AdvanceWhen::winner && !spec.ab)
        error(
            path + ".advance_when",
            "only a stage with a test, `ab`, can have a winner; expected one, or no_harm_shown or "
            "safety_shown");
    }
    if (!plan_.stages.empty() && exposures_.back().served < kWholeExposure)
      report(Severity::warning,
             "stages." + address(plan_.stages, plan_.stages.size() - 1) + ".exposure",
             "the last stage serves " + share_text(plan_.stages.back().served) +
                 ", so the rollout completes below 100%");
  }

  void check_ab(const std::string& path, const AbSpec& ab) {
    const std::size_t problems = diagnostics_.size();
    const MetricInfo* metric = find_metric(ab.metric);
    if (metric == nullptr)
      return error(path + ".metric", unknown("metric", ab.metric, names_of(metrics())));
    if (!is_within_0_and_1(ab.alpha))
      error(path + ".alpha", "expected a share above 0% and below 100%, such as 5%");
    if (!is_within_0_and_1(ab.power))
      error(path + ".power", "expected a share above 0% and below 100%, such as 80%");
    if (!is_above_0(ab.min_effect))
      error(path + ".min_effect", "expected the least difference that matters, above 0");
    const bool is_event = metric->kind == MetricKind::event;
    const bool is_coins = metric->scope == MetricScope::interleaved;
    if (is_event && !is_coins && !(ab.rate && is_within_0_and_1(*ab.rate)))
      error(path + ".rate",
            "the size of a test of rates needs the rate that the baseline is "
            "expected to have, above 0% and below 100%");
    if (!is_event && !is_above_0(ab.spread))
      error(path + ".spread", "the size of a test of means needs the standard deviation of " +
                                  ab.metric + ", above 0");
    for (std::size_t i = 0; i < ab.segments.size(); ++i)
      if (ab.segments[i].empty() || std::ranges::count(ab.segments, ab.segments[i]) > 1)
        return error(path + ".segments", "expected names of segments, each once");
    if (diagnostics_.size() > problems) return;
    const auto samples = samples_needed(ab);
    if (!samples)
      return error(path + ".min_effect",
                   "no such difference is possible, or no test could show it");
    report(Severity::note, path,
           "needs " + std::to_string(*samples) + (is_coins ? " clicks" : " requests per arm") +
               (ab.segments.empty() ? "" : ", of all users and of each segment,") +
               " to see a difference of " + number_text(ab.min_effect) + " with a power of " +
               share_text(ab.power) + " at " + share_text(alpha_of_each(ab)) +
               "; the stage is not left before");
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
    check_names("gates", plan_.gates, plan_.sample_ratio ? kGatesMax - 1 : kGatesMax);
    for (std::size_t i = 0; i < plan_.gates.size(); ++i) {
      const GateSpec& spec = plan_.gates[i];
      const std::string path = "gates." + address(plan_.gates, i);
      gates_.push_back(check_timing(path, spec));
      GateDraft& gate = gates_.back();
      if (!(spec.budget_share > 0.0 && std::isfinite(spec.budget_share)))
        error(path + ".budget_share", "expected a weight above 0; 1 is an equal share");
      gate.metric = find_metric(spec.metric);
      gate.info = find_gate_test(spec.test.name);
      if (plan_.sample_ratio && spec.name == kSampleRatio)
        error(path + ".name", "this is the name of the plan's own check of the split");
      if (gate.metric != nullptr && gate.metric->kind == MetricKind::gauge && !spec.segment.empty())
        error(path + ".segment",
              spec.metric + " is read of servers, whose requests are of all segments");
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
    for (std::size_t stage = 0, gate = written_.gates.size(); gate < gates_.size(); ++stage)
      if (const auto& ab = plan_.stages[stage].ab; ab && samples_needed(*ab))
        for (std::size_t test = 0; test <= ab->segments.size(); ++test)
          gates_[gate++].test_of = stage;
  }

  template <class Infos>
  [[nodiscard]] static std::vector<std::string_view> names_of(const Infos& infos) {
    std::vector<std::string_view> names;
    for (const auto& info : infos) names.push_back(info.name);
    return names;
  }

  [[nodiscard]] GateDraft check_timing(const std::string& path, const GateSpec& spec) {
    GateDraft gate;
    gate.edge = spec.harm;
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
        if (gate.test_of.value_or(stage) != stage) continue;
        const std::string& name = plan_.stages[stage].name;
        const auto list = [&](std::string& names) {
          names.append(names.empty() ? "" : ", ").append(name);
        };
        if (is_measured(*gate.metric, *gate.test, exposures_[stage])) {
          ++gate.stages_measured;
          if (stage < kStagesMax) gate.measured |= std::uint64_t{1} << stage;
          has_gate[stage] = true;
          if (plan_.stages[stage].dwell < gate.window) list(shorter_than_window);
        } else if (exposures_[stage].served == kWholeExposure && !gate.test->statistic().pairs) {
          list(missed_at_whole);
        }
      }
      if (gate.stages_measured == 0)
        report(gate.test_of ? Severity::error : Severity::warning, path + ".metric",
               never_measured(gate));
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

  /// The standing check of the split, which looks as often as the gate that looks most often.
  void check_guard() {
    stages_guarded_ = static_cast<std::size_t>(std::ranges::count_if(exposures_, splits_units));
    if (!plan_.sample_ratio) return;
    guard_every_ = plan_.gates.empty() ? plan_.every : kDurationMax;
    for (const GateDraft& gate : gates_) guard_every_ = std::min(guard_every_, gate.every);
    guard_false_alarm_ = false_alarm_of(*plan_.sample_ratio, plan_.false_alarm_budget);
    const double most = plan_.false_alarm_budget.value_or(1.0);
    if (!(guard_false_alarm_ > 0.0 && guard_false_alarm_ < most))
      error("sample_ratio.false_alarm",
            "expected a share above 0% and below " +
                (plan_.false_alarm_budget ? "the false-alarm budget of " + share_text(most)
                                          : share_text(most)) +
                ", such as 0.1%, got " + share_text(guard_false_alarm_));
    if (guards() && plan_.assignment.by == AssignmentUnit::time)
      report(
          Severity::note, "assignment.by",
          "blocks of time go one way, so users do not come in the shares that the stages ask for, "
          "and sample_ratio will say so; where the blocks are meant, write sample_ratio: false");
  }

  /// Whether the plan has a check and a stage in which it can tell anything.
  [[nodiscard]] bool guards() const { return plan_.sample_ratio && stages_guarded_ > 0; }

  [[nodiscard]] static std::string never_measured(const GateDraft& gate) {
    const std::string name(gate.metric->name);
    if (gate.metric->scope == MetricScope::paired || gate.test->statistic().pairs)
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
      const bool spends = can_spend(guarantee(i)) && spec.role == GateRole::protective &&
                          gate.stages_measured > 0 && !gate.test_of;
      is_spent |= spends;
      claims_.push_back(
          claim(spends ? spec.budget_share : 0.0, spec.evidence, gate.stages_measured));
      if (gate.info == nullptr || gate.test_of) continue;
      if (can_spend(guarantee(i)) && needed_by.empty())
        needed_by = spec.name + " (" + spec.test.name + ")";
      if (!can_spend(guarantee(i)))
        report(Severity::note, "gates." + address(plan_.gates, i) + ".test",
               spec.test.name +
                   (guarantee(i) == Guarantee::none
                        ? " gives no guarantee; no share of the budget covers it"
                        : " promises an average run length; no share of the budget covers it"));
    }
    for (std::size_t i = 0; i < combined_.size(); ++i) {
      const CombinedGateSpec& spec = plan_.combined[i];
      const bool spends = spec.role == GateRole::protective && combined_[i].measured != 0;
      is_spent |= spends;
      claims_.push_back(
          claim(spends ? spec.budget_share : 0.0, spec.evidence, stages_in(combined_[i].measured)));
      if (needed_by.empty()) needed_by = spec.name + " (combined)";
    }
    if (!plan_.false_alarm_budget && !needed_by.empty())
      error("false_alarm_budget", "gate " + needed_by +
                                      " keeps a false-alarm rate and must know which; write, say, "
                                      "false_alarm_budget: 5%");
    if (plan_.false_alarm_budget && !is_spent && !guards())
      report(
          Severity::note, "false_alarm_budget",
          "no gate spends it: none that can halt the rollout has a test that keeps a false-alarm "
          "rate");
    // An A/B test says itself what it spends where equal arms halt: half of its alpha.
    double for_tests = 0.0;
    for (std::size_t i = 0; i < gates_.size(); ++i) for_tests += spent_by_test(i);
    const double budget = plan_.false_alarm_budget.value_or(0.0);
    const double of_guard = plan_.false_alarm_budget && guards() ? guard_false_alarm_ : 0.0;
    if (plan_.false_alarm_budget && (for_tests > budget || (is_spent && for_tests == budget)))
      error("false_alarm_budget",
            "the stages' A/B tests halt " + share_text(for_tests) +
                " of healthy rollouts by themselves (half of alpha each); expected a budget that "
                "holds them and the gates, or a smaller alpha");
    shares_ = split_budget(std::max(budget - of_guard - for_tests, 0.0), claims_);
    for (std::size_t i = 0; i < gates_.size(); ++i)
      if (const double spent = spent_by_test(i); spent > 0.0)
        shares_[i] = {.rollout = spent, .evidence = spent};
  }

  [[nodiscard]] double spent_by_test(std::size_t gate) const {
    const bool is_combined = gate >= gates_.size();
    if (is_combined || !gates_[gate].test_of) return 0.0;
    return 0.5 * alpha_of_each(*plan_.stages[*gates_[gate].test_of].ab);
  }

  [[nodiscard]] static std::size_t stages_in(std::uint64_t measured) {
    return static_cast<std::size_t>(std::popcount(measured));
  }

  [[nodiscard]] static BudgetClaim claim(double weight, EvidenceSpan evidence,
                                         std::size_t stages_measured) {
    const bool starts_anew = evidence == EvidenceSpan::stage;
    return {.weight = weight,
            .evidences = starts_anew ? std::max<std::size_t>(stages_measured, 1) : 1};
  }

  // ---- stages' budgets ----

  void check_stage_budgets() {
    for (std::size_t stage = 0; stage < plan_.stages.size(); ++stage)
      limits_.push_back(stage_limit(stage));
    if (std::ranges::none_of(limits_, [](const auto& limit) { return limit.has_value(); })) return;
    const std::size_t stages = std::min(limits_.size(), kStagesMax);
    for (std::size_t gate = 0; gate < gates_.size(); ++gate) {
      const GateSpec& spec = plan_.gates[gate];
      if (guarantee(gate) == Guarantee::fixed_looks && claims_[gate].weight > 0.0)
        for (std::size_t stage = 0; stage < stages; ++stage)
          if (limits_[stage] && (gates_[gate].measured >> stage & 1) != 0)
            error(stage_path(stage, "false_alarm_budget"),
                  "gate " + spec.name + " (" + spec.test.name +
                      ") spends by its planned looks and cannot be held to a stage's budget; take "
                      "an anytime test");
      check_stages_share(spec.name, gate, spec.evidence);
    }
    for (std::size_t i = 0; i < combined_.size(); ++i)
      check_stages_share(plan_.combined[i].name, gates_.size() + i, plan_.combined[i].evidence);
  }

  [[nodiscard]] std::string stage_path(std::size_t stage, const char* key) const {
    return "stages." + address(plan_.stages, stage) + '.' + key;
  }

  /// Of the rollout's budget.
  [[nodiscard]] std::optional<double> stage_limit(std::size_t stage) {
    const std::optional<double>& budget = plan_.stages[stage].false_alarm_budget;
    if (!budget) return std::nullopt;
    const std::string path = stage_path(stage, "false_alarm_budget");
    if (!is_within_0_and_1(*budget)) {
      error(path,
            "expected a share above 0% and below 100%, such as 1%, got " + share_text(*budget));
    } else if (!plan_.false_alarm_budget) {
      error(path, "is a part of the rollout's false_alarm_budget, and there is none");
    } else if (*budget > *plan_.false_alarm_budget) {
      error(path, "expected at most the rollout's " + share_text(*plan_.false_alarm_budget) +
                      ", got " + share_text(*budget));
    } else {
      return *budget / *plan_.false_alarm_budget;
    }
    return std::nullopt;
  }

  void check_stages_share(const std::string& name, std::size_t gate, EvidenceSpan evidence) {
    if (evidence == EvidenceSpan::stage && claims_[gate].weight > 0.0 && spent(gate).empty())
      error("stages",
            "their false_alarm_budgets leave nothing of the rollout's for the other "
            "stages, or exceed it, and the evidence of gate " +
                name + " starts anew in each; lower them, or let its evidence last");
  }

  /// What gate `gate`, numbered as in masks, may spend in each stage; empty: the same in all.
  [[nodiscard]] std::vector<double> spent(std::size_t gate) const {
    const bool is_limited =
        std::ranges::any_of(limits_, [](const auto& limit) { return limit.has_value(); });
    if (!is_limited || claims_[gate].weight == 0.0) return {};
    const bool is_single = gate < gates_.size();
    const std::size_t i = is_single ? gate : gate - gates_.size();
    return spend_by_stage(
        shares_[gate].rollout * (is_single ? left_by_floor(gate) : 1.0),
        {.limits = std::span(limits_).first(std::min(limits_.size(), kStagesMax)),
         .measured = is_single ? gates_[i].measured : combined_[i].measured,
         .starts_anew = (is_single ? plan_.gates[i].evidence : plan_.combined[i].evidence) ==
                        EvidenceSpan::stage});
  }

  // ---- combined gates ----

  void check_combined() {
    const std::size_t taken = plan_.gates.size() + (plan_.sample_ratio ? 1 : 0);
    check_names("combined", plan_.combined, kGatesMax - std::min(kGatesMax, taken));
    for (std::size_t i = 0; i < plan_.combined.size(); ++i) {
      const CombinedGateSpec& spec = plan_.combined[i];
      const std::string path = "combined." + address(plan_.combined, i);
      combined_.emplace_back();
      if (std::ranges::count(plan_.gates, spec.name, &GateSpec::name) > 0)
        error(path + ".name", "this name is taken by a gate; names must differ");
      if (!(spec.budget_share > 0.0 && std::isfinite(spec.budget_share)))
        error(path + ".budget_share", "expected a weight above 0; 1 is an equal share");
      if (!(spec.margins_used > 0.0 && std::isfinite(spec.margins_used)))
        error(path + ".margins_used_above",
              "expected a number of margins above 0, such as 1.5, got " +
                  number_text(spec.margins_used));
      check_parts(path, spec, combined_.back());
    }
  }

  void check_parts(const std::string& path, const CombinedGateSpec& spec, CombinedDraft& draft) {
    std::vector<std::string_view> names;
    for (const GateSpec& gate : plan_.gates) names.push_back(gate.name);
    for (const std::string& name : spec.gates) {
      const auto found = std::ranges::find(names, name);
      const auto gate = static_cast<std::size_t>(found - names.begin());
      if (found == names.end())
        error(path + ".gates", unknown("gate", name, names));
      else if (std::ranges::count(draft.gates, gate) > 0)
        error(path + ".gates", "names " + name + " twice");
      else
        draft.gates.push_back(gate);
    }
    if (spec.gates.size() < 2 || spec.gates.size() > CombinedMargins::kPartsMax)
      error(path + ".gates", "expected 2 to " + std::to_string(CombinedMargins::kPartsMax) +
                                 " gates to add up, got " + std::to_string(spec.gates.size()));
    for (const std::size_t gate : draft.gates) {
      if (plan_.gates[gate].noise_floor != NoiseFloor{})
        error(path + ".gates", plan_.gates[gate].name +
                                   " has a noise floor, and what its margin is used for within it "
                                   "is nobody's harm; take gates without one");
      draft.measured |= gates_[gate].measured;
      check_same_windows(path, gates_[gate], plan_.gates[gate], draft);
    }
    const auto parts = static_cast<double>(draft.gates.size());
    if (parts >= 2.0 && spec.margins_used >= parts)
      report(Severity::warning, path + ".margins_used_above",
             number_text(spec.margins_used) + " margins of " + number_text(parts) +
                 " metrics are used only where one of them is beyond its own; expected less than " +
                 number_text(parts));
    if (spec.margins_used < 1.0)
      report(Severity::note, path + ".margins_used_above",
             "less than one margin, so a single metric within its own can make this gate fail");
  }

  void check_same_windows(const std::string& path, const GateDraft& gate, const GateSpec& spec,
                          const CombinedDraft& draft) {
    const GateDraft& first = gates_[draft.gates.front()];
    const GateSpec& first_spec = plan_.gates[draft.gates.front()];
    if (gate.every == first.every && gate.window == first.window &&
        spec.initial_delay == first_spec.initial_delay)
      return;
    error(path + ".gates", spec.name + " and " + first_spec.name +
                               " are looked at in different windows; expected the same every, "
                               "window and initial_delay, so that their evidence is of the same "
                               "requests");
  }

  /// Once the budget is split, which tunes them.
  void make_combined() {
    for (std::size_t i = 0; i < combined_.size(); ++i) {
      CombinedDraft& draft = combined_[i];
      const std::string path = "combined." + address(plan_.combined, i);
      const std::size_t parts = draft.gates.size();
      if (parts != plan_.combined[i].gates.size() || parts < 2 ||
          parts > CombinedMargins::kPartsMax || !(plan_.combined[i].margins_used > 0.0))
        continue;
      Budget tuning = budget_of(gates_.size() + i);
      tuning.false_alarm /= static_cast<double>(parts);
      const std::vector<double> shares =
          CombinedMargins::shares(plan_.combined[i].margins_used, parts);
      std::vector<std::unique_ptr<MarginShare>> made;
      for (const std::size_t gate : draft.gates) {
        if (gates_[gate].test == nullptr) continue;  // refused already, for its own reasons
        Diagnostics found;
        GateSpec timed = plan_.gates[gate];
        timed.every = gates_[gate].every;
        auto share = make_margin_share(timed, shares, tuning, found);
        for (const Diagnostic& each : found)
          error(path + ".gates", plan_.gates[gate].name + ": " + each.message);
        if (share != nullptr) made.push_back(std::move(share));
      }
      if (made.size() == parts) draft.test = std::make_unique<CombinedMargins>(std::move(made));
    }
  }

  /// Puts gates with a noise floor within it: a test beyond it for harm, a test inside it for safety.
  void check_noise_floors() {
    for (std::size_t i = 0; i < gates_.size(); ++i) {
      const GateSpec& spec = plan_.gates[i];
      if (spec.noise_floor == NoiseFloor{}) continue;
      const std::string path = "gates." + address(plan_.gates, i);
      if (const std::string why = why_no_floor(i); !why.empty())
        error(path + ".noise_floor", why);
      else if (gates_[i].test != nullptr)
        put_within_noise(path, i);
    }
  }

  /// Why a gate can have no noise floor, or not this one; empty if it can.
  [[nodiscard]] std::string why_no_floor(std::size_t i) const {
    const GateSpec& spec = plan_.gates[i];
    if (!(spec.noise_floor.size > 0.0 && std::isfinite(spec.noise_floor.size)))
      return "expected a floor above 0";
    if (spec.harm.kind == HarmSpec::Kind::distribution)
      return "distances between distributions add up; write the floor into the margin instead";
    if (guarantee(i) == Guarantee::none)
      return spec.test.name +
             " gives no guarantee that a floor could protect; write the floor into the margin, or "
             "take a test with one";
    if (spec.noise_floor.kind == NoiseFloor::Kind::sd && !can_spend(guarantee(i)))
      return spec.test.name +
             " has no share of the budget that a floor could use up when it is exceeded; give the "
             "floor as a bound";
    return {};
  }

  void put_within_noise(const std::string& path, std::size_t i) {
    const GateSpec& spec = plan_.gates[i];
    GateDraft& gate = gates_[i];
    const Budget budget = test_budget_of(i);
    const double of_harm = gates::reach(spec.noise_floor, spec.harm, budget.false_alarm);
    const double of_safety = gates::reach(spec.noise_floor, spec.harm, budget.missed_harm);
    const HarmSpec safe = gates::moved(spec.harm, -of_safety);
    if (spec.harm.relation != HarmSpec::Relation::absolute && !gates::tolerates_no_change(safe))
      return error(
          path + ".harm",
          "the margin lies inside the noise floor: deployments of one model differ by up to " +
              distance_text(spec, of_safety) +
              ", and no traffic tells such a change from noise; expected a margin beyond "
              "that, or a lower floor");
    gate.edge = gates::moved(spec.harm, of_harm);
    auto of = [&](const HarmSpec& edge) {
      GateSpec there = spec;
      there.every = gate.every;
      there.harm = edge;
      Diagnostics found;
      check_harm(there, *gate.metric, found);
      std::unique_ptr<GateTest> test = has_errors(found) ? nullptr : gate.info->make(there, found);
      for (const Diagnostic& each : found)
        if (each.severity == Severity::error)
          error(path + ".noise_floor",
                "moves the edge to " + edge_text(there) + ": " + each.message);
      return test;
    };
    gates::WithinNoise::Tests tests{.harm = of(gate.edge), .safety = of(safe)};
    if (tests.harm != nullptr && tests.safety != nullptr)
      gate.test = std::make_unique<gates::WithinNoise>(std::move(tests));
  }

  [[nodiscard]] static std::string distance_text(const GateSpec& spec, double distance) {
    if (spec.harm.relation == HarmSpec::Relation::ratio) return share_text(std::expm1(distance));
    const MetricInfo* metric = find_metric(spec.metric);
    return metric->kind == MetricKind::positive
               ? number_text(distance) + ' ' + std::string(metric->unit)
               : number_text(100.0 * distance) + "pp";
  }
  [[nodiscard]] static std::string edge_text(const GateSpec& spec) {
    return number_text(spec.harm.margin) +
           (spec.harm.relation == HarmSpec::Relation::ratio ? "x" : "");
  }

  [[nodiscard]] std::shared_ptr<const Policy> policy(GateAuthority authority) {
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
      const double left = left_by_floor(i);
      gate.test->prepare(test_budget_of(i));
      Probe probe = probe_of(i);
      gates.push_back(
          {.name = spec.name,
           .probe = std::move(probe),
           .test = std::move(gate.test),
           .budget = test_budget_of(i),
           .role = spec.role,
           .evidence = spec.evidence,
           .silence = gate.silence,
           .budget_share = shares_[i].rollout * left,
           .spent = spent(i),
           .test_of = gate.test_of ? std::optional(StageIndex(*gate.test_of)) : std::nullopt});
    }
    std::optional<SampleRatioGuard> guard;
    // A check that only watched would have nothing to tell: it has no threshold to choose.
    if (guards() && authority == GateAuthority::as_planned)
      guard.emplace(exposures_, guard_every_, guard_false_alarm_);
    std::vector<StagedCombination> combined;
    for (std::size_t i = 0; i < combined_.size(); ++i)
      combined.push_back({.name = plan_.combined[i].name,
                          .gates = std::move(combined_[i].gates),
                          .test = std::move(combined_[i].test),
                          .budget = budget_of(gates_.size() + i),
                          .role = plan_.combined[i].role,
                          .evidence = plan_.combined[i].evidence,
                          .budget_share = shares_[gates_.size() + i].rollout,
                          .spent = spent(gates_.size() + i)});
    if (authority == GateAuthority::watching) {
      for (StagedGate& gate : gates) gate.role = GateRole::advisory;
      for (StagedCombination& gate : combined) gate.role = GateRole::advisory;
    }
    return std::make_shared<StagedPolicy>(StagedParts{.name = plan_.name,
                                                      .stages = std::move(stages),
                                                      .gates = std::move(gates),
                                                      .when_halted = plan_.when_halted,
                                                      .combined = std::move(combined),
                                                      .spending = plan_.spending,
                                                      .guard = std::move(guard)});
  }

  [[nodiscard]] Probe probe_of(std::size_t i) const {
    const GateDraft& gate = gates_[i];
    return {.metric = plan_.gates[i].metric,
            .segment = plan_.gates[i].segment,
            .form = gate.test->form(),
            .statistic = gate.test->statistic(),
            .window = gate.window,
            .every = gate.every,
            .initial_delay = plan_.gates[i].initial_delay};
  }

  /// The errors that a gate's test may make.
  [[nodiscard]] Budget test_budget_of(std::size_t gate) const {
    return gates::left_by(plan_.gates[gate].noise_floor, budget_of(gate));
  }

  /// Share of a gate's errors that its noise floor leaves to its test.
  [[nodiscard]] double left_by_floor(std::size_t gate) const {
    const double whole = budget_of(gate).false_alarm;
    return whole > 0.0 ? test_budget_of(gate).false_alarm / whole : 1.0;
  }

  /// A gate that spends nothing may use the whole budget: its alarms halt nothing.
  [[nodiscard]] Budget budget_of(std::size_t gate) const {
    Budget budget{.missed_harm = plan_.missed_harm_budget};
    if (plan_.false_alarm_budget) budget.false_alarm = *plan_.false_alarm_budget;
    if (claims_[gate].weight > 0.0) budget.false_alarm = shares_[gate].evidence;
    if (const double spent = spent_by_test(gate); spent > 0.0)
      budget = {.false_alarm = spent, .missed_harm = spent};
    return budget;
  }

  const PlanSpec& written_;
  const PlanSpec plan_;  ///< with the A/B tests of stages as gates
  Diagnostics diagnostics_;
  std::vector<Exposure> exposures_;
  std::vector<GateDraft> gates_;
  std::vector<CombinedDraft> combined_;
  std::vector<BudgetClaim> claims_;  ///< of the gates, then of the combined ones
  std::vector<BudgetShare> shares_;
  std::size_t stages_guarded_ = 0;
  Duration guard_every_{};
  double guard_false_alarm_ = 0.0;
  std::vector<std::optional<double>> limits_;  ///< per stage, of the rollout's budget
};

}  // namespace

Compiled compile(const PlanSpec& plan, GateAuthority authority) {
  return Compiler(plan).finish(authority);
}

std::vector<BudgetRow> budget_split(const PlanSpec& plan) { return Compiler(plan).budget_rows(); }

std::vector<WeighedGate> weighed_gates(const PlanSpec& plan) { return Compiler(plan).weighed(); }

}  // namespace gatewright
