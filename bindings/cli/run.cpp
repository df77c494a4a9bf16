// gatewright run: plays one scenario many times and prints its operating characteristics.
#include <algorithm>
#include <cmath>
#include <memory>

#include <fmt/format.h>

#include "analysis/report.h"
#include "bindings/cli/exit_status.h"
#include "bindings/cli/flags.h"
#include "bindings/cli/outputs.h"
#include "bindings/cli/problems.h"
#include "bindings/cli/progress.h"
#include "bindings/cli/rehearsal.h"
#include "bindings/cli/terminal.h"
#include "bindings/cli/verbs.h"
#include "sim/windows/fidelity.h"

namespace gatewright::cli {
namespace {

constexpr std::uint64_t kRuns = 400;
constexpr std::uint64_t kRunsMax = 25'600;

struct RunOptions {
  RehearsalOptions rehearsal;
  PlayFlags play;
  double confidence = 0.95;
  std::optional<double> until;
  std::optional<std::uint64_t> runs_max;
  OutputFlags output;
};

using analysis::OperatingCharacteristics;

[[nodiscard]] std::vector<OperatingCharacteristics> results(const Rehearsal& rehearsal,
                                                            const Records& records,
                                                            double confidence) {
  std::vector<OperatingCharacteristics> all;
  for (std::size_t i = 0; i < rehearsal.field.size(); ++i)
    all.push_back(analysis::operating_characteristics(sample_of(rehearsal, records, i),
                                                      rehearsal.field[i], confidence));
  return all;
}

/// The widest half-width of the shares that --until is about.
[[nodiscard]] double half_width(const std::vector<OperatingCharacteristics>& all) {
  double widest = 0.0;
  for (const OperatingCharacteristics& one : all)
    for (const char* name : {"false_alarm_rate", "detection_probability"})
      if (const analysis::Estimate* share = one.find(name); share != nullptr && share->runs > 0)
        widest = std::max(widest, (share->upper - share->lower) / 2.0);
  return widest;
}

/// Confidence of the intervals at look `look` (from 1) when the play goes on until they are narrow.
/// The errors 1 - confidence_k sum to 1 - confidence over all looks, since 1/(k(k+1)) sums to 1, so
/// by the union bound the intervals hold at `confidence` whenever the play stops.
[[nodiscard]] double confidence_at(double confidence, std::uint64_t look) {
  const auto k = static_cast<double>(look);
  return 1.0 - (1.0 - confidence) / (k * (k + 1.0));
}

[[nodiscard]] std::string repro(const RunOptions& options, std::uint64_t seed, std::uint64_t runs) {
  std::vector<std::string> words{"gatewright", "run"};
  std::ranges::copy(arguments(options.rehearsal), std::back_inserter(words));
  words.insert(words.end(), {"--seed", std::to_string(seed), "--runs", std::to_string(runs)});
  if (options.confidence != 0.95)
    words.insert(words.end(),
                 {"--confidence", fmt::format("{:.10g}%", 100.0 * options.confidence)});
  if (options.until)
    words.insert(words.end(), {"--until", fmt::format("{:.10g}%", 100.0 * *options.until),
                               "--runs-max", std::to_string(options.runs_max.value_or(kRunsMax))});
  return command_line(words);
}

[[nodiscard]] std::string rendered(OutputForm form, const analysis::ReportContext& context,
                                   const std::vector<OperatingCharacteristics>& all) {
  if (form == OutputForm::json) return analysis::json(context, all);
  if (form == OutputForm::csv) return analysis::csv(context, all);
  return analysis::text(context, all);
}

[[nodiscard]] int run(const RunOptions& options) {
  check(options.output);
  const Rehearsal rehearsal = prepare(options.rehearsal, Expect::drop, options.play.quiet);
  const std::uint64_t seed = options.play.seed.value_or(rehearsal.study.scenario.seed);
  const std::uint64_t first_look = options.play.runs.value_or(kRuns);
  const std::uint64_t most =
      options.until ? std::max(first_look, options.runs_max.value_or(kRunsMax)) : first_look;

  Records records;
  std::vector<OperatingCharacteristics> found;
  Progress progress(rehearsal.study.scenario.name,
                    !options.play.quiet && !options.play.no_progress);
  std::vector<std::string> looks;
  for (std::uint64_t look = 1, goal = first_look;; ++look, goal = std::min(2 * goal, most)) {
    progress.expect(replications(rehearsal, goal));
    play(rehearsal,
         {.seed = seed,
          .runs = goal,
          .threads = options.play.threads,
          .progress = [&](std::uint64_t played) { progress.show(played); }},
         records);
    looks.push_back(std::to_string(records.runs()));
    found = results(rehearsal, records,
                    options.until ? confidence_at(options.confidence, look) : options.confidence);
    if (!options.until || records.interrupted || goal == most ||
        half_width(found) <= *options.until)
      break;
  }
  progress.clear();

  const sim::FidelityChoice fidelity = sim::choose_fidelity(rehearsal.field, *rehearsal.world);
  analysis::ReportContext context =
      context_of(rehearsal, {.seed = seed, .repro = repro(options, seed, first_look)});
  context.fidelity = to_string(fidelity.fidelity);
  if (!fidelity.reason.empty())
    context.notes.push_back(
        fmt::format("fidelity: auto took {}: {}", context.fidelity, fidelity.reason));
  if (options.until)
    context.notes.push_back(
        fmt::format("Half-widths of at most {:.6g} points were asked for; the widest is {:.3g}. "
                    "The intervals were "
                    "read after {} runs, the k-th time with 1/(k(k+1)) of the error, so that they "
                    "hold together "
                    "with {:.6g}%.",
                    100.0 * *options.until, 100.0 * half_width(found), fmt::join(looks, ", "),
                    100.0 * options.confidence));
  note_interruption(records, most, context);
  deliver(options.output, context, [&](OutputForm form) { return rendered(form, context, found); });

  if (records.interrupted) return kInterrupted;
  const std::vector<std::string> broken = violation_repros(options.rehearsal, seed, records);
  for (const std::string& command : broken) say("broken invariant; repro: " + command);
  return broken.empty() ? kAsExpected : kBroken;
}

}  // namespace

void add_run(CLI::App& app, int& status) {
  CLI::App& verb = *app.add_subcommand(
      "run", "Play one scenario many times; print its operating characteristics");
  const auto options = std::make_shared<RunOptions>();
  add_scenario_argument(verb, options->rehearsal);
  add_change_flags(verb, options->rehearsal);
  add_seed_flag(verb, options->play.seed);
  add_play_flags(verb, options->play, std::to_string(kRuns));
  add_share_flag(verb, "--confidence", options->confidence, "Of the intervals; default: 95%");
  add_share_flag(verb, "--until", options->until,
                 "Double the runs until the intervals of false-alarm rate and detection "
                 "probability are at most twice this wide");
  verb.add_option("--runs-max", options->runs_max,
                  fmt::format("Most runs with --until; default: {}", kRunsMax))
      ->type_name("N");
  add_output_flags(verb, options->output, "policy");
  verb.footer(
      "Several policies play in the same random worlds, in the order given. Where the\n"
      "candidate is harmful, its healthy twin is played as well.");
  verb.callback([options, &status] { status = run(*options); });
}

}  // namespace gatewright::cli
