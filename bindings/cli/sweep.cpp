// gatewright sweep: a scenario with every combination of some settings, one row each; resumes.
#include "scenarios/sweep.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/csv.h"
#include "analysis/estimate_json.h"
#include "analysis/layout.h"
#include "analysis/operating_characteristics.h"
#include "analysis/report.h"
#include "analysis/sentence.h"
#include "bindings/cli/exit_status.h"
#include "bindings/cli/flags.h"
#include "bindings/cli/interrupt.h"
#include "bindings/cli/outputs.h"
#include "bindings/cli/problems.h"
#include "bindings/cli/progress.h"
#include "bindings/cli/rehearsal.h"
#include "bindings/cli/sweep_store.h"
#include "bindings/cli/terminal.h"
#include "bindings/cli/verbs.h"
#include "policies/digest.h"
#include "scenarios/text.h"

namespace gatewright::cli {
namespace {

using analysis::OperatingCharacteristics;
using scenarios::SweepAxis;
using scenarios::SweepChoice;
using scenarios::SweepGrid;

constexpr std::uint64_t kRuns = 400;
constexpr std::size_t kCellsMost = 100'000;

struct SweepOptions {
  RehearsalOptions rehearsal;
  PlayFlags play;
  std::vector<std::string> over;
  std::vector<std::string> show;
  std::string store;
  double confidence = 0.95;
  OutputFlags output;
};

/// Parts of `text` between commas that stand in no bracket.
[[nodiscard]] std::vector<std::string> values_of(std::string_view text) {
  std::vector<std::string> values{""};
  int depth = 0;
  for (const char c : text) {
    depth += c == '[' || c == '{' ? 1 : c == ']' || c == '}' ? -1 : 0;
    if (c == ',' && depth == 0)
      values.emplace_back();
    else
      values.back() += c;
  }
  return values;
}

[[nodiscard]] SweepGrid grid_of(const std::vector<std::string>& over) {
  std::vector<SweepAxis> axes;
  for (const std::string& text : over) {
    const std::size_t equals = text.find('=');
    const auto refuse = [&](const std::string& why) {
      throw UsageError("--over: " + why + ", got " + shell_quoted(text));
    };
    constexpr const char* kExample =
        "expected PATH=VALUE,VALUE, such as policy.gates.cost.harm.rises_by=10%,20%";
    if (equals == std::string::npos || equals == 0) refuse(kExample);
    SweepAxis axis{text.substr(0, equals), values_of(std::string_view(text).substr(equals + 1))};
    if (std::ranges::count(axis.values, "") > 0) refuse(kExample);
    if (std::ranges::count(axes, axis.path, &SweepAxis::path) > 0)
      refuse("each path once, with all its values");
    for (const std::string& value : axis.values)
      if (std::ranges::count(axis.values, value) > 1) refuse("each value once");
    axes.push_back(std::move(axis));
  }
  SweepGrid grid(std::move(axes));
  if (grid.cells() > kCellsMost)
    throw UsageError(
        fmt::format("--over: expected at most {} cells, got {}", kCellsMost, grid.cells()));
  return grid;
}

/// The settings by which a store knows a cell, or what its healthy twin shares of them.
[[nodiscard]] std::string stored_settings(const SweepGrid& grid, std::size_t cell, bool of_twin) {
  std::string text;
  const auto settings = grid.settings(cell);
  for (std::size_t i = 0; i < settings.size(); ++i) {
    const SweepAxis& axis = grid.axes()[i];
    if (of_twin && axis.moves_world() && !axis.moves_twin()) continue;
    text += (text.empty() ? "" : "\n") + settings[i].first + "=" + settings[i].second;
  }
  return text;
}

/// The cells that differ in their policies alone: one world, and one contender per cell.
struct World {
  SweepChoice twin_choice;
  std::vector<std::size_t> cells;
  Rehearsal rehearsal;
};

[[nodiscard]] std::vector<World> worlds_of(const SweepOptions& options, const SweepGrid& grid) {
  std::vector<World> worlds;
  std::map<SweepChoice, std::size_t> known;
  const std::atomic<bool>& stop = watch_for_interrupt();
  for (std::size_t cell = 0; cell < grid.cells() && !stop; ++cell) {
    RehearsalOptions changed = options.rehearsal;
    for (const auto& [path, value] : grid.settings(cell))
      changed.settings.push_back(path + "=" + value);
    const auto [place, is_new] = known.emplace(grid.world_of(cell), worlds.size());
    if (is_new) {
      worlds.push_back(
          {.twin_choice = grid.twin_of(cell),
           .cells = {},
           .rehearsal = prepare(changed, Expect::drop, options.play.quiet || cell > 0)});
    } else {
      add_contender_of(changed, worlds[place->second].rehearsal);
    }
    worlds[place->second].cells.push_back(cell);
  }
  return worlds;
}

using FieldRecords = std::vector<std::vector<sim::RunRecord>>;

/// Plays what a store does not have yet, and keeps what it plays.
class SweepPlayer {
 public:
  struct Plan {
    std::uint64_t runs;
    std::uint64_t worlds;  ///< with the twins
  };
  SweepPlayer(const SweepOptions& options, const SweepGrid& grid, const Plan& plan,
              SweepStore* store)
      : options_(options),
        grid_(grid),
        runs_(plan.runs),
        store_(store),
        to_play_(plan.runs * plan.worlds) {}

  struct Request {
    const std::vector<sim::Contender>& field;
    const sim::PreparedScenario& world;
    const std::vector<std::size_t>& cells;
    std::uint64_t seed;
    bool is_twin;
  };
  /// The runs of a world under all its policies; fewer than all after an interrupt.
  [[nodiscard]] FieldRecords play(const Request& request, Progress& progress) {
    FieldRecords records = stored(request);
    std::uint64_t done = records.front().size();
    if (done > 0) check_reproducible(request, records);
    to_play_ -= done;
    progress.expect(to_play_);
    const unsigned threads = options_.play.threads;
    constexpr std::uint64_t kPerThread = 16;
    // A store keeps what was played turn by turn; without one nobody waits for a turn's last run.
    const std::uint64_t turn =
        store_ == nullptr
            ? runs_
            : kPerThread *
                  std::max(1U, threads != 0 ? threads : std::thread::hardware_concurrency());
    const std::atomic<bool>& stop = watch_for_interrupt();
    while (done < runs_ && !stop) {
      sim::ManyRecords many =
          sim::run_many(request.field, request.world,
                        {.seed = request.seed,
                         .first_replication = done,
                         .replications = std::min(turn, runs_ - done),
                         .threads = threads,
                         .progress = [&](std::uint64_t now) { progress.show(played_ + now); },
                         .stop = &stop});
      keep(request, many.by_contender);
      for (std::size_t i = 0; i < records.size(); ++i)
        std::ranges::move(many.by_contender[i], std::back_inserter(records[i]));
      played_ += many.by_contender.front().size();
      done = records.front().size();
    }
    return records;
  }

 private:
  [[nodiscard]] StoredWorld key(const Request& request, std::size_t contender) const {
    return {.settings = stored_settings(grid_, request.cells[contender], request.is_twin),
            .is_twin = request.is_twin};
  }

  /// As many runs of each policy as all of them have.
  [[nodiscard]] FieldRecords stored(const Request& request) {
    FieldRecords records(request.field.size());
    if (store_ == nullptr) return records;
    std::uint64_t all_have = runs_;
    for (std::size_t i = 0; i < records.size(); ++i) {
      records[i] = store_->load(key(request, i), all_have);
      all_have = std::min<std::uint64_t>(all_have, records[i].size());
    }
    for (auto& of_policy : records) of_policy.resize(all_have);
    return records;
  }

  void keep(const Request& request, const FieldRecords& played) {
    if (store_ == nullptr || played.front().empty()) return;
    std::vector<SweepStore::Batch> batches;
    for (std::size_t i = 0; i < played.size(); ++i)
      batches.push_back({.world = key(request, i), .records = played[i]});
    store_->save(batches);
  }

  /// A stored run is played again: runs of another build would not mix with those of this one.
  void check_reproducible(const Request& request, const FieldRecords& records) {
    if (is_checked_) return;
    is_checked_ = true;
    const std::vector<sim::RunRecord> again =
        sim::run(request.field, request.world, {.seed = request.seed, .replication = 0});
    for (std::size_t i = 0; i < again.size(); ++i)
      if (again[i].fingerprint != records[i].front().fingerprint)
        throw UsageError("--store " + options_.store +
                         ": its runs do not come out again with this build and these files; "
                         "expected another file");
  }

  const SweepOptions& options_;
  const SweepGrid& grid_;
  std::uint64_t runs_;
  SweepStore* store_;
  std::uint64_t to_play_;     ///< replications in all that no store has, as far as is known
  std::uint64_t played_ = 0;  ///< of them
  bool is_checked_ = false;
};

/// Cells by number.
using Results = std::map<std::size_t, OperatingCharacteristics>;

struct Report {
  const SweepGrid& grid;
  const Results& results;
  const std::vector<std::string>& show;  ///< columns of the text; empty: the usual ones
  analysis::ReportContext context;
  std::uint64_t runs = 0;
  double confidence = 0.95;
};

[[nodiscard]] std::vector<std::string> column_names(const Results& results) {
  std::vector<std::string> names;
  for (const auto& [cell, result] : results)
    for (const analysis::Column& column : result.columns)
      if (std::ranges::find(names, column.name) == names.end()) names.push_back(column.name);
  return names;
}

/// Settings, then each estimate with its limits, then the fingerprint: the columns of gatewright.sweep().
[[nodiscard]] std::string csv(const Report& report) {
  const std::vector<std::string> names = column_names(report.results);
  std::string table;
  for (const SweepAxis& axis : report.grid.axes()) table += analysis::csv_field(axis.path) + ",";
  for (const std::string& name : names)
    table +=
        fmt::format("{},{},{},", analysis::csv_field(name), analysis::csv_field(name + "_lower"),
                    analysis::csv_field(name + "_upper"));
  table += "fingerprint\r\n";
  for (const auto& [cell, result] : report.results) {
    for (const auto& [path, value] : report.grid.settings(cell))
      table += analysis::csv_field(value) + ",";
    for (const std::string& name : names)
      table += analysis::csv_estimate(result.find(name)).substr(1) + ",";
    table += fmt::format("{:016x}\r\n", result.fingerprint);
  }
  return table;
}

[[nodiscard]] std::string json(const Report& report) {
  using Json = nlohmann::ordered_json;
  Json cells = Json::array();
  for (const auto& [cell, result] : report.results) {
    Json settings = Json::object(), columns = Json::object();
    for (const auto& [path, value] : report.grid.settings(cell)) settings[path] = value;
    for (const analysis::Column& column : result.columns)
      columns[column.name] = analysis::json_of(column.estimate);
    cells.push_back({{"settings", std::move(settings)},
                     {"policy", result.policy},
                     {"harmful", result.harmful},
                     {"violations", result.violations},
                     {"fingerprint", fmt::format("{:016x}", result.fingerprint)},
                     {"columns", std::move(columns)}});
  }
  const Json whole = {{"scenario", report.context.scenario},
                      {"sentence", report.context.sentence},
                      {"notes", report.context.notes},
                      {"seed", report.context.seed},
                      {"runs", report.runs},
                      {"confidence", report.confidence},
                      {"cells", std::move(cells)},
                      {"repro", report.context.repro}};
  return analysis::json_text(whole);
}

/// A column of the text.
struct Shown {
  std::string title;
  std::string name;
  std::string_view unit;
};

/// Names carry their units, but for shares.
[[nodiscard]] std::string_view unit_of(std::string_view name) {
  const auto has = [name](std::string_view word) { return name.find(word) != name.npos; };
  if (has("_minutes_")) return "min";
  if (has("_hours_")) return "h";
  if (has("_usd_")) return "USD";
  return has("requests_") ? "" : "%";
}

[[nodiscard]] std::vector<Shown> shown_columns(const std::vector<std::string>& names) {
  if (names.empty())
    return {{"false-alarm rate", "false_alarm_rate", "%"},
            {"detection", "detection_probability", "%"},
            {"delay, median", "detection_delay_minutes_p50", "min"}};
  std::vector<Shown> columns;
  for (const std::string& name : names) columns.push_back({name, name, unit_of(name)});
  return columns;
}

[[nodiscard]] std::string text(const Report& report) {
  constexpr std::size_t kShare = 23;  // "100.0% [ 99.1, 100.0]"
  constexpr std::size_t kSettingMost = 15;
  const analysis::Style style{.colour = report.context.colour, .unicode = report.context.unicode};
  std::string page = style.bold(report.context.scenario) + "\n";
  const auto paragraph = [&](std::string_view words, std::size_t indent) {
    for (const std::string& line : analysis::wrapped(words, analysis::kPageWidth - indent))
      page += std::string(indent, ' ') + line + "\n";
  };
  paragraph(report.context.sentence, 0);
  for (const std::string& note : report.context.notes) paragraph(note, 2);
  page += "\n";
  std::vector<std::size_t> widths;
  std::string head = "  ";
  for (std::size_t i = 0; i < report.grid.axes().size(); ++i) {
    const SweepAxis& axis = report.grid.axes()[i];
    std::size_t wide = 3;
    for (const std::string& value : axis.values) wide = std::max(wide, analysis::width(value));
    widths.push_back(std::min(wide, kSettingMost) + 2);
    const std::string letter(1, static_cast<char>('A' + i % 26));
    page += "  " + letter + " = " + axis.path + "\n";
    head += analysis::left(letter, widths.back());
  }
  const auto cell_text = [&](const OperatingCharacteristics& result, const Shown& column) {
    const analysis::Estimate* estimate = result.find(column.name);
    if (estimate == nullptr || estimate->runs == 0) return std::string("-");
    return analysis::value_text(*estimate, column.unit) + " " +
           analysis::interval_text(*estimate, column.unit);
  };
  const std::vector<Shown> columns = shown_columns(report.show);
  std::vector<std::size_t> wide;
  for (const Shown& column : columns) {
    wide.push_back(std::max(kShare, analysis::width(column.title) + 2));
    for (const auto& [cell, result] : report.results)
      wide.back() = std::max(wide.back(), analysis::width(cell_text(result, column)) + 2);
    head += analysis::left(column.title, wide.back());
  }
  head.erase(head.find_last_not_of(' ') + 1);
  page += "\n" + style.bold(head) + "\n";
  for (const auto& [cell, result] : report.results) {
    std::string line = "  ";
    const auto settings = report.grid.settings(cell);
    for (std::size_t i = 0; i < settings.size(); ++i)
      line += analysis::left(analysis::cut(settings[i].second, widths[i] - 2, style.unicode),
                             widths[i]);
    for (std::size_t i = 0; i < columns.size(); ++i)
      line += analysis::left(cell_text(result, columns[i]), wide[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    page += line + "\n";
  }
  page += "\n" +
          style.dim(fmt::format("{} cells, {} runs each, {:.4g}% intervals, seed {}",
                                report.results.size(), report.runs, 100.0 * report.confidence,
                                report.context.seed)) +
          "\n" + style.dim("repro: " + report.context.repro) + "\n";
  return page;
}

[[nodiscard]] std::string rendered(OutputForm form, const Report& report) {
  if (form == OutputForm::json) return json(report);
  if (form == OutputForm::csv) return csv(report);
  return text(report);
}

void check(const SweepOptions& options) {
  if (options.rehearsal.policies.size() > 1)
    throw UsageError("--policy: one policy for all cells; sweep over policies with --over policy=");
  check(options.output);
}

[[nodiscard]] std::string repro(const SweepOptions& options, std::uint64_t seed,
                                std::uint64_t runs) {
  std::vector<std::string> words{"gatewright", "sweep"};
  std::ranges::copy(arguments(options.rehearsal), std::back_inserter(words));
  for (const std::string& over : options.over) words.insert(words.end(), {"--over", over});
  for (const std::string& name : options.show) words.insert(words.end(), {"--show", name});
  if (options.confidence != 0.95)
    words.insert(words.end(),
                 {"--confidence", fmt::format("{:.10g}%", 100.0 * options.confidence)});
  words.insert(words.end(), {"--seed", std::to_string(seed), "--runs", std::to_string(runs)});
  return command_line(words);
}

/// The columns asked for must be some that the first world's policies have.
void check_show(const SweepOptions& options, const Rehearsal& rehearsal) {
  std::vector<std::string> names;
  for (const sim::Contender& contender : rehearsal.field)
    for (const analysis::Column& column :
         analysis::operating_characteristics({}, contender, options.confidence).columns)
      names.push_back(column.name);
  for (const std::string& name : options.show)
    if (std::ranges::find(names, name) == names.end())
      throw UsageError("--show: there is no column " + shell_quoted(name) +
                       scenarios::hint(name, names));
}

/// The scenario without the settings of any cell.
[[nodiscard]] sim::Scenario base_of(const SweepOptions& options) {
  const std::string policy =
      options.rehearsal.policies.empty() ? "" : options.rehearsal.policies.front();
  scenarios::LoadedStudy loaded =
      scenarios::load(changed_document(options.rehearsal, policy, Expect::drop));
  report(loaded.diagnostics, options.rehearsal.scenario, true);
  return std::move(loaded.study->scenario);
}

/// What stored runs depend on besides settings and replication.
[[nodiscard]] std::map<std::string, std::string> identity_of(const SweepOptions& options,
                                                             std::uint64_t seed) {
  const std::string policy =
      options.rehearsal.policies.empty() ? "" : options.rehearsal.policies.front();
  const scenarios::Document document = changed_document(options.rehearsal, policy, Expect::drop);
  Digest digest;
  digest.add(scenarios::write(document.root));
  return {{"version", GATEWRIGHT_VERSION},
          {"scenario (digest of its text)", fmt::format("{:016x}", digest.value())},
          {"seed", std::to_string(seed)}};
}

[[nodiscard]] int sweep(const SweepOptions& options) {
  check(options);
  const SweepGrid grid = grid_of(options.over);
  const std::vector<World> worlds = worlds_of(options, grid);
  check_show(options, worlds.front().rehearsal);
  if (watch_for_interrupt()) return kInterrupted;
  const sim::Scenario base = base_of(options);
  const std::uint64_t seed = options.play.seed.value_or(base.seed);
  const std::uint64_t runs = options.play.runs.value_or(kRuns);
  std::optional<SweepStore> store;
  if (!options.store.empty()) store.emplace(options.store, identity_of(options, seed));

  std::map<SweepChoice, FieldRecords> twins;
  for (const World& world : worlds)
    if (world.rehearsal.twin) twins[world.twin_choice] = {};
  Progress progress(worlds.front().rehearsal.study.scenario.name,
                    !options.play.quiet && !options.play.no_progress);
  SweepPlayer player(options, grid, {.runs = runs, .worlds = worlds.size() + twins.size()},
                     store ? &*store : nullptr);
  Results results;
  std::uint64_t violations = 0;
  bool interrupted = false;
  for (const World& world : worlds) {
    const Rehearsal& rehearsal = world.rehearsal;
    // A seed may itself be a setting.
    const std::uint64_t world_seed = options.play.seed.value_or(rehearsal.study.scenario.seed);
    Records records;
    records.as_written = player.play({.field = rehearsal.field,
                                      .world = *rehearsal.world,
                                      .cells = world.cells,
                                      .seed = world_seed,
                                      .is_twin = false},
                                     progress);
    if (rehearsal.twin) {
      // A full grid has the same policies, in the same order, in every world.
      FieldRecords& kept = twins[world.twin_choice];
      if (kept.empty())
        kept = player.play({.field = rehearsal.field,
                            .world = *rehearsal.twin,
                            .cells = world.cells,
                            .seed = world_seed,
                            .is_twin = true},
                           progress);
      records.healthy_twin = kept;
    }
    interrupted =
        records.runs() < runs || (rehearsal.twin && records.healthy_twin.front().size() < runs);
    if (interrupted) break;
    for (std::size_t i = 0; i < world.cells.size(); ++i) {
      const auto [place, is_new] = results.emplace(
          world.cells[i],
          analysis::operating_characteristics(sample_of(rehearsal, records, i), rehearsal.field[i],
                                              options.confidence));
      violations += place->second.violations;
    }
  }
  progress.clear();

  Report report{.grid = grid,
                .results = results,
                .show = options.show,
                .context = context_of(worlds.front().rehearsal,
                                      {.seed = seed, .repro = repro(options, seed, runs)}),
                .runs = runs,
                .confidence = options.confidence};
  report.context.sentence = analysis::sentence(base);  // without the settings of any cell
  if (interrupted)
    report.context.notes.push_back(fmt::format(
        "Interrupted: {} of {} cells were finished.{}", results.size(), grid.cells(),
        store ? " The same command plays the rest." : " With --store, a sweep resumes."));
  deliver(options.output, report.context, [&](OutputForm form) { return rendered(form, report); });
  if (interrupted) return kInterrupted;
  if (violations > 0) say(fmt::format("{} broken invariants; play the cell with run", violations));
  return violations > 0 ? kBroken : kAsExpected;
}

}  // namespace

void add_sweep(CLI::App& app, int& status) {
  CLI::App& verb = *app.add_subcommand(
      "sweep", "Play every combination of some settings; print one row each; resumes");
  const auto options = std::make_shared<SweepOptions>();
  add_scenario_argument(verb, options->rehearsal);
  verb.add_option("--over", options->over,
                  "Values of one setting, as in policy.gates.cost.harm.rises_by=10%,20%; may be "
                  "repeated: the last moves fastest")
      ->type_name("PATH=V,V")
      ->allow_extra_args(false)
      ->required();
  add_change_flags(verb, options->rehearsal);
  verb.add_option("--show", options->show,
                  "Print this column of the CSV instead of the usual three; may be repeated")
      ->type_name("COLUMN")
      ->allow_extra_args(false);
  verb.add_option(
          "--store", options->store,
          "SQLite file that keeps finished runs; with it the sweep resumes, and more --runs "
          "play only the rest")
      ->type_name("FILE");
  add_seed_flag(verb, options->play.seed);
  add_play_flags(verb, options->play, std::to_string(kRuns));
  add_share_flag(verb, "--confidence", options->confidence, "Of the intervals; default: 95%");
  add_output_flags(verb, options->output, "cell");
  verb.footer(
      "All cells face the same random worlds. Those that differ in settings of the\n"
      "policy alone are played together; Ctrl-C keeps the cells that were finished.");
  verb.callback([options, &status] { status = sweep(*options); });
}

}  // namespace gatewright::cli
