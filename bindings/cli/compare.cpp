// gatewright compare: several policies in the same random worlds, and the differences between them.
#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "analysis/comparison.h"
#include "bindings/cli/exit_status.h"
#include "bindings/cli/flags.h"
#include "bindings/cli/outputs.h"
#include "bindings/cli/problems.h"
#include "bindings/cli/progress.h"
#include "bindings/cli/rehearsal.h"
#include "bindings/cli/terminal.h"
#include "bindings/cli/verbs.h"

namespace gatewright::cli {
namespace {

constexpr std::uint64_t kRuns = 400;

struct CompareOptions {
  RehearsalOptions rehearsal;
  PlayFlags play;
  double confidence = 0.95;
  OutputFlags output;
};

void check(const CompareOptions& options) {
  if (options.rehearsal.policies.empty())
    throw UsageError(
        "expected --policy FILE, once to compare it with the scenario's own policy, or twice and "
        "more often to compare the others with the first");
  check(options.output);
}

[[nodiscard]] std::string repro(const CompareOptions& options, std::uint64_t seed,
                                std::uint64_t runs) {
  std::vector<std::string> words{"gatewright", "compare"};
  std::ranges::copy(arguments(options.rehearsal), std::back_inserter(words));
  if (options.confidence != 0.95)
    words.insert(words.end(),
                 {"--confidence", fmt::format("{:.10g}%", 100.0 * options.confidence)});
  words.insert(words.end(), {"--seed", std::to_string(seed), "--runs", std::to_string(runs)});
  return command_line(words);
}

[[nodiscard]] std::string rendered(OutputForm form, const analysis::ReportContext& context,
                                   const std::vector<analysis::Comparison>& comparisons) {
  if (form == OutputForm::json) return analysis::json(context, comparisons);
  if (form == OutputForm::csv) return analysis::csv(comparisons);
  return analysis::text(context, comparisons);
}

[[nodiscard]] int compare(const CompareOptions& options) {
  check(options);
  RehearsalOptions field = options.rehearsal;
  if (field.policies.size() == 1) field.policies.insert(field.policies.begin(), "");
  const Rehearsal rehearsal = prepare(field, Expect::drop, options.play.quiet);
  const std::uint64_t seed = options.play.seed.value_or(rehearsal.study.scenario.seed);
  const std::uint64_t runs = options.play.runs.value_or(kRuns);

  Records records;
  Progress progress(rehearsal.study.scenario.name,
                    !options.play.quiet && !options.play.no_progress);
  progress.expect(replications(rehearsal, runs));
  play(rehearsal,
       {.seed = seed,
        .runs = runs,
        .threads = options.play.threads,
        .progress = [&](std::uint64_t played) { progress.show(played); }},
       records);
  progress.clear();

  std::vector<analysis::Comparison> comparisons;
  const auto compared = [&](std::size_t contender) {
    return analysis::Compared{.policy = rehearsal.field[contender].name,
                              .sample = sample_of(rehearsal, records, contender)};
  };
  for (std::size_t i = 1; i < rehearsal.field.size(); ++i)
    comparisons.push_back(analysis::compare(compared(0), compared(i), options.confidence));

  analysis::ReportContext context =
      context_of(rehearsal, {.seed = seed, .repro = repro(options, seed, runs)});
  note_interruption(records, runs, context);
  deliver(options.output, context,
          [&](OutputForm form) { return rendered(form, context, comparisons); });
  if (records.interrupted) return kInterrupted;
  const std::vector<std::string> broken = violation_repros(field, seed, records);
  for (const std::string& command : broken) say("broken invariant; repro: " + command);
  return broken.empty() ? kAsExpected : kBroken;
}

}  // namespace

void add_compare(CLI::App& app, int& status) {
  CLI::App& verb = *app.add_subcommand(
      "compare", "Play several policies in the same random worlds; print paired differences");
  const auto options = std::make_shared<CompareOptions>();
  add_scenario_argument(verb, options->rehearsal);
  add_change_flags(verb, options->rehearsal);
  add_seed_flag(verb, options->play.seed);
  add_play_flags(verb, options->play, std::to_string(kRuns));
  add_share_flag(verb, "--confidence", options->confidence, "Of the intervals; default: 95%");
  add_output_flags(verb, options->output, "pair of policies and number");
  verb.footer(
      "The first policy is compared with each of the others; a single --policy with the\n"
      "scenario's own. Where the candidate is harmful, its healthy twin is played, too.");
  verb.callback([options, &status] { status = compare(*options); });
}

}  // namespace gatewright::cli
