// gatewright guard: today's operating characteristics against those that a lock file keeps; for CI.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/estimate_json.h"
#include "analysis/layout.h"
#include "analysis/operating_characteristics.h"
#include "bindings/cli/exit_status.h"
#include "bindings/cli/files.h"
#include "bindings/cli/flags.h"
#include "bindings/cli/problems.h"
#include "bindings/cli/progress.h"
#include "bindings/cli/rehearsal.h"
#include "bindings/cli/terminal.h"
#include "bindings/cli/verbs.h"

namespace gatewright::cli {
namespace {

using Json = nlohmann::ordered_json;
using analysis::Estimate;
using analysis::OperatingCharacteristics;

constexpr std::uint64_t kRuns = 400;
constexpr double kConfidence = 0.99;
constexpr int kFormat = 1;

/// What is guarded, and in which unit it is told.
struct Guarded {
  const char* name;
  const char* unit;
};
constexpr Guarded kGuarded[] = {
    {"false_alarm_rate", "%"},
    {"detection_probability", "%"},
    {"unfinished_rate", "%"},
    {"detection_delay_minutes_p50", "min"},
    {"detection_delay_minutes_p95", "min"},
    {"user_impact_minutes_mean", ""},
    {"time_to_complete_hours_p50", "h"},
};

struct GuardOptions {
  std::vector<std::string> scenarios;
  RehearsalOptions rehearsal;  ///< without the scenario
  PlayFlags play;
  std::string lock = "gatewright.lock.json";
  bool update = false;
  bool json = false;
  int failed_exit_code = kViolated;
};

/// One policy in one scenario, as it was locked or as it is now.
struct Characteristics {
  std::string scenario;  ///< file
  std::string policy;
  std::uint64_t seed = 0, runs = 0;
  std::string fingerprint;
  std::vector<std::pair<std::string, Estimate>> columns;
};

/// How a number compares with the one that was locked.
enum class Change : std::uint8_t {
  none,     ///< equal
  within,   ///< another, but the intervals overlap
  changed,  ///< the intervals have nothing in common
};

[[nodiscard]] Change change_of(const Estimate& locked, const Estimate& now) {
  if (locked.runs == 0 || now.runs == 0)
    return locked.runs == now.runs ? Change::none : Change::changed;
  if (locked.lower > now.upper || now.lower > locked.upper) return Change::changed;
  return locked.value == now.value ? Change::none : Change::within;
}

[[nodiscard]] Json json_of(const Characteristics& found) {
  Json columns = Json::object();
  for (const auto& [name, estimate] : found.columns) columns[name] = analysis::json_of(estimate);
  return {{"scenario", found.scenario},
          {"policy", found.policy},
          {"seed", found.seed},
          {"runs", found.runs},
          {"fingerprint", found.fingerprint},
          {"columns", std::move(columns)}};
}

[[nodiscard]] Characteristics characteristics_from(const Json& json) {
  const auto number = [](const Json& value, double none) {
    return value.is_null() ? none : value.get<double>();
  };
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Characteristics read{.scenario = json.at("scenario"),
                       .policy = json.at("policy"),
                       .seed = json.at("seed"),
                       .runs = json.at("runs"),
                       .fingerprint = json.at("fingerprint"),
                       .columns = {}};
  for (const auto& [name, column] : json.at("columns").items())
    read.columns.emplace_back(name, Estimate{.value = number(column.at("value"), std::nan("")),
                                             .lower = number(column.at("lower"), -kInfinity),
                                             .upper = number(column.at("upper"), kInfinity),
                                             .runs = column.at("runs").get<std::uint64_t>()});
  return read;
}

[[nodiscard]] std::vector<Characteristics> read_lock(const std::string& path) {
  if (!std::filesystem::exists(path))
    throw UsageError("--lock " + path + ": there is no such file; write it with --update");
  try {
    const Json whole = Json::parse(read_file(path));
    if (whole.at("gatewright_lock").get<int>() != kFormat)
      throw UsageError(fmt::format("--lock {}: expected format {}", path, kFormat));
    std::vector<Characteristics> all;
    for (const Json& each : whole.at("characteristics")) all.push_back(characteristics_from(each));
    return all;
  } catch (const Json::exception&) {
    throw UsageError("--lock " + path + ": it is no lock file; write one with --update");
  }
}

[[nodiscard]] std::string lock_text(const std::vector<Characteristics>& all) {
  Json characteristics = Json::array();
  for (const Characteristics& each : all) characteristics.push_back(json_of(each));
  return analysis::json_text({{"gatewright_lock", kFormat},
                              {"confidence", kConfidence},
                              {"characteristics", std::move(characteristics)}});
}

class Guard {
 public:
  Guard(const GuardOptions& options, std::vector<Characteristics> locked)
      : options_(options), locked_(std::move(locked)), style_(stdout_style()) {}

  /// Plays one scenario; false after an interrupt.
  [[nodiscard]] bool play_and_compare(const std::string& file) {
    RehearsalOptions rehearsal_options = options_.rehearsal;
    rehearsal_options.scenario = file;
    const Rehearsal rehearsal = prepare(rehearsal_options, Expect::drop, options_.play.quiet);
    const Characteristics* first = locked(file, rehearsal.field.front().name);
    // What was locked is played again as it was, unless the flags say otherwise.
    const std::uint64_t seed =
        options_.play.seed.value_or(first != nullptr ? first->seed : rehearsal.study.scenario.seed);
    const std::uint64_t runs = options_.play.runs.value_or(first != nullptr ? first->runs : kRuns);
    Progress progress(rehearsal.study.scenario.name,
                      !options_.play.quiet && !options_.play.no_progress);
    progress.expect(replications(rehearsal, runs));
    Records records;
    play(rehearsal,
         {.seed = seed,
          .runs = runs,
          .threads = options_.play.threads,
          .progress = [&](std::uint64_t played) { progress.show(played); }},
         records);
    progress.clear();
    if (records.interrupted) return false;
    for (std::size_t i = 0; i < rehearsal.field.size(); ++i) {
      const OperatingCharacteristics found = analysis::operating_characteristics(
          sample_of(rehearsal, records, i), rehearsal.field[i], kConfidence);
      Characteristics now{.scenario = file,
                          .policy = found.policy,
                          .seed = seed,
                          .runs = runs,
                          .fingerprint = fmt::format("{:016x}", found.fingerprint),
                          .columns = {}};
      for (const Guarded& guarded : kGuarded)
        if (const Estimate* estimate = found.find(guarded.name); estimate != nullptr)
          now.columns.emplace_back(guarded.name, *estimate);
      if (!options_.update) compare(now);
      now_.push_back(std::move(now));
    }
    return true;
  }

  void finish() {
    if (options_.update) {
      write_file(options_.lock, lock_text(now_));
      print(fmt::format("{}: {} locked\n", options_.lock,
                        now_.size() == 1 ? "1 policy" : fmt::format("{} policies", now_.size())));
    } else if (options_.json) {
      print(analysis::json_text({{"lock", options_.lock}, {"compared", compared_}}));
    } else {
      print(fmt::format("{} as locked, {} within intervals, {} changed\n", equal_, within_,
                        changed_));
    }
  }

  [[nodiscard]] int status() const {
    return changed_ > 0 ? options_.failed_exit_code : kAsExpected;
  }

 private:
  [[nodiscard]] const Characteristics* locked(const std::string& scenario,
                                              const std::string& policy) const {
    const auto found = std::ranges::find_if(locked_, [&](const Characteristics& each) {
      return each.scenario == scenario && each.policy == policy;
    });
    return found == locked_.end() ? nullptr : &*found;
  }

  void compare(const Characteristics& now) {
    const Characteristics* before = locked(now.scenario, now.policy);
    if (before == nullptr)
      throw UsageError("--lock " + options_.lock + ": it does not know policy " + now.policy +
                       " in " + now.scenario + "; add it with --update");
    Json columns = Json::object();
    std::string lines;
    Change worst = Change::none;
    for (const Guarded& guarded : kGuarded) {
      const Estimate* estimate = find(now, guarded.name);
      const Estimate* old = find(*before, guarded.name);
      if (estimate == nullptr || old == nullptr) continue;
      const Change change = change_of(*old, *estimate);
      worst = std::max(worst, change);
      constexpr const char* kNames[] = {"equal", "within_intervals", "changed"};
      columns[guarded.name] = {{"locked", analysis::json_of(*old)},
                               {"now", analysis::json_of(*estimate)},
                               {"change", kNames[static_cast<std::size_t>(change)]}};
      if (change == Change::none) continue;
      const auto told = [&](const Estimate& each) {
        return each.runs == 0 ? std::string("no run bears on it")
                              : analysis::value_text(each, guarded.unit) + " " +
                                    analysis::interval_text(each, guarded.unit);
      };
      lines += fmt::format("    {:<28}{}  locked {}{}\n", guarded.name,
                           analysis::left(told(*estimate), 22), told(*old),
                           change == Change::changed ? "  " + style_.red("CHANGED") : "");
    }
    const bool is_equal = before->fingerprint == now.fingerprint && worst == Change::none;
    (worst == Change::changed ? changed_ : is_equal ? equal_ : within_) += 1;
    compared_.push_back({{"scenario", now.scenario},
                         {"policy", now.policy},
                         {"fingerprint", now.fingerprint},
                         {"locked_fingerprint", before->fingerprint},
                         {"columns", std::move(columns)}});
    if (options_.json) return;
    const std::string verdict = worst == Change::changed ? style_.red("CHANGED")
                                : is_equal               ? style_.green("as locked")
                                                         : style_.yellow("within intervals");
    print(fmt::format("  {}  {}  {}\n", now.scenario, now.policy, verdict) + lines);
  }

  [[nodiscard]] static const Estimate* find(const Characteristics& of, std::string_view name) {
    const auto found = std::ranges::find(
        of.columns, name, [](const auto& column) { return std::string_view(column.first); });
    return found == of.columns.end() ? nullptr : &found->second;
  }

  const GuardOptions& options_;
  std::vector<Characteristics> locked_, now_;
  analysis::Style style_;
  Json compared_ = Json::array();
  std::uint64_t equal_ = 0, within_ = 0, changed_ = 0;
};

[[nodiscard]] int guard(const GuardOptions& options) {
  Guard guard(options, options.update ? std::vector<Characteristics>() : read_lock(options.lock));
  for (const std::string& file : options.scenarios)
    if (!guard.play_and_compare(file)) return kInterrupted;
  guard.finish();
  return guard.status();
}

}  // namespace

void add_guard(CLI::App& app, int& status) {
  CLI::App& verb = *app.add_subcommand(
      "guard", "Compare operating characteristics with those of a lock file; for CI");
  const auto options = std::make_shared<GuardOptions>();
  verb.add_option("SCENARIO", options->scenarios, "Scenario files")->required();
  verb.add_option("--lock", options->lock, "The lock file; default: gatewright.lock.json")
      ->type_name("FILE");
  verb.add_flag("--update", options->update, "Write the lock file instead of comparing with it");
  add_change_flags(verb, options->rehearsal);
  add_seed_flag(verb, options->play.seed);
  add_play_flags(verb, options->play, std::to_string(kRuns) + "; when comparing, as locked");
  verb.add_flag("--json", options->json, "Print one JSON object");
  verb.add_option("--failed-exit-code", options->failed_exit_code,
                  fmt::format("Exit status where a number changed; default: {}",
                              static_cast<int>(kViolated)))
      ->type_name("N");
  verb.footer(
      "A number has changed where its 99% interval and the locked one have nothing in\n"
      "common. Commit the lock file, and update it with the change that was meant.");
  verb.callback([options, &status] { status = guard(*options); });
}

}  // namespace gatewright::cli
