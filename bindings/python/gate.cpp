#include "bindings/python/gate.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "analysis/intervals.h"
#include "bindings/python/study.h"
#include "policies/gates/catalogue.h"
#include "policies/histogram.h"
#include "scenarios/plan_yaml.h"

namespace gatewright::python {

namespace py = pybind11;

namespace {

using scenarios::Node;

/// A test that is prepared for one budget, and the gate it was made for.
struct Gate {
  GateSpec spec;
  std::unique_ptr<GateTest> test;
  Budget budget;
};

Node scalar(std::string text) {
  Node node;
  node.kind = Node::Kind::scalar;
  node.scalar = std::move(text);
  return node;
}

Node list_of(Node item) {
  Node node;
  node.kind = Node::Kind::list;
  node.items.push_back(std::move(item));
  return node;
}

/// What Python wrote as it would stand in a file.
Node node_of(py::handle value) {
  if (value.is_none()) return {};
  Node node;
  if (py::isinstance<py::dict>(value)) {
    node.kind = Node::Kind::map;
    for (const auto& [key, item] : value.cast<py::dict>())
      node.fields.emplace_back(key.cast<std::string>(), node_of(item));
    return node;
  }
  if (py::isinstance<py::list>(value) || py::isinstance<py::tuple>(value)) {
    node.kind = Node::Kind::list;
    for (const py::handle item : value) node.items.push_back(node_of(item));
    return node;
  }
  return scalar(setting_text(value));
}

/// A year at 50% under this gate alone.
Node plan_of(Node gate) {
  Node stage, plan;
  stage.kind = plan.kind = Node::Kind::map;
  stage.fields.emplace_back("exposure", scalar("50%"));
  stage.fields.emplace_back("dwell", scalar("365d"));
  plan.fields.emplace_back("name", scalar("one_gate"));
  plan.fields.emplace_back("policy", scalar("staged"));
  plan.fields.emplace_back("false_alarm_budget", scalar("5%"));
  plan.fields.emplace_back("stages", list_of(std::move(stage)));
  plan.fields.emplace_back("gates", list_of(std::move(gate)));
  return plan;
}

std::unique_ptr<Gate> gate_of(Node written, const Budget& budget) {
  auto [plan, diagnostics] = scenarios::read_plan(plan_of(std::move(written)), {}, false);
  if (!plan) raise_plan_error(diagnostics);
  auto gate = std::make_unique<Gate>();
  gate->spec = std::move(plan->gates.front());
  if (gate->spec.every == Duration::zero()) gate->spec.every = plan->every;
  gate->budget = budget;
  Diagnostics problems;  // none: the plan compiles
  gate->test = find_gate_test(gate->spec.test.name)->make(gate->spec, problems);
  gate->test->prepare(budget);
  return gate;
}

std::unique_ptr<Gate> read(const py::object& written, double false_alarm, double missed_harm) {
  const Budget budget{.false_alarm = false_alarm, .missed_harm = missed_harm};
  if (!py::isinstance<py::str>(written)) return gate_of(node_of(written), budget);
  auto [document, diagnostics] = scenarios::parse_document(written.cast<std::string>(), "gate");
  if (has_errors(diagnostics)) raise_plan_error(diagnostics);
  return gate_of(std::move(document.root), budget);
}

// --- windows -----------------------------------------------------------------------------------

using Slots = py::array_t<double, py::array::c_style>;
using SummaryFields = std::tuple<std::uint64_t, double, double>;
using CovariateFields = std::tuple<double, double, double>;
/// Value, requests behind it, and whether the store answered.
using ReadingFields = std::tuple<double, std::uint64_t, bool>;
using DistributionFields = std::pair<py::array_t<double>, py::array_t<std::uint64_t>>;

double finite(double value) {
  if (!std::isfinite(value)) throw py::value_error("a window holds a number that is not finite");
  return value;
}

Summary as_summary(const SummaryFields& fields) {
  const auto& [count, sum, sum_of_squares] = fields;
  return {.count = count, .sum = finite(sum), .sum_of_squares = finite(sum_of_squares)};
}

Covariate as_covariate(const CovariateFields& fields) {
  const auto& [sum, sum_of_squares, sum_of_products] = fields;
  return {.sum = finite(sum),
          .sum_of_squares = finite(sum_of_squares),
          .sum_of_products = finite(sum_of_products)};
}

Reading as_reading(const ReadingFields& fields) {
  const auto& [value, count, is_ok] = fields;
  if (!is_ok) return {};
  return {.value = finite(value), .count = count, .status = ReadingStatus::ok};
}

Histogram as_histogram(const DistributionFields& fields) {
  const auto values = fields.first.unchecked<1>();
  const auto counts = fields.second.unchecked<1>();
  if (values.shape(0) != counts.shape(0))
    throw py::value_error("a distribution has as many counts as values");
  Histogram histogram;
  for (py::ssize_t i = 0; i < values.shape(0); ++i)
    if (counts(i) > 0) histogram.add(finite(values(i)), counts(i));
  return histogram;
}

std::span<double> memory_of(const Gate& gate, Slots& slots) {
  if (slots.ndim() != 1 || static_cast<std::size_t>(slots.size()) != gate.test->slots())
    throw py::value_error("expected an array of " + std::to_string(gate.test->slots()) + " slots");
  return {slots.mutable_data(), gate.test->slots()};
}

/// Tells the test as the staged policy does: of windows that are evidence only.
bool tell(const Gate& gate, Slots& slots, const Event& event, bool has_baseline,
          bool has_candidate) {
  if (!has_candidate || (gate.test->compares_arms() && !has_baseline)) return false;
  gate.test->update(memory_of(gate, slots), {.event = event});
  return true;
}

bool update_samples(const Gate& gate, Slots& slots, const SummaryFields& baseline,
                    const SummaryFields& candidate, std::optional<double> products,
                    const std::optional<std::pair<CovariateFields, CovariateFields>>& covariates) {
  Samples samples{.baseline = as_summary(baseline), .candidate = as_summary(candidate)};
  if (products) {
    samples.paired = true;
    samples.sum_of_products = finite(*products);
  }
  if (covariates)
    samples.covariates = {.baseline = as_covariate(covariates->first),
                          .candidate = as_covariate(covariates->second)};
  return tell(gate, slots, samples, samples.baseline.count > 0, samples.candidate.count > 0);
}

bool update_readings(const Gate& gate, Slots& slots, const ReadingFields& baseline,
                     const ReadingFields& candidate) {
  return tell(gate, slots,
              Readings{.baseline = as_reading(baseline), .candidate = as_reading(candidate)},
              std::get<bool>(baseline), std::get<bool>(candidate));
}

bool update_distributions(const Gate& gate, Slots& slots, const DistributionFields& baseline,
                          const DistributionFields& candidate) {
  const Histogram of_baseline = as_histogram(baseline), of_candidate = as_histogram(candidate);
  const Distributions told{.baseline = of_baseline.view(), .candidate = of_candidate.view()};
  return tell(gate, slots, told, !told.baseline.empty(), !told.candidate.empty());
}

py::tuple evidence(const Gate& gate, const Slots& slots) {
  if (static_cast<std::size_t>(slots.size()) != gate.test->slots())
    throw py::value_error("expected an array of " + std::to_string(gate.test->slots()) + " slots");
  const Evidence said =
      gate.test->evidence({slots.data(), static_cast<std::size_t>(slots.size())}, gate.budget);
  return py::make_tuple(said.harm, said.safety, said.enough);
}

// --- names -------------------------------------------------------------------------------------

std::string_view name_of(Form form) {
  constexpr std::string_view kNames[] = {"samples", "distributions", "readings"};
  return kNames[static_cast<std::size_t>(form)];
}
std::string_view name_of(Statistic::Kind kind) {
  constexpr std::string_view kNames[] = {"mean", "mean_log", "rate", "quantile"};
  return kNames[static_cast<std::size_t>(kind)];
}
std::string_view name_of(HarmSpec::Kind kind) {
  constexpr std::string_view kNames[] = {"mean", "quantile", "distribution"};
  return kNames[static_cast<std::size_t>(kind)];
}
std::string_view name_of(HarmSpec::Relation relation) {
  constexpr std::string_view kNames[] = {"ratio", "difference", "absolute"};
  return kNames[static_cast<std::size_t>(relation)];
}

/// What counts as harm: metric, whether it counts events, kind, probability, relation, up or down,
/// margin, whether both directions do.
py::tuple harm_of(const Gate& gate) {
  const HarmSpec& harm = gate.spec.harm;
  const auto sides = gate.spec.test.parameters.find("sides");
  const bool two_sided =
      sides != gate.spec.test.parameters.end() && sides->second == TestValue(std::string("two"));
  return py::make_tuple(gate.spec.metric, find_metric(gate.spec.metric)->kind == MetricKind::event,
                        name_of(harm.kind), harm.probability, name_of(harm.relation),
                        harm.direction == Direction::up ? "up" : "down", harm.margin, two_sided);
}

}  // namespace

void bind_gate(py::module_& module) {
  py::list names;
  for (const GateTestInfo& info : gate_tests()) names.append(info.name);
  module.attr("GATE_TESTS") = py::tuple(names);

  py::class_<Gate>(module, "Gate")
      .def_static("read", read, py::arg("written"), py::kw_only(), py::arg("false_alarm"),
                  py::arg("missed_harm"))
      .def_property_readonly("test", [](const Gate& gate) { return gate.test->name(); })
      .def_property_readonly("harm", harm_of)
      .def_property_readonly("guarantee",
                             [](const Gate& gate) { return to_string(gate.test->guarantee()); })
      .def_property_readonly("form", [](const Gate& gate) { return name_of(gate.test->form()); })
      .def_property_readonly("statistic",
                             [](const Gate& gate) { return name_of(gate.test->statistic().kind); })
      .def_property_readonly("slots", [](const Gate& gate) { return gate.test->slots(); })
      .def_property_readonly("pairs", [](const Gate& gate) { return gate.test->statistic().pairs; })
      .def_property_readonly("covariate",
                             [](const Gate& gate) { return gate.test->statistic().covariate; })
      .def("update_samples", update_samples, py::arg("slots").noconvert(), py::arg("baseline"),
           py::arg("candidate"), py::arg("products") = py::none(),
           py::arg("covariates") = py::none())
      .def("update_readings", update_readings, py::arg("slots").noconvert(), py::arg("baseline"),
           py::arg("candidate"))
      .def("update_distributions", update_distributions, py::arg("slots").noconvert(),
           py::arg("baseline"), py::arg("candidate"))
      .def("evidence", evidence, py::arg("slots"));

  module.def(
      "share",
      [](std::uint64_t hits, std::uint64_t runs, double confidence) {
        const analysis::Estimate share = analysis::share(hits, runs, confidence);
        return py::make_tuple(share.value, share.lower, share.upper);
      },
      py::arg("hits"), py::arg("runs"), py::arg("confidence"));
}

}  // namespace gatewright::python
