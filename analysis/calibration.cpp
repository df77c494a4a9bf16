#include "analysis/calibration.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "policies/compile.h"
#include "policies/metric.h"

namespace gatewright::analysis {
namespace {

using sim::ThresholdKind;

[[nodiscard]] std::string unit_of(const GateSpec& gate) {
  if (sim::threshold_kind(gate) == ThresholdKind::evidence) return {};
  if (gate.harm.relation == HarmSpec::Relation::ratio) return "x";
  const MetricInfo* metric = find_metric(gate.metric);
  const std::string unit(metric == nullptr ? "" : metric->unit);
  return unit == "share" || unit == "score" ? "" : " " + unit;
}

[[nodiscard]] std::size_t place_of(const PlanSpec& plan, const std::string& gate) {
  return static_cast<std::size_t>(std::ranges::find(plan.gates, gate, &GateSpec::name) -
                                  plan.gates.begin());
}

[[nodiscard]] double even_share(const PlanSpec& plan) {
  return 1.0 / static_cast<double>(std::max<std::size_t>(halting_gates(plan).size(), 1));
}

[[nodiscard]] CurvePoint point_at(const CurveRuns& runs, const PlanSpec& plan, std::size_t gate,
                                  double threshold, double confidence) {
  return threshold_curve(runs, plan,
                         {.gate = gate, .thresholds = {threshold}, .confidence = confidence})
      .front();
}

}  // namespace

Calibration calibrate(const CurveRuns& runs, const PlanSpec& plan,
                      const CalibrationQuestion& question) {
  Calibration calibration{.plan_budget = question.plan_budget,
                          .is_harmful = !runs.harmful.empty(),
                          .runs = runs.healthy.size(),
                          .confidence = question.confidence,
                          .gates = {}};
  const std::vector<BudgetRow> rows = budget_split(plan);
  for (const std::size_t index : question.gates) {
    const GateSpec& spec = plan.gates.at(index);
    const BudgetRow& row = rows.at(index);
    CalibratedGate gate{.gate = spec.name,
                        .test = spec.test.name,
                        .guarantee = row.guarantee,
                        .kind = sim::threshold_kind(spec),
                        .unit = unit_of(spec),
                        .budget = row.false_alarm > 0.0
                                      ? row.false_alarm / plan.false_alarm_budget.value_or(1.0) *
                                            question.plan_budget
                                      : question.plan_budget * even_share(plan)};
    if (row.guarantee == "anytime" && row.false_alarm > 0.0)
      gate.alpha = row.false_alarm / static_cast<double>(row.spent_over);
    gate.curve =
        threshold_curve(runs, plan,
                        {.gate = index,
                         .thresholds = question.thresholds.empty()
                                           ? spread_thresholds(runs, plan, index, question.points)
                                           : question.thresholds,
                         .confidence = question.confidence});
    gate.planned = point_at(runs, plan, index, planned_threshold(spec), question.confidence);
    gate.crossing_alone = crossing(gate.curve, gate.budget, Among::alone, Within::value);
    gate.crossing_plan = crossing(gate.curve, question.plan_budget, Among::plan, Within::value);
    if (const auto chosen = crossing(gate.curve, gate.budget, Among::alone, Within::upper_limit))
      gate.choice = Choice{.as_chosen = gate.curve[*chosen], .on_fresh_runs = {}};
    calibration.gates.push_back(std::move(gate));
  }
  return calibration;
}

void validate(const CurveRuns& fresh, const PlanSpec& plan, Calibration& calibration) {
  for (CalibratedGate& gate : calibration.gates) {
    if (!gate.choice) continue;
    const auto index = static_cast<std::size_t>(
        std::ranges::find(plan.gates, gate.gate, &GateSpec::name) - plan.gates.begin());
    gate.choice->on_fresh_runs =
        point_at(fresh, plan, index, gate.choice->as_chosen.threshold, calibration.confidence);
  }
}

std::vector<std::size_t> halting_gates(const PlanSpec& plan) {
  std::vector<std::size_t> gates;
  for (std::size_t i = 0; i < plan.gates.size(); ++i)
    if (plan.gates[i].role == GateRole::protective) gates.push_back(i);
  return gates;
}

void note_tuning(const PlanSpec& plan, const sim::PreparedScenario& world, std::uint64_t seed,
                 Calibration& calibration) {
  constexpr double kPart = 0.25;
  const bool any_budget = std::ranges::any_of(
      calibration.gates, [](const CalibratedGate& gate) { return gate.alpha.has_value(); });
  if (!any_budget || !plan.false_alarm_budget) return;
  PlanSpec stricter = plan;
  *stricter.false_alarm_budget *= kPart;
  std::vector<sim::Contender> field;
  for (const PlanSpec& each : {plan, stricter})
    field.push_back({.name = each.name,
                     .engine = *compile(each, GateAuthority::watching).engine,
                     .assignment = each.assignment,
                     .plan = std::make_shared<const PlanSpec>(each)});
  const sim::ManyRecords played = sim::run_many(
      field, world, {.seed = seed, .replications = 1, .threads = 1, .thresholds = true});
  for (CalibratedGate& gate : calibration.gates) {
    if (!gate.alpha) continue;
    const std::size_t index = place_of(plan, gate.gate);
    // Evidence is a share of ln(1 / alpha); the same samples must have made the same sum of both.
    constexpr double kRounding = 1e-9;
    const double whole = std::log(1.0 / *gate.alpha);
    const double stricter_whole = std::log(1.0 / (kPart * *gate.alpha));
    gate.is_tuned_by_budget = !std::ranges::equal(
        played.thresholds[0].front().gates.at(index), played.thresholds[1].front().gates.at(index),
        [&](const sim::Rise& a, const sim::Rise& b) {
          const double log_e = a.evidence * whole;
          return a.at == b.at && std::abs(log_e - b.evidence * stricter_whole) <=
                                     kRounding * std::max(1.0, std::abs(log_e));
        });
  }
}

}  // namespace gatewright::analysis
