#include "bindings/python/run.h"

#include <pybind11/stl.h>

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "analysis/report.h"
#include "analysis/sentence.h"
#include "bindings/python/policy.h"
#include "bindings/python/records.h"
#include "sim/turns.h"
#include "sim/windows/fidelity.h"

namespace gatewright::python {

namespace py = pybind11;

namespace {

/// What run() hands to the package.
struct Run {
  analysis::OperatingCharacteristics characteristics;
  analysis::ReportContext context;
  std::shared_ptr<Records> as_written, twin;
  std::string policy_language;
  bool interrupted = false;
};

/// A word as a shell takes it.
std::string quoted(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:%,+@";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos)
    return std::string(word);
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

/// What plays a policy in Python again: no command can.
std::string repro_in_python(const Study& study, const std::string& policy,
                            const Sampling& sampling) {
  const auto literal = [](const std::string& text) {
    return py::repr(py::str(text)).cast<std::string>();
  };
  std::string settings;
  for (const auto& [path, value] : study.changes().settings)
    settings += (settings.empty() ? "" : ", ") + literal(path) + ": " + literal(value);
  std::string scenario = "gw.load(" + literal(study.document().file) + ")";
  if (!settings.empty()) scenario += ".with_({" + settings + "})";
  return "gw.run(" + scenario + ", " + policy + "(), runs=" + std::to_string(sampling.runs) +
         ", seed=" + std::to_string(sampling.seed) + ")";
}

/// The command that makes the same report.
std::string repro(const Study& study, const Sampling& sampling) {
  const Changes& changes = study.changes();
  std::string command = "gatewright run " + quoted(study.document().file);
  if (!changes.policy_file.empty()) command += " --policy " + quoted(changes.policy_file);
  for (const auto& [path, value] : changes.settings)
    command += " --set " + quoted(path + "=" + value);
  command +=
      " --seed " + std::to_string(sampling.seed) + " --runs " + std::to_string(sampling.runs);
  if (sampling.confidence != 0.95)
    command += fmt::format(" --confidence {:.10g}%", 100.0 * sampling.confidence);
  return command;
}

sim::ManyOptions options_of(const Sampling& sampling, Watch& watch) {
  const std::uint64_t before = watch.done.load();
  return {.seed = sampling.seed,
          .first_replication = sampling.first_replication,
          .replications = sampling.runs,
          .threads = sampling.threads,
          .progress =
              [&watch, before](std::uint64_t done) {
                watch.done = before + done;
                if (watch.look) watch.look();
              },
          .stop = &watch.stop};
}

/// Records of one contender in both worlds.
struct BothWorlds {
  std::vector<sim::RunRecord> as_written, twin;
};

/// An interrupt leaves as many replications of the one as of the other.
BothWorlds play_both(const sim::Contender& contender, const sim::PreparedScenario& world,
                     const sim::PreparedScenario* twin, const Sampling& sampling, Watch& watch) {
  std::vector<const sim::PreparedScenario*> worlds{&world};
  if (twin != nullptr) worlds.push_back(twin);
  std::vector<sim::ManyRecords> many =
      sim::run_in_turns(std::span(&contender, 1), worlds, options_of(sampling, watch));
  BothWorlds records;
  records.as_written = std::move(many.front().by_contender.front());
  if (twin == nullptr) return records;
  records.twin = std::move(many.back().by_contender.front());
  records.as_written.resize(std::min(records.as_written.size(), records.twin.size()));
  records.twin.resize(records.as_written.size());
  return records;
}

Run run(const Study& study, const py::object& policy, Sampling sampling, bool with_twin,
        const py::object& progress) {
  auto [contender, diagnostics] = study.contender();
  if (!contender) raise_plan_error(diagnostics);

  Watch watch;
  std::shared_ptr<const PythonPolicy> in_python;
  if (!policy.is_none()) {
    const Engine native = contender->engine;
    in_python = std::make_shared<PythonPolicy>(native.shared_policy(), study.meaning().plan, policy,
                                               watch.stop);
    contender->engine = Engine(in_python, native.plan_digest());
    contender->name = in_python->name();
    sampling.threads = 1;
  }

  const sim::Scenario& scenario = study.meaning().scenario;
  const bool harmful = sim::harmful_from(scenario).has_value();
  const bool plays_twin = with_twin && harmful;
  BothWorlds records;
  const auto work = [&] {
    const sim::Prepared& world = study.world();
    if (world.scenario == nullptr) return;
    const auto twin = plays_twin ? sim::healthy_twin(world.scenario) : nullptr;
    records = play_both(*contender, *world.scenario, twin.get(), sampling, watch);
  };
  // In the thread that signals reach, Ctrl-C would be raised inside a policy in Python.
  const bool works_here = sampling.threads == 1 && !in_python;
  const bool interrupted = watched(watch, sampling.runs * (plays_twin ? 2 : 1), progress, work,
                                   works_here ? Workplace::here : Workplace::own_thread);
  if (in_python) in_python->rethrow();
  const sim::Prepared& world = study.world();
  if (world.scenario == nullptr) raise_plan_error(world.diagnostics);
  if (interrupted && records.as_written.empty()) raise_interrupt();

  const sim::FidelityChoice fidelity =
      sim::choose_fidelity(std::span(&*contender, 1), *world.scenario);
  Run result;
  result.characteristics = analysis::operating_characteristics(
      {.as_written = records.as_written, .healthy_twin = records.twin, .harmful = harmful},
      *contender, sampling.confidence);
  result.context = {.scenario = scenario.name,
                    .sentence = analysis::sentence(scenario),
                    .notes = world.notes,
                    .fidelity = std::string(to_string(fidelity.fidelity)),
                    .seed = sampling.seed,
                    .repro = in_python ? repro_in_python(study, contender->name, sampling)
                                       : repro(study, sampling)};
  if (!fidelity.reason.empty())
    result.context.notes.push_back(
        fmt::format("fidelity: auto took {}: {}", result.context.fidelity, fidelity.reason));
  if (interrupted)
    result.context.notes.push_back(fmt::format("Interrupted: {} of {} runs were finished.",
                                               records.as_written.size(), sampling.runs));
  result.as_written = name_records(std::move(records.as_written), contender->engine.policy());
  result.twin = name_records(std::move(records.twin), contender->engine.policy());
  result.policy_language = in_python ? "python" : "native";
  result.interrupted = interrupted;
  return result;
}

/// (name, (value, lower, upper, runs, method)) in the order of reports.
py::list estimates_of(const Run& run) {
  py::list estimates;
  for (const auto& [name, estimate] : run.characteristics.columns)
    estimates.append(
        py::make_tuple(name, py::make_tuple(estimate.value, estimate.lower, estimate.upper,
                                            estimate.runs, to_string(estimate.method))));
  return estimates;
}

}  // namespace

FieldRecords play(std::span<const sim::Contender> field, const sim::PreparedScenario& world,
                  const Sampling& sampling, Watch& watch) {
  return sim::run_many(field, world, options_of(sampling, watch)).by_contender;
}

void bind_run(py::module_& module) {
  py::class_<Run>(module, "Run")
      .def_property_readonly("scenario", [](const Run& run) { return run.context.scenario; })
      .def_property_readonly("sentence", [](const Run& run) { return run.context.sentence; })
      .def_property_readonly("notes",
                             [](const Run& run) { return py::tuple(py::cast(run.context.notes)); })
      .def_property_readonly("seed", [](const Run& run) { return run.context.seed; })
      .def_property_readonly("policy", [](const Run& run) { return run.characteristics.policy; })
      .def_readonly("policy_language", &Run::policy_language)
      .def_property_readonly("confidence",
                             [](const Run& run) { return run.characteristics.confidence; })
      .def_property_readonly("violations",
                             [](const Run& run) { return run.characteristics.violations; })
      .def_property_readonly(
          "fingerprint",
          [](const Run& run) { return hexadecimal(run.characteristics.fingerprint); })
      .def_readonly("interrupted", &Run::interrupted)
      .def_property_readonly("estimates", estimates_of)
      .def_property_readonly("records", [](const Run& run) { return run.as_written; })
      .def_property_readonly("twin_records", [](const Run& run) { return run.twin; })
      .def("text",
           [](const Run& run) { return analysis::text(run.context, {run.characteristics}); })
      .def("json",
           [](const Run& run) { return analysis::json(run.context, {run.characteristics}); });

  module.def(
      "run",
      [](const Study& study, const py::object& policy, std::uint64_t runs,
         std::uint64_t first_replication, std::uint64_t seed, unsigned threads, double confidence,
         bool twin, const py::object& progress) {
        return run(study, policy, {runs, first_replication, seed, threads, confidence}, twin,
                   progress);
      },
      py::kw_only(), py::arg("study"), py::arg("policy"), py::arg("runs"),
      py::arg("first_replication"), py::arg("seed"), py::arg("threads"), py::arg("confidence"),
      py::arg("twin"), py::arg("progress"));
}

}  // namespace gatewright::python
