// What each gate can see, and what a runbook would object to.
// Used by lint.
// Never plays the plan: see pilot.h for the little that is played.
#include "analysis/review.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "analysis/change.h"
#include "analysis/layout.h"
#include "analysis/pilot.h"
#include "analysis/promises.h"
#include "policies/compile.h"
#include "policies/metric.h"

namespace gatewright::analysis {
namespace {

using namespace std::chrono_literals;
using Relation = HarmSpec::Relation;

constexpr std::size_t kRepeatsMax = 1U << 12;
constexpr double kLowTrafficPerHour = 100.0;
constexpr double kExtendedRequests = 100.0;  ///< of the candidate in a stage, at low traffic
constexpr double kFalseAlarmsWorthSaying = 1e-4;
constexpr double kPublishedNoise = 0.15;
constexpr double kRollbackTargetSeconds = 60.0;

[[nodiscard]] std::string duration_words(double seconds) {
  if (seconds < 120.0) return fmt::format("{:.0f}s", seconds);
  if (seconds < 120.0 * 60.0) return fmt::format("{:.0f}m", seconds / 60.0);
  return seconds < 72.0 * 3600.0 ? fmt::format("{:.3g}h", seconds / 3600.0)
                                 : fmt::format("{:.3g} days", seconds / 86400.0);
}

[[nodiscard]] double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

[[nodiscard]] std::string count_text(double count) { return number(std::round(count), 0); }

/// What a gate is asked to see: a change that goes twice as far beyond none as its margin; nothing
/// where the margin says nothing of a change.
[[nodiscard]] std::optional<double> twice_the_margin(const HarmSpec& harm) {
  if (harm.relation == Relation::absolute) return std::nullopt;
  const double none = harm.relation == Relation::ratio ? 1.0 : 0.0;
  const double twice = none + 2.0 * (harm.margin - none);
  const bool is_change = harm.margin != none && !(harm.relation == Relation::ratio && twice <= 0.0);
  return is_change ? std::optional(twice) : std::nullopt;
}

class Reviewer {
 public:
  Reviewer(const PlanSpec& plan, const sim::Scenario* world)
      : plan_(plan), world_(world), weighed_(weighed_gates(plan)) {
    if (world_ != nullptr) pilot_ = pilot(plan_, *world_);
    if (pilot_) see();
    if (world_ != nullptr) doubt();
    object();
  }

  [[nodiscard]] Review take() { return std::move(review_); }

 private:
  static void add(Diagnostics& findings, std::string path, std::string message) {
    findings.push_back(
        {.severity = Severity::warning, .path = std::move(path), .message = std::move(message)});
  }
  void warn(std::string path, std::string message) {
    add(review_.of_plan, std::move(path), std::move(message));
  }

  // ------------------------------------------------------------------------ what gates can see

  /// Of the plan; the tests of A/B stages come after them in `weighed_`.
  [[nodiscard]] std::size_t gates() const { return std::min(weighed_.size(), plan_.gates.size()); }

  [[nodiscard]] bool can_be_read(std::size_t i) const {
    const WeighedGate& gate = weighed_[i];
    if (!pilot_ || !pilot_->feeds[i]) return false;
    const MetricLaw& law = pilot_->feeds[i]->law;
    const bool is_multiplied =
        law.change == MetricLaw::Change::factor || law.change == MetricLaw::Change::quantile;
    if (!(law.sd > 0.0) || (is_multiplied && !(law.mean > 0.0)))
      return false;  // nothing ever happens, or nothing ever varies
    if (gate.test->name() == "fixed_threshold") return true;
    return has_power_curve(*gate.test) && gate.probe.window <= gate.probe.every;
  }

  [[nodiscard]] GateInWorld in_world(std::size_t i) const {
    return {.plan = plan_,
            .weighed = weighed_[i],
            .pilot = *pilot_,
            .index = i,
            .mirrored_sampled = world_->telemetry.mirrored_sampled};
  }

  [[nodiscard]] PowerCurve curve(std::size_t i, std::span<const ArmCounts> windows) const {
    return PowerCurve({.test = weighed_[i].test.get(),
                       .budget = weighed_[i].budget,
                       .harm = plan_.gates[i].harm.direction,
                       .law = pilot_->feeds[i]->law,
                       .windows = windows});
  }

  void see() {
    for (std::size_t i = 0; i < gates(); ++i) {
      if (!can_be_read(i)) continue;
      const WeighedGate& gate = weighed_[i];
      GateSight sight{.gate = plan_.gates[i].name,
                      .edge = gate.edge,
                      .one_look = gate.test->name() == "fixed_threshold"};
      const MetricLaw& law = pilot_->feeds[i]->law;
      std::vector<PowerCurve> whole;  ///< until the evidence begins anew
      std::vector<std::vector<ArmCounts>> spells;
      for (std::size_t stage = 0; stage < plan_.stages.size(); ++stage) {
        std::optional<StageSight>& seen = sight.stages.emplace_back();
        if (!gate.measured[stage]) continue;
        const std::vector<ArmCounts> windows = windows_until(in_world(i), stage);
        seen.emplace();
        if (windows.empty()) continue;
        for (const ArmCounts& window : windows) {
          seen->requests.baseline += window.baseline;
          seen->requests.candidate += window.candidate;
        }
        const PowerCurve power = curve(i, windows);
        if (const auto mean = power.smallest(kPower))
          seen->smallest = change_of(plan_.gates[i].harm, gate.probe, law, *mean);
        if (sight.one_look)
          sight.false_alarms_per_look =
              std::max(sight.false_alarms_per_look.value_or(0.0), power.at(law.mean));
        if (plan_.gates[i].evidence != EvidenceSpan::stage) {
          whole.clear();
          spells.clear();
        }
        whole.push_back(power);
        spells.push_back(windows);
      }
      for (std::string& broken : broken_promises(in_world(i), whole, *world_))
        warn(path_of(i) + ".test", std::move(broken));
      if (auto broken = promise_broken_by_few_events(in_world(i), spells))
        warn(path_of(i) + ".test", *std::move(broken));
      say_what_is_unseen(i, sight);
      if (sight.false_alarms_per_look.value_or(0.0) >= kFalseAlarmsWorthSaying)
        warn(path_of(i) + ".test",
             fmt::format("fixed_threshold keeps no false-alarm rate: in this world a healthy "
                         "candidate fails up to {:.2g}% of its looks",
                         100.0 * *sight.false_alarms_per_look));
      review_.gates.push_back(std::move(sight));
    }
  }

  /// Of gates whose bounds nobody here can read, and of the tests of A/B stages.
  void doubt() {
    for (std::size_t i = 0; i < gates(); ++i) {
      if (can_be_read(i)) continue;
      const bool is_known = pilot_ && pilot_->feeds[i];
      doubt(weighed_[i], is_known ? std::optional(pilot_->feeds[i]->law) : std::nullopt,
            path_of(i) + ".test");
    }
    std::string before;
    for (std::size_t i = gates(); i < weighed_.size(); ++i) {
      const std::size_t stage =
          std::ranges::find(weighed_[i].measured, true) - weighed_[i].measured.begin();
      const std::string path = "stages." + plan_.stages[stage].name + ".ab";
      if (path != before) doubt(weighed_[i], {}, path);  // once for all its segments
      before = path;
    }
  }
  void doubt(const WeighedGate& weighed, const std::optional<MetricLaw>& law,
             const std::string& path) {
    for (std::string& doubtful : doubtful_promises(weighed, law, *world_))
      warn(path, std::move(doubtful));
  }

  [[nodiscard]] bool is_visible(std::size_t i, std::span<const ArmCounts> windows,
                                double change) const {
    const auto mean =
        mean_of(plan_.gates[i].harm, weighed_[i].probe, pilot_->feeds[i]->law, change);
    return mean && !windows.empty() && curve(i, windows).reaches(kPower, *mean);
  }

  /// "5% of 800 requests in 20m cannot see 3x": where users first meet the candidate, and what
  /// would do.
  void say_what_is_unseen(std::size_t i, GateSight& sight) {
    const std::optional<double> change = twice_the_margin(plan_.gates[i].harm);
    if (!change) return;
    std::optional<std::size_t> blind, seeing;
    for (std::size_t stage = 0; stage < plan_.stages.size() && !seeing; ++stage) {
      if (!weighed_[i].measured[stage]) continue;
      const auto windows = windows_until(in_world(i), stage);
      if (is_visible(i, windows, *change))
        seeing = stage;
      else if (!blind && plan_.stages[stage].served > 0.0)
        blind = stage;
    }
    if (!blind && !seeing)
      for (std::size_t stage = 0; stage < plan_.stages.size() && !blind; ++stage)
        if (weighed_[i].measured[stage]) blind = stage;
    if (!blind) return;
    const StageSpec& stage = plan_.stages[*blind];
    const double requests = pilot_->requests_per_second * seconds(stage.dwell);
    const double share = stage.served > 0.0 ? stage.served : stage.mirrored;
    sight.sentence =
        fmt::format("{:.3g}% of {} requests in {} cannot see {}, twice the margin; {}",
                    100.0 * share, count_text(requests), duration_words(seconds(stage.dwell)),
                    change_text(plan_.gates[i].metric, plan_.gates[i].harm, *change),
                    what_would_do(i, *blind, *change));
    if (seeing)
      sight.sentence += fmt::format("; stage {} does", plan_.stages[*seeing].name);
    else
      warn(path_of(i),
           fmt::format("no stage shows a change of {}, twice the margin, with {:.0f}% power",
                       change_text(plan_.gates[i].metric, plan_.gates[i].harm, *change),
                       100.0 * kPower));
  }

  /// How long the stage would have to be.
  [[nodiscard]] std::string what_would_do(std::size_t i, std::size_t stage, double change) const {
    std::vector<ArmCounts> before = stage == 0 || plan_.gates[i].evidence == EvidenceSpan::stage ||
                                            weighed_[i].test->name() == "fixed_threshold"
                                        ? std::vector<ArmCounts>{}
                                        : windows_until(in_world(i), stage - 1);
    PlanSpec longer = plan_;
    longer.stages[stage].dwell = plan_.stages[stage].dwell + weighed_[i].probe.every;
    GateInWorld one_more = in_world(i);
    const GateInWorld in_longer{.plan = longer,
                                .weighed = one_more.weighed,
                                .pilot = one_more.pilot,
                                .index = i,
                                .mirrored_sampled = one_more.mirrored_sampled};
    const std::vector<ArmCounts> until = windows_until(in_longer, stage);
    if (until.empty() || weighed_[i].test->name() == "fixed_threshold")
      return "it would need longer windows or more traffic";
    const ArmCounts window = until.back();
    const auto with = [&](std::size_t repeats) {
      std::vector<ArmCounts> windows = before;
      windows.insert(windows.end(), repeats, window);
      return windows;
    };
    std::size_t enough = 1;
    while (enough < kRepeatsMax && !is_visible(i, with(enough), change)) enough *= 2;
    if (!is_visible(i, with(enough), change))
      return "not even " +
             duration_words(static_cast<double>(enough) * seconds(weighed_[i].probe.every)) +
             " of this stage would show it";
    std::size_t few = enough / 2;
    while (enough - few > std::max<std::size_t>(1, enough / 32)) {
      const std::size_t middle = few + (enough - few) / 2;
      (is_visible(i, with(middle), change) ? enough : few) = middle;
    }
    // One window more, which the change of exposure cuts.
    const double needed = static_cast<double>(enough + 1) * seconds(weighed_[i].probe.every);
    return fmt::format("it would need {} requests, {} of this stage",
                       count_text(needed * pilot_->requests_per_second), duration_words(needed));
  }

  // ------------------------------------------------------------------------------- objections

  [[nodiscard]] std::string path_of(std::size_t gate) const {
    return "gates." + plan_.gates[gate].name;
  }

  void object() {
    object_to_stages();
    for (std::size_t i = 0; i < plan_.gates.size(); ++i) object_to_gate(i);
    if (world_ != nullptr) object_to_rollback();
  }

  void object_to_stages() {
    if (!plan_.stages.empty() && plan_.stages.front().served > 0.0)
      warn(
          "stages." + plan_.stages.front().name,
          "shadow is skipped: users are the first to meet the candidate; put a stage with mirrored "
          "traffic before");
    if (!pilot_ || pilot_->requests_per_second * 3600.0 >= kLowTrafficPerHour) return;
    for (const StageSpec& stage : plan_.stages) {
      const double candidate =
          pilot_->requests_per_second * seconds(stage.dwell) * (stage.served + stage.mirrored);
      if (candidate < kExtendedRequests)
        warn("stages." + stage.name + ".dwell",
             fmt::format(
                 "at {} requests an hour the candidate answers {} in this stage; stay {} for {}",
                 count_text(pilot_->requests_per_second * 3600.0), count_text(candidate),
                 duration_words(seconds(stage.dwell) * kExtendedRequests / candidate),
                 count_text(kExtendedRequests)));
    }
  }

  void object_to_gate(std::size_t i) {
    const GateSpec& gate = plan_.gates[i];
    const WeighedGate& weighed = weighed_[i];
    const MetricInfo& metric = *find_metric(gate.metric);
    if (gate.harm.relation == Relation::absolute && metric.scope != MetricScope::paired &&
        metric.scope != MetricScope::interleaved)
      warn(path_of(i) + ".harm",
           "has no baseline: what hits both arms, such as an incident of the provider, fails this "
           "gate too");
    const double none = gate.harm.relation == Relation::ratio ? 1.0 : 0.0;
    const bool is_shift = gate.harm.kind == HarmSpec::Kind::distribution;
    if (metric.kind == MetricKind::score && gate.harm.relation != Relation::absolute && !is_shift &&
        gate.noise_floor == NoiseFloor{} && std::abs(gate.harm.margin - none) < kPublishedNoise)
      warn(path_of(i) + ".harm",
           fmt::format("a margin of {} is tighter than what runs of one model have been seen to "
                       "differ by ({:.0f} points at worst); say what yours do: noise_floor, which "
                       "`gatewright floor` estimates",
                       change_text(gate.metric, gate.harm, gate.harm.margin),
                       100.0 * kPublishedNoise));
    if (weighed.test->guarantee() == Guarantee::none && weighs_totals(*weighed.test) &&
        weighed.probe.window > weighed.probe.every)
      warn(path_of(i) + ".window",
           fmt::format(
               "{} adds its windows up, and these overlap: every request counts {:.3g} times",
               gate.test.name, seconds(weighed.probe.window) / seconds(weighed.probe.every)));
  }

  void object_to_rollback() {
    const sim::Rollback& rollback = world_->rollback;
    if (rollback.actuation == sim::Actuation::redeploy ||
        rollback.actuation == sim::Actuation::manual)
      add(review_.of_world, "rollback.actuation",
          rollback.actuation == sim::Actuation::redeploy
              ? "a rollback needs a redeploy; keep the old model running and switch by policy"
              : "a rollback needs a person; let the controller do it");
    const sim::DelayLaw delay = sim::delay_law(rollback);
    constexpr double kNormal95 = 1.6448536269514722;
    const double p95 = delay.kind == sim::DelayLaw::Kind::fixed ? delay.a
                       : delay.kind == sim::DelayLaw::Kind::uniform
                           ? delay.a + 0.95 * (delay.b - delay.a)
                           : delay.a * std::exp(kNormal95 * delay.b);
    const double cold = seconds(rollback.cold);
    if (p95 + cold > kRollbackTargetSeconds)
      add(review_.of_world, "rollback",
          fmt::format("one rollback in twenty takes longer than {}{}, against a target "
                      "of {:.0f}s end to end",
                      duration_words(p95 + cold), cold > 0.0 ? ", with the old model cold" : "",
                      kRollbackTargetSeconds));
  }

  const PlanSpec& plan_;
  const sim::Scenario* world_;
  std::vector<WeighedGate> weighed_;
  std::optional<Pilot> pilot_;
  Review review_;
};

}  // namespace

Review review(const PlanSpec& plan, const sim::Scenario* world) {
  return Reviewer(plan, world).take();
}

std::string sight_table(const PlanSpec& plan, const Review& review) {
  if (review.gates.empty()) return {};
  std::vector<std::vector<std::string>> columns;  // of gates, of edges, then of stages
  std::vector<std::string>& names = columns.emplace_back(1, "gate");
  for (const GateSight& gate : review.gates) names.push_back(gate.gate);
  const auto metric_of = [&](const GateSight& gate) {
    return std::ranges::find(plan.gates, gate.gate, &GateSpec::name)->metric;
  };
  std::vector<std::string>& edges = columns.emplace_back(1, "edge");
  for (const GateSight& gate : review.gates)
    edges.push_back(change_text(metric_of(gate), gate.edge, gate.edge.margin));
  for (std::size_t stage = 0; stage < plan.stages.size(); ++stage) {
    std::vector<std::string>& column = columns.emplace_back(1, plan.stages[stage].name);
    for (const GateSight& gate : review.gates) {
      const auto& sight = gate.stages[stage];
      column.push_back(!sight            ? "-"
                       : sight->smallest ? change_text(metric_of(gate), gate.edge, *sight->smallest)
                                         : "none");
    }
  }
  const auto width_of = [](const std::vector<std::string>& column) {
    std::size_t widest = 0;
    for (const std::string& cell : column) widest = std::max(widest, width(cell));
    return widest;
  };
  const std::size_t fixed = 2 + width_of(columns[0]) + 2 + width_of(columns[1]);
  std::string table;
  for (std::size_t first = 2; first < columns.size();) {
    std::size_t last = first, used = fixed;
    while (last < columns.size() &&
           (last == first || used + 2 + width_of(columns[last]) <= kPageWidth))
      used += 2 + width_of(columns[last++]);
    for (std::size_t row = 0; row < columns[0].size(); ++row) {
      std::string line = "  " + left(columns[0][row], width_of(columns[0])) + "  " +
                         right(columns[1][row], width_of(columns[1]));
      for (std::size_t i = first; i < last; ++i)
        line += "  " + right(columns[i][row], width_of(columns[i]));
      table += line + "\n";
    }
    first = last;
    if (first < columns.size()) table += "\n";
  }
  return table;
}

}  // namespace gatewright::analysis
