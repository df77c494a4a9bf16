// gatewright explain: tells one run as a story, with each decision, its cause and the evidence.
#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "analysis/layout.h"
#include "analysis/report.h"
#include "analysis/story.h"
#include "bindings/cli/exit_status.h"
#include "bindings/cli/files.h"
#include "bindings/cli/flags.h"
#include "bindings/cli/interrupt.h"
#include "bindings/cli/problems.h"
#include "bindings/cli/progress.h"
#include "bindings/cli/rehearsal.h"
#include "bindings/cli/terminal.h"
#include "bindings/cli/verbs.h"
#include "policies/encoding.h"

namespace gatewright::cli {
namespace {

constexpr std::uint64_t kSearched = 10'000;
constexpr std::uint64_t kBatch = 64;

struct ExplainOptions {
  RehearsalOptions rehearsal;
  std::optional<std::uint64_t> seed;
  std::uint64_t replication = 0;
  std::string find;
  bool twin = false;
  bool every_look = false;
  bool json = false;
  std::string journal;
};

[[nodiscard]] bool is_sought(const sim::RunRecord& record, const std::string& sought) {
  if (sought == "false-alarm") return record.outcome == sim::Outcome::halted;
  return sim::to_string(record.outcome) == sought;
}

/// The first replication that ended as sought; nothing if none of the first kSearched did, or after
/// an interrupt.
[[nodiscard]] std::optional<std::uint64_t> find(const Rehearsal& rehearsal,
                                                const sim::PreparedScenario& world,
                                                std::uint64_t seed, const std::string& sought) {
  const std::atomic<bool>& stop = watch_for_interrupt();
  Progress progress("looking for " + sought, true);
  for (std::uint64_t first = 0; first < kSearched && !stop; first += kBatch) {
    progress.expect(kSearched);
    const sim::ManyRecords many =
        sim::run_many(rehearsal.field, world,
                      {.seed = seed,
                       .first_replication = first,
                       .replications = kBatch,
                       .progress = [&](std::uint64_t done) { progress.show(first + done); },
                       .stop = &stop});
    const auto& records = many.by_contender.front();
    const auto found = std::ranges::find_if(
        records, [&](const sim::RunRecord& record) { return is_sought(record, sought); });
    if (found != records.end()) return found->replication;
  }
  return std::nullopt;
}

[[nodiscard]] std::string repro(const ExplainOptions& options, std::uint64_t seed,
                                std::uint64_t replication, bool is_twin) {
  std::vector<std::string> words{"gatewright", "explain"};
  std::ranges::copy(arguments(options.rehearsal), std::back_inserter(words));
  words.insert(words.end(),
               {"--seed", std::to_string(seed), "--replication", std::to_string(replication)});
  if (is_twin) words.emplace_back("--twin");
  if (options.every_look) words.emplace_back("--every-look");
  return command_line(words);
}

[[nodiscard]] int explain(const ExplainOptions& options) {
  if (options.rehearsal.policies.size() > 1) throw UsageError("one run is told; give one --policy");
  const Rehearsal rehearsal = prepare(options.rehearsal, Expect::drop, false);
  const sim::Scenario& scenario = rehearsal.study.scenario;
  const std::uint64_t seed = options.seed.value_or(scenario.seed);
  // A candidate that is healthy as written is its own twin.
  const bool is_twin = (options.twin || options.find == "false-alarm") && has_twin(scenario);
  const auto world = is_twin ? sim::healthy_twin(rehearsal.world) : rehearsal.world;

  std::uint64_t replication = options.replication;
  if (!options.find.empty()) {
    const auto found = find(rehearsal, *world, seed, options.find);
    if (watch_for_interrupt()) return kInterrupted;
    if (!found) {
      say(fmt::format("gatewright explain: none of the first {} replications of seed {} is {}",
                      kSearched, seed, options.find));
      return kToolFailed;
    }
    replication = *found;
  }

  std::vector<sim::RunTrace> traces;
  const std::vector<sim::RunRecord> records =
      sim::run(rehearsal.field, *world, {.seed = seed, .replication = replication}, &traces);
  const sim::Contender& contender = rehearsal.field.front();
  const analysis::Style style = stdout_style();
  const analysis::StoryOptions story{.every_look = options.every_look,
                                     .repro = repro(options, seed, replication, is_twin),
                                     .colour = style.colour,
                                     .unicode = style.unicode};
  if (options.json) {
    print(analysis::story_json(contender, traces.front(), records.front(), story));
  } else {
    const std::string title =
        fmt::format("{}{} under {}, seed {}, replication {}", is_twin ? "healthy twin of " : "",
                    scenario.name, contender.name, seed, replication);
    for (const std::string& line : analysis::wrapped(title, analysis::kPageWidth))
      print(line + '\n');
    print(analysis::story(contender, traces.front(), records.front(), story));
  }
  if (!options.journal.empty()) {
    std::string lines;
    for (const JournalEntry& entry : traces.front().journal.entries())
      lines += encode(entry) + '\n';
    write_file(options.journal, lines);
  }
  return records.front().violations.empty() ? kAsExpected : kBroken;
}

}  // namespace

void add_explain(CLI::App& app, int& status) {
  CLI::App& verb = *app.add_subcommand(
      "explain", "Tell one run as a story: each decision, its cause, the evidence");
  const auto options = std::make_shared<ExplainOptions>();
  add_scenario_argument(verb, options->rehearsal);
  add_change_flags(verb, options->rehearsal);
  add_seed_flag(verb, options->seed);
  auto* replication =
      verb.add_option("--replication", options->replication, "Which run; default: 0")
          ->type_name("N");
  verb.add_option("--find", options->find,
                  "Look for the first run that is halted, completed, unfinished or a false-alarm "
                  "(the twin, halted)")
      ->check(CLI::IsMember({"halted", "completed", "unfinished", "false-alarm"}))
      ->type_name("OUTCOME")
      ->excludes(replication);
  verb.add_flag("--twin", options->twin, "The healthy twin instead of the scenario as written");
  verb.add_flag("--every-look", options->every_look, "Also the looks that changed nothing");
  verb.add_option("--journal", options->journal, "Also write the journal, one JSON object a line")
      ->type_name("FILE");
  verb.add_flag("--json", options->json, "Print one JSON object");
  verb.callback([options, &status] { status = explain(*options); });
}

}  // namespace gatewright::cli
