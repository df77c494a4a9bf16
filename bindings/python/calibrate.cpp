#include "bindings/python/calibrate.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/calibration.h"
#include "bindings/python/run.h"
#include "bindings/python/study.h"
#include "bindings/python/table.h"
#include "bindings/python/watch.h"
#include "policies/compile.h"

namespace gatewright::python {

namespace py = pybind11;

namespace {

using analysis::CalibratedGate;
using analysis::Calibration;
using analysis::CurvePoint;
using ThresholdRecords = std::vector<sim::ThresholdRecord>;

struct Recorded {
  ThresholdRecords as_written, twin;
  [[nodiscard]] analysis::CurveRuns runs(bool harmful) const {
    if (!harmful) return {.healthy = as_written, .harmful = {}};
    return {.healthy = twin, .harmful = as_written};
  }
};

ThresholdRecords record(const sim::Contender& contender, const sim::PreparedScenario& world,
                        const Sampling& sampling, Watch& watch) {
  const std::uint64_t before = watch.done.load();
  return std::move(
      sim::run_many(std::span(&contender, 1), world,
                    {.seed = sampling.seed,
                     .first_replication = sampling.first_replication,
                     .replications = sampling.runs,
                     .threads = sampling.threads,
                     .progress = [&](std::uint64_t done) { watch.done = before + done; },
                     .stop = &watch.stop,
                     .thresholds = true})
          .thresholds.front());
}

std::vector<std::size_t> gates_of(const PlanSpec& plan, const std::vector<std::string>& names) {
  if (names.empty()) return analysis::halting_gates(plan);
  std::vector<std::size_t> gates;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(plan.gates, name, &GateSpec::name);
    if (found == plan.gates.end()) throw py::value_error("the policy has no gate " + name);
    gates.push_back(static_cast<std::size_t>(found - plan.gates.begin()));
  }
  return gates;
}

Table table_of(const Calibration& calibration) {
  std::size_t rows = 0;
  for (const CalibratedGate& gate : calibration.gates) rows += gate.curve.size();
  Table table(rows);
  const auto column = [&](auto empty, auto add) {
    for (const CalibratedGate& gate : calibration.gates)
      for (const CurvePoint& point : gate.curve) add(empty, gate, point);
    return empty;
  };
  table.add("gate", column(Texts(), [](Texts& texts, const auto& gate, const CurvePoint&) {
              texts.add(gate.gate);
            }));
  using Numbers = std::vector<double>;
  table.add("threshold",
            column(Numbers(), [](Numbers& numbers, const auto&, const CurvePoint& point) {
              numbers.push_back(point.threshold);
            }));
  const std::pair<const char*, analysis::Estimate CurvePoint::*> estimates[] = {
      {"false_alarm_rate_alone", &CurvePoint::false_alarm_alone},
      {"detection_probability_alone", &CurvePoint::detection_alone},
      {"false_alarm_rate", &CurvePoint::false_alarm},
      {"detection_probability", &CurvePoint::detection},
      {"detection_delay_minutes_p50", &CurvePoint::detection_delay_minutes_p50}};
  const std::pair<const char*, double analysis::Estimate::*> parts[] = {
      {"", &analysis::Estimate::value},
      {"_lower", &analysis::Estimate::lower},
      {"_upper", &analysis::Estimate::upper}};
  for (const auto& [name, estimate] : estimates)
    for (const auto& [suffix, part] : parts)
      table.add(std::string(name) + suffix,
                column(Numbers(), [&](Numbers& numbers, const auto&, const CurvePoint& point) {
                  numbers.push_back((point.*estimate).*part);
                }));
  return table;
}

py::object number_or_none(const std::optional<double>& number) {
  return number ? py::cast(*number) : py::none();
}

py::tuple as_python(const analysis::Estimate& estimate) {
  return py::make_tuple(estimate.value, estimate.lower, estimate.upper, estimate.runs,
                        to_string(estimate.method));
}

/// The fields of gatewright.GateCurve, in order.
py::tuple as_python(const CalibratedGate& gate) {
  const auto threshold_at = [&](const std::optional<std::size_t>& place) {
    return place ? py::cast(gate.curve[*place].threshold) : py::object(py::none());
  };
  py::object choice = py::none(), false_alarm = py::none(), detection = py::none();
  if (gate.choice) {
    choice = py::cast(gate.choice->as_chosen.threshold);
    if (gate.choice->on_fresh_runs) {
      false_alarm = as_python(gate.choice->on_fresh_runs->false_alarm_alone);
      detection = as_python(gate.choice->on_fresh_runs->detection_alone);
    }
  }
  return py::make_tuple(gate.gate, gate.test, gate.guarantee,
                        gate.kind == sim::ThresholdKind::margin ? "margin" : "evidence",
                        gate.planned.threshold, gate.budget, number_or_none(gate.alpha),
                        gate.is_tuned_by_budget, threshold_at(gate.crossing_alone),
                        threshold_at(gate.crossing_plan), choice, false_alarm, detection);
}

struct Question {
  std::vector<std::string> gates;
  std::vector<double> thresholds;
  std::size_t points = 0;
  std::optional<double> budget;
  bool validates = true;
};

/// The table, the gates, the runs behind it, and whether Ctrl-C ended it early.
py::tuple calibrate(const Study& study, const Question& question, const Sampling& sampling,
                    const py::object& progress) {
  const PlanSpec& plan = study.meaning().plan;
  auto [contender, diagnostics] = study.contender();
  if (!contender) raise_plan_error(diagnostics);
  if (const std::string reason = analysis::why_not_recordable(plan); !reason.empty())
    throw py::value_error(plan.name + ": " + reason);
  contender->engine = *compile(plan, GateAuthority::watching).engine;
  contender->plan = std::make_shared<const PlanSpec>(plan);
  const std::vector<std::size_t> gates = gates_of(plan, question.gates);

  const sim::Scenario& scenario = study.meaning().scenario;
  const bool harmful = sim::harmful_from(scenario).has_value();
  constexpr double kBudget = 0.05;
  Calibration calibration;
  sim::Prepared world;
  Watch watch;
  const std::uint64_t rounds = (harmful ? 2 : 1) * (question.validates ? 2 : 1);
  const bool interrupted = watched(watch, rounds * sampling.runs, progress, [&] {
    world = sim::prepare(scenario);
    if (world.scenario == nullptr) return;
    const auto both = [&](std::uint64_t first) {
      Sampling part = sampling;
      part.first_replication = first;
      Recorded recorded;
      if (harmful)
        recorded.twin = record(*contender, *sim::healthy_twin(world.scenario), part, watch);
      recorded.as_written = record(*contender, *world.scenario, part, watch);
      if (harmful) recorded.twin.resize(std::min(recorded.twin.size(), recorded.as_written.size()));
      return recorded;
    };
    const Recorded recorded = both(0);
    if (recorded.as_written.empty()) return;
    calibration = analysis::calibrate(
        recorded.runs(harmful), plan,
        {.plan_budget = question.budget.value_or(plan.false_alarm_budget.value_or(kBudget)),
         .confidence = sampling.confidence,
         .gates = gates,
         .points = question.points,
         .thresholds = question.thresholds});
    analysis::note_tuning(plan, *world.scenario, sampling.seed, calibration);
    if (!question.validates || watch.stop) return;
    const Recorded fresh = both(sampling.runs);
    if (!fresh.as_written.empty()) analysis::validate(fresh.runs(harmful), plan, calibration);
  });
  if (world.scenario == nullptr && !interrupted) raise_plan_error(world.diagnostics);
  if (calibration.gates.empty()) raise_interrupt();
  py::list curves;
  for (const CalibratedGate& gate : calibration.gates) curves.append(as_python(gate));
  return py::make_tuple(std::make_shared<Table>(table_of(calibration)), curves, calibration.runs,
                        interrupted);
}

}  // namespace

void bind_calibrate(py::module_& module) {
  module.def(
      "calibrate",
      [](const Study& study, const std::vector<std::string>& gates,
         const std::vector<double>& thresholds, std::size_t points, std::optional<double> budget,
         bool validate, std::uint64_t runs, std::uint64_t seed, unsigned threads, double confidence,
         const py::object& progress) {
        return calibrate(study, {gates, thresholds, points, budget, validate},
                         {.runs = runs, .seed = seed, .threads = threads, .confidence = confidence},
                         progress);
      },
      py::kw_only(), py::arg("study"), py::arg("gates"), py::arg("thresholds"), py::arg("points"),
      py::arg("budget"), py::arg("validate"), py::arg("runs"), py::arg("seed"), py::arg("threads"),
      py::arg("confidence"), py::arg("progress"));
}

}  // namespace gatewright::python
