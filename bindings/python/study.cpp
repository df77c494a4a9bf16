#include "bindings/python/study.h"

#include <pybind11/chrono.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>

#include "analysis/sentence.h"
#include "policies/compile.h"
#include "policies/staged/sample_ratio_guard.h"

namespace gatewright::python {

namespace py = pybind11;

namespace {

std::string_view to_text(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::error:
      break;
  }
  return "error";
}

py::tuple as_python(const Diagnostics& diagnostics) {
  const py::object type = py::module_::import("gatewright.errors").attr("Diagnostic");
  py::list list;
  for (const Diagnostic& diagnostic : diagnostics)
    // Settings have no file; the loader names them after the flag that they mostly come from.
    list.append(type(diagnostic.message, diagnostic.path,
                     diagnostic.file == "--set" ? std::string() : diagnostic.file, diagnostic.line,
                     diagnostic.column, to_text(diagnostic.severity)));
  return py::tuple(list);
}

/// Scalars as they are written, lists and maps as list and dict, an empty place as None.
py::object as_python(const scenarios::Node& node) {
  using Kind = scenarios::Node::Kind;
  switch (node.kind) {
    case Kind::scalar:
      return py::str(node.scalar);
    case Kind::list: {
      py::list list;
      for (const scenarios::Node& item : node.items) list.append(as_python(item));
      return list;
    }
    case Kind::map: {
      py::dict dict;
      for (const auto& [key, value] : node.fields) dict[py::str(key)] = as_python(value);
      return dict;
    }
    case Kind::null:
      break;
  }
  return py::none();
}

void remove_key(scenarios::Node& map, std::string_view key) {
  for (std::size_t i = map.fields.size(); i-- > 0;) {
    if (map.fields[i].first != key) continue;
    map.fields.erase(map.fields.begin() + static_cast<std::ptrdiff_t>(i));
    if (i < map.field_marks.size())
      map.field_marks.erase(map.field_marks.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

std::shared_ptr<Study> or_raise(Study::Read read) {
  if (read.study == nullptr) raise_plan_error(read.diagnostics);
  return std::move(read.study);
}

/// As finely as Python's timedelta can say it.
std::chrono::microseconds microseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration);
}

/// (name, exposure, mirrored, dwell) per stage.
py::tuple stages_of(const Study& study) {
  py::list stages;
  for (const StageSpec& stage : study.meaning().plan.stages)
    stages.append(
        py::make_tuple(stage.name, stage.served, stage.mirrored, microseconds(stage.dwell)));
  return py::tuple(stages);
}

/// (name, metric, test, guarantee, role, false_alarm) per gate, the check of the split last.
py::tuple gates_of(const Study& study) {
  const PlanSpec& plan = study.meaning().plan;
  const std::vector<BudgetRow> budget = budget_split(plan);
  py::list gates;
  for (std::size_t i = 0; i < plan.gates.size(); ++i) {
    const GateSpec& gate = plan.gates[i];
    gates.append(py::make_tuple(gate.name, gate.metric, gate.test.name, budget.at(i).guarantee,
                                gate.role == GateRole::advisory ? "advisory" : "protective",
                                budget.at(i).false_alarm));
  }
  // After the gates come the tests of A/B stages, the combined gates, the check of the split.
  const bool checks_split =
      !budget.empty() && plan.sample_ratio && budget.back().gate == kSampleRatio;
  const std::size_t combined = budget.size() - plan.combined.size() - (checks_split ? 1 : 0);
  for (std::size_t i = 0; i < plan.combined.size(); ++i) {
    const CombinedGateSpec& gate = plan.combined[i];
    const BudgetRow& row = budget.at(combined + i);
    gates.append(py::make_tuple(gate.name, "", row.test, row.guarantee,
                                gate.role == GateRole::advisory ? "advisory" : "protective",
                                row.false_alarm));
  }
  if (checks_split) {
    const BudgetRow& split = budget.back();
    gates.append(py::make_tuple(split.gate, kAssignedUnits, split.test, split.guarantee,
                                "protective", split.false_alarm));
  }
  return py::tuple(gates);
}

}  // namespace

void raise_plan_error(const Diagnostics& diagnostics) {
  const py::object type = py::module_::import("gatewright.errors").attr("PlanError");
  Diagnostics problems = diagnostics;
  std::erase_if(problems,
                [](const Diagnostic& diagnostic) { return diagnostic.severity == Severity::note; });
  PyErr_SetObject(type.ptr(), type(as_python(problems)).ptr());
  throw py::error_already_set();
}

std::string setting_text(py::handle value) {
  if (py::isinstance<py::bool_>(value)) return value.cast<bool>() ? "true" : "false";
  if (py::isinstance<py::str>(value)) return value.cast<std::string>();
  if (py::isinstance<py::int_>(value) || py::isinstance<py::float_>(value))
    return py::repr(value).cast<std::string>();
  throw py::type_error("a setting is a bool, int, float or str, not " +
                       std::string(py::repr(py::type::of(value))));
}

Study::Read Study::read(scenarios::ReadDocument original, Changes changes) {
  auto& [document, diagnostics] = original;
  const auto failed = [&] { return Read{nullptr, std::move(diagnostics)}; };
  if (document.root.kind == scenarios::Node::Kind::null) return failed();

  auto study = std::shared_ptr<Study>(new Study);
  study->original_ = document;
  const bool is_changed = !changes.policy_file.empty() || !changes.settings.empty();
  // What the file expects of its own world need not make sense in another: nobody can detect the
  // harm of an effect that was set to nothing.
  if (is_changed) remove_key(document.root, "expect");
  if (!changes.policy_file.empty()) {
    scenarios::ReadDocument policy = scenarios::read_document(changes.policy_file);
    std::ranges::move(policy.diagnostics, std::back_inserter(diagnostics));
    remove_key(document.root, "policy");
    document.root.field_marks.resize(document.root.fields.size(), document.root.mark);
    document.root.field_marks.push_back(policy.document.root.mark);
    document.root.fields.emplace_back("policy", std::move(policy.document.root));
  }
  // An unchanged document is left to load(), which says everything that is wrong at once.
  if (is_changed) scenarios::resolve_includes(document, diagnostics);
  for (const auto& [path, value] : changes.settings)
    if (std::optional<Diagnostic> problem = scenarios::set(document, path, value))
      diagnostics.push_back(std::move(*problem));
  if (is_changed && has_errors(diagnostics)) return failed();

  scenarios::LoadedStudy loaded = scenarios::load(document);
  std::ranges::move(loaded.diagnostics, std::back_inserter(diagnostics));
  if (!loaded.study || has_errors(diagnostics)) return failed();
  Diagnostics known;  // load() has been through the same files
  scenarios::resolve_includes(document, known);
  study->changes_ = std::move(changes);
  study->document_ = std::move(document);
  study->meaning_ = std::move(*loaded.study);
  study->remarks_ = std::move(diagnostics);
  return {std::move(study), {}};
}

Study::Read Study::with(const Settings& settings) const {
  Changes changes = changes_;
  std::ranges::copy(settings, std::back_inserter(changes.settings));
  return read({original_, {}}, std::move(changes));
}

std::shared_ptr<Study> Study::load(const std::string& path) {
  return or_raise(read(scenarios::read_document(path), {}));
}

std::shared_ptr<Study> Study::parse(const std::string& text, const std::string& file) {
  return or_raise(read(scenarios::parse_document(text, file), {}));
}

std::shared_ptr<Study> Study::with_policy(const std::string& file) const {
  return or_raise(read({original_, {}}, {.policy_file = file, .settings = changes_.settings}));
}

std::shared_ptr<Study> Study::changed(const Settings& settings) const {
  return or_raise(with(settings));
}

MadeContender contender_of(const Study& study) {
  const PlanSpec& plan = study.meaning().plan;
  Compiled compiled = compile(plan);
  if (!compiled.engine) return {std::nullopt, std::move(compiled.diagnostics)};
  sim::Contender contender{plan.name, std::move(*compiled.engine), plan.assignment};
  Diagnostics diagnostics = sim::check_fit(contender, study.meaning().scenario);
  // Probes stand in the order of gates; people know the gates.
  const auto gates = contender.engine.policy().gate_names();
  for (Diagnostic& diagnostic : diagnostics)
    for (std::size_t gate = 0; gate < gates.size(); ++gate) {
      const std::string probe = "probes." + std::to_string(gate) + ".";
      if (diagnostic.path.starts_with(probe))
        diagnostic.path.replace(0, probe.size(), "policy.gates." + gates[gate] + ".");
    }
  if (has_errors(diagnostics)) return {std::nullopt, std::move(diagnostics)};
  return {std::move(contender), std::move(diagnostics)};
}

const MadeContender& Study::contender() const {
  std::call_once(contender_made_, [this] { contender_ = contender_of(*this); });
  return contender_;
}

const sim::Prepared& Study::world() const {
  std::call_once(world_made_, [this] { world_ = sim::prepare(meaning_.scenario); });
  return world_;
}

void bind_study(py::module_& module) {
  const auto of_scenario = [](auto member) {
    return [member](const Study& study) { return study.meaning().scenario.*member; };
  };
  py::class_<Study, std::shared_ptr<Study>>(module, "Study")
      .def_static("load", &Study::load, py::arg("path"))
      .def_static("parse", &Study::parse, py::arg("text"), py::arg("file"))
      .def_property_readonly("file", [](const Study& study) { return study.document().file; })
      .def_property_readonly("name", of_scenario(&sim::Scenario::name))
      .def_property_readonly("about", of_scenario(&sim::Scenario::about))
      .def_property_readonly("seed", of_scenario(&sim::Scenario::seed))
      .def_property_readonly(
          "horizon",
          [](const Study& study) { return microseconds(study.meaning().scenario.horizon); })
      .def_property_readonly(
          "sentence",
          [](const Study& study) { return analysis::sentence(study.meaning().scenario); })
      .def_property_readonly("harmful",
                             [](const Study& study) {
                               return sim::harmful_from(study.meaning().scenario).has_value();
                             })
      .def_property_readonly("policy", [](const Study& study) { return study.meaning().plan.name; })
      .def_property_readonly("stages", stages_of)
      .def_property_readonly("gates", gates_of)
      .def_property_readonly("remarks",
                             [](const Study& study) { return as_python(study.remarks()); })
      .def(
          "get",
          [](const Study& study, const std::string& path) {
            const scenarios::Node* node = scenarios::get(study.document(), path);
            if (node == nullptr) throw py::key_error(path);
            return as_python(*node);
          },
          py::arg("path"))
      .def(
          "changed",
          [](const Study& study, const py::dict& settings) {
            Settings texts;
            for (const auto& [path, value] : settings)
              texts.emplace_back(path.cast<std::string>(), setting_text(value));
            return study.changed(texts);
          },
          py::arg("settings"))
      .def("with_policy", &Study::with_policy, py::arg("file"))
      .def("effective", [](const Study& study) { return scenarios::effective(study.meaning()); });
}

}  // namespace gatewright::python
