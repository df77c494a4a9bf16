#include "bindings/python/sweep.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "analysis/operating_characteristics.h"
#include "bindings/python/records.h"
#include "bindings/python/run.h"
#include "bindings/python/study.h"
#include "bindings/python/table.h"
#include "bindings/python/watch.h"
#include "scenarios/sweep.h"

namespace gatewright::python {

namespace py = pybind11;

namespace {

using scenarios::SweepAxis;
using Choice = scenarios::SweepChoice;

/// A grid, and its values as they were given.
struct Grid {
  scenarios::SweepGrid cells;
  std::vector<std::vector<py::object>> values;  ///< per axis
};

/// The cells that differ in their policies alone: one world, and one contender per cell.
struct World {
  sim::Scenario scenario;
  Choice twin;  ///< which healthy twin is theirs
  bool harmful = false;
  std::vector<std::size_t> cells;
  std::vector<sim::Contender> field;
};

struct Problems {
  Diagnostics found;
  /// Keeps those of a cell that no earlier cell had, saying where they come from.
  void add(const Diagnostics& diagnostics, const Settings& settings) {
    std::string cell;
    for (const auto& [path, text] : settings)
      cell.append(cell.empty() ? "" : ", ").append(path).append("=").append(text);
    for (const Diagnostic& diagnostic : diagnostics) {
      const auto key = std::tie(diagnostic.path, diagnostic.message, diagnostic.line);
      const bool is_known = std::ranges::any_of(known_, [&](const Diagnostic& before) {
        return std::tie(before.path, before.message, before.line) == key;
      });
      if (is_known) continue;
      known_.push_back(diagnostic);
      found.push_back(diagnostic);
      found.back().message += " (in the cell " + cell + ")";
    }
  }

 private:
  Diagnostics known_;
};

/// Reads every cell; on return `problems` holds what is wrong with any of them.
std::vector<World> worlds_of(const Study& study, const Grid& grid, const Watch& watch,
                             Problems& problems) {
  std::vector<World> worlds;
  std::map<Choice, std::size_t> known;
  const std::size_t cells = grid.cells.cells();
  for (std::size_t cell = 0; cell < cells && !watch.stop; ++cell) {
    const Settings settings = grid.cells.settings(cell);
    auto [changed, diagnostics] = study.with(settings);
    MadeContender made;
    if (changed) made = contender_of(*changed);
    if (!made.contender) {
      problems.add(changed ? made.diagnostics : diagnostics, settings);
      continue;
    }
    const auto [place, is_new] = known.emplace(grid.cells.world_of(cell), worlds.size());
    if (is_new) {
      const sim::Scenario& scenario = changed->meaning().scenario;
      worlds.push_back({.scenario = scenario,
                        .twin = grid.cells.twin_of(cell),
                        .harmful = sim::harmful_from(scenario).has_value(),
                        .cells = {},
                        .field = {}});
    }
    World& world = worlds[place->second];
    world.cells.push_back(cell);
    world.field.push_back(std::move(*made.contender));
  }
  return worlds;
}

struct Options {
  Sampling sampling;
  std::optional<std::uint64_t> seed;  ///< empty: each scenario's own
  bool with_twin = true;
};

using Finished = std::map<std::size_t, analysis::OperatingCharacteristics>;

/// Plays worlds one after the other, each with all its policies, and each healthy twin once.
class Player {
 public:
  Player(const Options& options, Watch& watch) : options_(options), watch_(watch) {}

  /// Adds the world's cells to `finished` unless it was stopped before its end.
  void play(const World& world, Finished& finished, Diagnostics& diagnostics) {
    Sampling sampling = options_.sampling;
    sampling.seed = options_.seed.value_or(world.scenario.seed);
    const sim::Prepared prepared = sim::prepare(world.scenario);
    if (prepared.scenario == nullptr) {
      diagnostics = prepared.diagnostics;
      return;
    }
    const FieldRecords as_written = python::play(world.field, *prepared.scenario, sampling, watch_);
    const FieldRecords* twin = nullptr;
    if (world.harmful && options_.with_twin) {
      // A full grid has the same policies, in the same order, in every world.
      FieldRecords& kept = twins_[world.twin];
      if (kept.empty())
        kept = python::play(world.field, *sim::healthy_twin(prepared.scenario), sampling, watch_);
      twin = &kept;
    }
    if (!is_whole(as_written) || (twin != nullptr && !is_whole(*twin))) return;
    for (std::size_t i = 0; i < world.cells.size(); ++i) {
      analysis::Sample sample;
      sample.as_written = as_written[i];
      if (twin != nullptr) sample.healthy_twin = (*twin)[i];
      sample.harmful = world.harmful;
      finished.emplace(world.cells[i], analysis::operating_characteristics(sample, world.field[i],
                                                                           sampling.confidence));
    }
  }

 private:
  [[nodiscard]] bool is_whole(const FieldRecords& records) const {
    return std::ranges::all_of(records, [&](const std::vector<sim::RunRecord>& of_contender) {
      return of_contender.size() == options_.sampling.runs;
    });
  }

  const Options& options_;
  Watch& watch_;
  std::map<Choice, FieldRecords> twins_;
};

/// The values of a setting in rows, as the narrowest kind of column that holds them all.
Values setting_column(const SweepAxis& axis, const std::vector<py::object>& values,
                      const std::vector<std::size_t>& indices) {
  const auto all_are = [&](auto is_kind) { return std::ranges::all_of(values, is_kind); };
  const auto is_truth = [](const py::object& value) { return py::isinstance<py::bool_>(value); };
  const auto is_whole = [](const py::object& value) { return py::isinstance<py::int_>(value); };
  if (all_are(is_truth)) {
    Truths truths;
    for (const std::size_t index : indices) truths.add(values[index].cast<bool>());
    return truths;
  }
  const auto numbers = [&]<typename Number>(std::vector<Number> column) {
    for (const std::size_t index : indices) column.push_back(values[index].cast<Number>());
    return column;
  };
  const auto is_real = [&](const py::object& value) {
    return is_whole(value) || py::isinstance<py::float_>(value);
  };
  if (all_are(is_whole)) return numbers(std::vector<std::int64_t>{});
  if (all_are(is_real)) return numbers(std::vector<double>{});
  Texts texts;
  for (const std::size_t index : indices) texts.add(axis.values[index]);
  return texts;
}

/// One row per finished cell: settings, then each estimate with its limits, then the fingerprint.
Table table_of(const Grid& grid, const Finished& finished) {
  Table table(finished.size());
  const std::vector<SweepAxis>& axes = grid.cells.axes();
  for (std::size_t i = 0; i < axes.size(); ++i) {
    std::vector<std::size_t> indices;
    for (const auto& [cell, results] : finished) indices.push_back(grid.cells.choice(cell)[i]);
    table.add(axes[i].path, setting_column(axes[i], grid.values[i], indices));
  }
  // Policies read from different files may have different stages and gates.
  std::vector<std::string> names;
  for (const auto& [cell, results] : finished)
    for (const analysis::Column& column : results.columns)
      if (std::ranges::find(names, column.name) == names.end()) names.push_back(column.name);
  for (const std::string& name : names) {
    std::vector<double> values, lowers, uppers;
    for (const auto& [cell, results] : finished) {
      constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
      const analysis::Estimate* estimate = results.find(name);
      values.push_back(estimate != nullptr ? estimate->value : kNone);
      lowers.push_back(estimate != nullptr ? estimate->lower : kNone);
      uppers.push_back(estimate != nullptr ? estimate->upper : kNone);
    }
    table.add(name, std::move(values));
    table.add(name + "_lower", std::move(lowers));
    table.add(name + "_upper", std::move(uppers));
  }
  Texts fingerprints;
  for (const auto& [cell, results] : finished) fingerprints.add(hexadecimal(results.fingerprint));
  table.add("fingerprint", std::move(fingerprints));
  return table;
}

/// The table, and whether Ctrl-C stopped the sweep before its end.
py::tuple sweep(const Study& study, const Grid& grid, const Options& options,
                const py::object& progress) {
  // Read first, play later: a mistake in the last cell is told before the first is played.
  Watch watch;
  Problems problems;
  std::vector<World> worlds;
  bool interrupted =
      watched(watch, 0, py::none(), [&] { worlds = worlds_of(study, grid, watch, problems); });
  if (!problems.found.empty()) raise_plan_error(problems.found);

  Finished finished;
  if (!interrupted) {
    std::map<Choice, bool> twins;
    for (const World& world : worlds)
      if (world.harmful && options.with_twin) twins[world.twin] = true;
    Diagnostics diagnostics;
    const std::uint64_t total = (worlds.size() + twins.size()) * options.sampling.runs;
    interrupted = watched(watch, total, progress, [&] {
      Player player(options, watch);
      for (const World& world : worlds) {
        player.play(world, finished, diagnostics);
        if (watch.stop || has_errors(diagnostics)) break;
      }
    });
    if (has_errors(diagnostics)) raise_plan_error(diagnostics);
  }
  if (interrupted && finished.empty()) raise_interrupt();
  return py::make_tuple(std::make_shared<Table>(table_of(grid, finished)),
                        finished.size() < grid.cells.cells());
}

Grid grid_of(const py::dict& over) {
  std::vector<SweepAxis> axes;
  std::vector<std::vector<py::object>> values;
  for (const auto& [path, of_path] : over) {
    SweepAxis& axis = axes.emplace_back(SweepAxis{path.cast<std::string>(), {}});
    values.emplace_back();
    for (const py::handle value : py::iter(of_path)) {
      values.back().push_back(py::reinterpret_borrow<py::object>(value));
      axis.values.push_back(setting_text(value));
    }
    if (axis.values.empty()) throw py::value_error(axis.path + " is given no values to sweep over");
  }
  return {scenarios::SweepGrid(std::move(axes)), std::move(values)};
}

}  // namespace

void bind_sweep(py::module_& module) {
  module.def(
      "sweep",
      [](const Study& study, const py::dict& over, std::uint64_t runs,
         std::optional<std::uint64_t> seed, unsigned threads, double confidence, bool twin,
         const py::object& progress) {
        return sweep(study, grid_of(over),
                     {.sampling = {.runs = runs, .threads = threads, .confidence = confidence},
                      .seed = seed,
                      .with_twin = twin},
                     progress);
      },
      py::kw_only(), py::arg("study"), py::arg("over"), py::arg("runs"), py::arg("seed"),
      py::arg("threads"), py::arg("confidence"), py::arg("twin"), py::arg("progress"));
}

}  // namespace gatewright::python
