#include "bindings/python/records.h"

#include <pybind11/stl.h>

#include <chrono>
#include <limits>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace gatewright::python {

namespace py = pybind11;

namespace {

using Run = sim::RunRecord;

double minutes(Duration duration) {
  return std::chrono::duration<double, std::ratio<60>>(duration).count();
}

std::optional<double> minutes(const std::optional<Duration>& duration) {
  return duration ? std::optional(minutes(*duration)) : std::nullopt;
}

const std::string& stage_of(const Records& records, const Run& run) {
  return records.stages[run.stage];
}

/// Every plain field of a record once: `visit(name, about, value)` with value(records, run) a number, a text
/// or an optional number. Both the attributes of RunRecord and the columns of tables are made of it.
template <typename Visit>
void each_field_before_gates(Visit visit) {
  visit("replication", "Index of the run: with the seed it names one random world.",
        [](const Records&, const Run& run) { return run.replication; });
  visit("outcome", "'halted', 'completed' or 'unfinished' (the horizon came first).",
        [](const Records&, const Run& run) { return to_string(run.outcome); });
  visit("cause", "Why the last decision that was not hold was taken; one of gatewright.Cause.",
        [](const Records&, const Run& run) { return to_string(run.cause); });
  visit("stage", "Name of the stage at the end; of a halted run, the halt stage.",
        [](const Records& all, const Run& run) { return stage_of(all, run); });
  visit("stage_index", "The same as an index, from 0.",
        [](const Records&, const Run& run) { return std::uint64_t{run.stage}; });
}

template <typename Visit>
void each_field_after_gates(Visit visit) {
  visit("ended_at_minutes", "From the start of the rollout to halt, completion or horizon.",
        [](const Records&, const Run& run) { return minutes(run.ended_at); });
  visit("first_exposure_at_minutes",
        "From the start to the first served or mirrored request; None if there was none.",
        [](const Records&, const Run& run) { return minutes(run.first_exposure_at); });
  visit("detection_delay_minutes",
        "From first exposure to the harmful effect, or its onset if later, to the halt; "
        "None unless halted with such an effect under way.",
        [](const Records&, const Run& run) { return minutes(run.detection_delay); });
  visit("exposure_minutes",
        "Integral of served exposure over time while a harmful effect was present: 1 is "
        "10 minutes at 10%.",
        [](const Records&, const Run& run) { return run.impact.exposure_minutes; });
  visit("user_impact_minutes",
        "User-minutes served by the candidate while a harmful effect applied.",
        [](const Records&, const Run& run) { return run.impact.user_impact_minutes; });
  visit("bad_user_minutes",
        "Those of them with a bad answer that the baseline would not have given.",
        [](const Records&, const Run& run) { return run.impact.bad_user_minutes; });
  visit("impacted_requests", "Bad answers that the baseline would not have given.",
        [](const Records&, const Run& run) { return run.impact.impacted_requests; });
  visit("excess_cost_usd",
        "Cost of served requests, candidate minus what the baseline would have cost, USD.",
        [](const Records&, const Run& run) { return run.impact.excess_cost_usd; });
  visit("shadow_cost_usd", "Cost of mirrored requests, USD.",
        [](const Records&, const Run& run) { return run.impact.shadow_cost_usd; });
  visit("requests", "Requests of the whole run.",
        [](const Records&, const Run& run) { return run.requests; });
  visit("candidate_requests", "Requests that the candidate answered, served or mirrored.",
        [](const Records&, const Run& run) { return run.candidate_requests; });
  visit("steps", "Observations that the engine was told.",
        [](const Records&, const Run& run) { return run.steps; });
  visit("faults", "Observations that the engine refused.",
        [](const Records&, const Run& run) { return run.faults; });
  visit("fingerprint", "Hexadecimal digest that two runs of one key share.",
        [](const Records&, const Run& run) { return hexadecimal(run.fingerprint); });
}

/// One record, and whose it is.
struct Record {
  std::shared_ptr<const Records> all;
  std::size_t index;
  [[nodiscard]] const Run& run() const { return all->records[index]; }
};

py::tuple failing(const Record& record) {
  py::list names;
  const GateMask failing = record.run().failing;
  const GateMask protective = record.all->protective;
  for (const GateMask part : {failing & protective, failing & ~protective})
    for (std::size_t gate = 0; gate < record.all->gates.size(); ++gate)
      if ((part >> gate & 1U) != 0) names.append(record.all->gates[gate]);
  return py::tuple(names);
}

/// What the gate's A/B test found; empty where it is none.
std::string_view found_by(const Run& run, std::size_t gate) {
  const bool is_told = gate < run.findings.size() && run.findings[gate] != Finding::none;
  return is_told ? to_string(run.findings[gate]) : std::string_view();
}

py::dict found(const Record& record) {
  py::dict findings;
  for (std::size_t gate = 0; gate < record.all->gates.size(); ++gate)
    if (const std::string_view finding = found_by(record.run(), gate); !finding.empty())
      findings[py::str(record.all->gates[gate])] = finding;
  return findings;
}

std::string repr(const Record& record) {
  const Run& run = record.run();
  std::string text = "RunRecord(replication=" + std::to_string(run.replication) + ", outcome='" +
                     std::string(to_string(run.outcome)) + "', stage='" +
                     stage_of(*record.all, run) + "'";
  if (run.failing != 0) text += ", failing=" + std::string(py::repr(failing(record)));
  return text + ")";
}

void add_value(std::vector<std::uint64_t>& column, std::uint64_t value) { column.push_back(value); }
void add_value(std::vector<double>& column, double value) { column.push_back(value); }
void add_value(std::vector<double>& column, const std::optional<double>& value) {
  column.push_back(value.value_or(std::numeric_limits<double>::quiet_NaN()));
}
void add_value(Texts& column, std::string_view value) { column.add(value); }
void add_value(Truths& column, bool value) { column.add(value); }

/// The kind of column that holds such values.
template <typename Value>
using ColumnOf = std::conditional_t<
    std::is_same_v<Value, bool>, Truths,
    std::conditional_t<std::is_same_v<Value, std::uint64_t>, std::vector<std::uint64_t>,
                       std::conditional_t<std::is_convertible_v<Value, std::string_view>, Texts,
                                          std::vector<double>>>>;

}  // namespace

std::string hexadecimal(std::uint64_t fingerprint) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(16, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, fingerprint >>= 4U)
    *digit = kDigits[fingerprint & 15U];
  return text;
}

std::shared_ptr<Records> name_records(std::vector<sim::RunRecord> records, const Policy& policy) {
  auto named = std::make_shared<Records>();
  named->records = std::move(records);
  for (const Stage& stage : policy.stages()) named->stages.push_back(stage.name);
  for (const std::string& gate : policy.gate_names()) named->gates.push_back(gate);
  named->protective = policy.protective_gates();
  const std::vector<double> unasked(policy.slots(), 0.0);
  for (std::size_t gate = 0; gate < named->gates.size(); ++gate)
    if (policy.finding(unasked, gate) != Finding::none) named->looking_for_a_winner.push_back(gate);
  return named;
}

Table as_table(const Records& records) {
  Table table(records.records.size());
  const auto add = [&](const std::string& name, const char* /*about*/, auto value) {
    ColumnOf<std::decay_t<decltype(value(records, Run{}))>> column;
    for (const Run& run : records.records) add_value(column, value(records, run));
    table.add(name, std::move(column));
  };
  each_field_before_gates(add);
  for (std::size_t gate = 0; gate < records.gates.size(); ++gate)
    add("failing." + records.gates[gate], "",
        [gate](const Records&, const Run& run) { return (run.failing >> gate & 1U) != 0; });
  for (const std::size_t gate : records.looking_for_a_winner)
    add("found." + records.gates[gate], "",
        [gate](const Records&, const Run& run) { return found_by(run, gate); });
  each_field_after_gates(add);
  add("violations", "",
      [](const Records&, const Run& run) { return std::uint64_t{run.violations.size()}; });
  return table;
}

void bind_records(py::module_& module) {
  py::class_<sim::Violation>(module, "Violation", "A broken invariant of the engine.")
      .def_readonly("invariant", &sim::Violation::invariant, "Which one: \"S1\" to \"S8\".")
      .def_readonly("step", &sim::Violation::step, "At which step of the run.")
      .def_readonly("message", &sim::Violation::message, "What was found.")
      .def("__repr__", [](const sim::Violation& violation) {
        return "Violation(" + violation.invariant + " at step " + std::to_string(violation.step) +
               ": " + violation.message + ")";
      });

  py::class_<Record> record(module, "RunRecord", "What one run came to.");
  const auto add = [&](const char* name, const char* about, auto value) {
    record.def_property_readonly(
        name, [value](const Record& self) { return value(*self.all, self.run()); }, about);
  };
  each_field_before_gates(add);
  record.def_property_readonly(
      "failing", failing,
      "Names of the gates that failed at the halt, those that halt before those that advise.");
  record.def_property_readonly(
      "found", found,
      "Finding by A/B test, those of stages by the name \"ab STAGE\": 'inconclusive', "
      "'equivalent', "
      "'candidate_wins' or 'baseline_wins'; {} where the policy has none.");
  each_field_after_gates(add);
  record.def_property_readonly(
      "violations",
      [](const Record& self) {
        py::list violations;
        for (const sim::Violation& violation : self.run().violations) violations.append(violation);
        return py::tuple(violations);
      },
      "Broken invariants of the engine; anything but () is a defect.");
  record.def("__repr__", repr);

  py::class_<Records, std::shared_ptr<Records>>(module, "Records")
      .def("__len__", [](const Records& self) { return self.records.size(); })
      .def(
          "__getitem__",
          [](const std::shared_ptr<Records>& self, std::size_t index) {
            if (index >= self->records.size()) throw py::index_error();
            return Record{self, index};
          },
          py::arg("index"))
      .def("table", [](const Records& self) { return std::make_shared<Table>(as_table(self)); });
}

}  // namespace gatewright::python
