// gatewright replay: feeds a recorded journal to an engine and reports the first difference.
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bindings/cli/exit_status.h"
#include "bindings/cli/files.h"
#include "bindings/cli/flags.h"
#include "bindings/cli/problems.h"
#include "bindings/cli/terminal.h"
#include "bindings/cli/verbs.h"
#include "policies/compile.h"
#include "policies/encoding.h"
#include "policies/journal.h"
#include "scenarios/plan_yaml.h"

namespace gatewright::cli {
namespace {

struct ReplayOptions {
  std::string journal, policy, scenario;
  std::vector<std::string> settings;
  bool json = false;
};

[[nodiscard]] std::string text_of(const std::string& path) {
  try {
    return read_file(path);
  } catch (const FileError& error) {
    throw UsageError(error.what());
  }
}

/// The line of each entry; empty lines are skipped.
[[nodiscard]] std::vector<std::size_t> read_journal(const std::string& path, Journal& journal) {
  const std::string text = text_of(path);
  std::vector<std::size_t> lines;
  std::size_t line = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    ++line;
    if (end > begin) {
      if (const auto error =
              decode_entry(std::string_view(text).substr(begin, end - begin), journal)) {
        say(fmt::format("{}:{}:{}: error: {}", path, line, error->offset + 1, error->message));
        throw InputError(path);
      }
      lines.push_back(line);
    }
    begin = end + 1;
  }
  if (lines.empty()) throw UsageError(path + ": expected a journal, found no entry");
  return lines;
}

[[nodiscard]] PlanSpec plan_of(const ReplayOptions& options) {
  if (!options.policy.empty()) {
    scenarios::LoadedPlan loaded = scenarios::load_plan(options.policy);
    report(loaded.diagnostics, options.policy, false);
    return *std::move(loaded.plan);
  }
  const RehearsalOptions rehearsal{
      .scenario = options.scenario, .policies = {}, .settings = options.settings};
  scenarios::LoadedStudy loaded = scenarios::load(changed_document(rehearsal, {}, Expect::drop));
  report(loaded.diagnostics, options.scenario, false);
  return std::move(loaded.study->plan);
}

/// The first entry at which another decision is taken, whatever the digests say; nothing if none
/// is. After it the world would have answered differently, so nothing beyond it is looked at.
[[nodiscard]] std::optional<std::size_t> first_other_decision(const Engine& engine,
                                                              const Journal& journal) {
  const auto& entries = journal.entries();
  RolloutState state = engine.initial_state(entries.front().observation.at);
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (engine.step(state, entries[i].observation) != entries[i].decision) return i;
  return std::nullopt;
}

[[nodiscard]] std::string repro(const ReplayOptions& options) {
  std::vector<std::string> words{"gatewright", "replay", options.journal};
  if (!options.policy.empty()) words.insert(words.end(), {"--policy", options.policy});
  if (!options.scenario.empty()) words.insert(words.end(), {"--scenario", options.scenario});
  for (const std::string& setting : options.settings) words.insert(words.end(), {"--set", setting});
  return command_line(words);
}

/// What a replay found, with lines in place of indices.
struct Found {
  std::size_t entries = 0;
  std::optional<Divergence> divergence;
  std::size_t line = 0;                      ///< of the divergence
  std::optional<std::size_t> decision_line;  ///< of the first decision that differs, if one does
};

[[nodiscard]] std::string text_of(const Found& found, const ReplayOptions& options) {
  if (!found.divergence)
    return fmt::format("{} entries, equal decisions and digests\n", found.entries);
  const Divergence& first = *found.divergence;
  std::string text =
      fmt::format("{}:{}: entry {}: {}: recorded {}, replayed {}\n", options.journal, found.line,
                  first.index, first.field, first.recorded, first.replayed);
  if (!found.decision_line)
    text += "all decisions are equal: the journal is of another plan or state\n";
  else if (*found.decision_line != found.line)
    text += fmt::format("decisions are equal before line {}; beyond it a replay says nothing\n",
                        *found.decision_line);
  return text + "repro: " + repro(options) + "\n";
}

[[nodiscard]] std::string json_of(const Found& found, const ReplayOptions& options) {
  using Json = nlohmann::ordered_json;
  Json whole = {{"journal", options.journal},
                {"entries", found.entries},
                {"equal", !found.divergence},
                {"divergence", nullptr}};
  if (found.divergence)
    whole["divergence"] = {
        {"line", found.line},
        {"index", found.divergence->index},
        {"field", found.divergence->field},
        {"recorded", found.divergence->recorded},
        {"replayed", found.divergence->replayed},
        {"decision_line", found.decision_line ? Json(*found.decision_line) : Json(nullptr)}};
  whole["repro"] = repro(options);
  return whole.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

[[nodiscard]] int replay_journal(const ReplayOptions& options) {
  if (options.policy.empty() == options.scenario.empty())
    throw UsageError("give either --policy FILE or --scenario FILE");
  if (!options.settings.empty() && options.scenario.empty())
    throw UsageError("--set changes a scenario; give --scenario FILE");
  const PlanSpec plan = plan_of(options);
  const Compiled compiled = compile(plan);
  if (!compiled.engine) report(compiled.diagnostics, options.policy, true);
  Journal journal;
  const std::vector<std::size_t> lines = read_journal(options.journal, journal);

  Found found;
  found.entries = lines.size();
  found.divergence = replay(*compiled.engine, journal);
  if (found.divergence) {
    found.line = lines[found.divergence->index];
    if (const auto other = first_other_decision(*compiled.engine, journal))
      found.decision_line = lines[*other];
  }
  print(options.json ? json_of(found, options) : text_of(found, options));
  return found.divergence ? kBroken : kAsExpected;
}

}  // namespace

void add_replay(CLI::App& app, int& status) {
  CLI::App& verb = *app.add_subcommand(
      "replay", "Feed a recorded journal to an engine; report the first difference");
  const auto options = std::make_shared<ReplayOptions>();
  verb.add_option("JOURNAL", options->journal, "The journal, one JSON object a line")->required();
  verb.add_option("--policy", options->policy, "Policy file to replay under")->type_name("FILE");
  verb.add_option("--scenario", options->scenario, "Scenario file, whose policy is used")
      ->type_name("FILE");
  verb.add_option("--set", options->settings, "Change one value of the scenario; may be repeated")
      ->type_name("PATH=VALUE")
      ->allow_extra_args(false);
  verb.add_flag("--json", options->json, "Print one JSON object");
  verb.footer(
      "Exit status 97 at the first difference. A replay under another policy is honest\n"
      "up to the first decision that differs, because after it the world would have\n"
      "answered differently.");
  verb.callback([options, &status] { status = replay_journal(*options); });
}

}  // namespace gatewright::cli
