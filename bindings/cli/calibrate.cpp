// gatewright calibrate: false alarms and detection of each gate over its threshold, from one recording.
#include "analysis/calibration.h"

#include <algorithm>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "bindings/cli/exit_status.h"
#include "bindings/cli/flags.h"
#include "bindings/cli/outputs.h"
#include "bindings/cli/problems.h"
#include "bindings/cli/progress.h"
#include "bindings/cli/rehearsal.h"
#include "bindings/cli/terminal.h"
#include "bindings/cli/verbs.h"
#include "policies/compile.h"
#include "scenarios/text.h"
#include "scenarios/units.h"

namespace gatewright::cli {
namespace {

constexpr std::uint64_t kRuns = 400;
constexpr std::size_t kPoints = 1'000;
constexpr double kBudget = 0.05;

struct CalibrateOptions {
  RehearsalOptions rehearsal;
  PlayFlags play;
  std::vector<std::string> gates;
  std::optional<double> from, to;
  std::size_t points = kPoints;
  std::optional<double> budget;
  double confidence = 0.95;
  bool no_validation = false;
  OutputFlags output;
};

[[nodiscard]] std::vector<std::size_t> chosen_gates(const CalibrateOptions& options,
                                                    const PlanSpec& plan) {
  std::vector<std::string> names;
  for (const GateSpec& gate : plan.gates) names.push_back(gate.name);
  std::vector<std::size_t> chosen;
  for (const std::string& name : options.gates) {
    const auto found = std::ranges::find(names, name);
    if (found == names.end())
      throw UsageError("--gate: there is no gate " + shell_quoted(name) +
                       scenarios::hint(name, names));
    chosen.push_back(static_cast<std::size_t>(found - names.begin()));
  }
  if (!options.gates.empty()) return chosen;
  chosen = analysis::halting_gates(plan);
  if (chosen.empty()) throw UsageError("the policy has no gate that can halt a rollout");
  return chosen;
}

void check(const CalibrateOptions& options) {
  if (options.rehearsal.policies.size() > 1)
    throw UsageError("--policy: one policy at a time, got several");
  if (options.from.has_value() != options.to.has_value())
    throw UsageError("--from and --to belong together");
  if (options.from && !(*options.from < *options.to))
    throw UsageError(
        fmt::format("expected --from below --to, got {} and {}", *options.from, *options.to));
  check(options.output);
}

[[nodiscard]] std::vector<double> thresholds(const CalibrateOptions& options) {
  std::vector<double> values;
  if (!options.from) return values;
  for (std::size_t i = 0; i < options.points; ++i) {
    const double part =
        options.points > 1 ? static_cast<double>(i) / static_cast<double>(options.points - 1) : 0.0;
    values.push_back(*options.from + part * (*options.to - *options.from));
  }
  return values;
}

[[nodiscard]] std::string repro(const CalibrateOptions& options, std::uint64_t seed,
                                std::uint64_t runs) {
  std::vector<std::string> words{"gatewright", "calibrate"};
  std::ranges::copy(arguments(options.rehearsal), std::back_inserter(words));
  for (const std::string& gate : options.gates) words.insert(words.end(), {"--gate", gate});
  if (options.from)
    words.insert(words.end(), {"--from", fmt::format("{}", *options.from), "--to",
                               fmt::format("{}", *options.to)});
  if (options.points != kPoints)
    words.insert(words.end(), {"--points", std::to_string(options.points)});
  if (options.budget)
    words.insert(words.end(), {"--budget", scenarios::kShare.format(*options.budget)});
  if (options.confidence != 0.95)
    words.insert(words.end(), {"--confidence", scenarios::kShare.format(options.confidence)});
  if (options.no_validation) words.emplace_back("--no-validation");
  words.insert(words.end(), {"--seed", std::to_string(seed), "--runs", std::to_string(runs)});
  return command_line(words);
}

/// The rehearsal with its policy watching instead of halting.
[[nodiscard]] Rehearsal prepared(const CalibrateOptions& options) {
  Rehearsal rehearsal = prepare(options.rehearsal, Expect::drop, options.play.quiet);
  const PlanSpec& plan = rehearsal.study.plan;
  if (const std::string reason = analysis::why_not_recordable(plan); !reason.empty())
    throw UsageError(plan.name + ": " + reason);
  const Compiled watching = compile(plan, GateAuthority::watching);
  rehearsal.field = {{.name = plan.name,
                      .engine = *watching.engine,
                      .assignment = plan.assignment,
                      .plan = std::make_shared<const PlanSpec>(plan)}};
  return rehearsal;
}

[[nodiscard]] analysis::CurveRuns runs_of(const Rehearsal& rehearsal, const Records& records) {
  const auto& written = records.as_written_thresholds.front();
  if (!rehearsal.is_harmful) return {.healthy = written, .harmful = {}};
  return {.healthy = records.healthy_twin_thresholds.front(), .harmful = written};
}

[[nodiscard]] std::string rendered(OutputForm form, const analysis::ReportContext& context,
                                   const analysis::Calibration& calibration) {
  if (form == OutputForm::json) return analysis::json(context, calibration);
  if (form == OutputForm::csv) return analysis::csv(calibration);
  return analysis::text(context, calibration);
}

[[nodiscard]] int run(const CalibrateOptions& options) {
  check(options);
  const Rehearsal rehearsal = prepared(options);
  const PlanSpec& plan = rehearsal.study.plan;
  const std::uint64_t seed = options.play.seed.value_or(rehearsal.study.scenario.seed);
  const std::uint64_t runs = options.play.runs.value_or(kRuns);
  analysis::CalibrationQuestion question{
      .plan_budget = options.budget.value_or(plan.false_alarm_budget.value_or(kBudget)),
      .confidence = options.confidence,
      .gates = chosen_gates(options, plan),
      .points = options.points,
      .thresholds = thresholds(options)};

  Progress progress(rehearsal.study.scenario.name,
                    !options.play.quiet && !options.play.no_progress);
  const std::uint64_t rounds = options.no_validation ? 1 : 2;
  progress.expect(rounds * replications(rehearsal, runs));
  Records records, fresh;
  const auto record = [&](std::uint64_t round, Records& into) {
    play(rehearsal,
         {.seed = seed,
          .first_replication = round * runs,
          .runs = runs,
          .threads = options.play.threads,
          .progress =
              [&](std::uint64_t played) {
                progress.show(round * replications(rehearsal, runs) + played);
              },
          .thresholds = true},
         into);
  };
  record(0, records);
  if (records.runs() == 0) {
    progress.clear();
    say("interrupted before the first run was finished");
    return kInterrupted;
  }
  analysis::Calibration calibration =
      analysis::calibrate(runs_of(rehearsal, records), plan, question);
  analysis::note_tuning(plan, *rehearsal.world, seed, calibration);
  const bool has_choice = std::ranges::any_of(
      calibration.gates,
      [](const analysis::CalibratedGate& gate) { return gate.choice.has_value(); });
  if (!options.no_validation && has_choice && !records.interrupted) {
    record(1, fresh);
    if (fresh.runs() > 0) analysis::validate(runs_of(rehearsal, fresh), plan, calibration);
  }
  progress.clear();

  analysis::ReportContext context =
      context_of(rehearsal, {.seed = seed, .repro = repro(options, seed, runs)});
  note_interruption(records, runs, context);
  deliver(options.output, context,
          [&](OutputForm form) { return rendered(form, context, calibration); });
  if (records.interrupted || fresh.interrupted) return kInterrupted;
  return kAsExpected;
}

}  // namespace

void add_calibrate(CLI::App& app, int& status) {
  CLI::App& verb = *app.add_subcommand(
      "calibrate", "Draw each gate's false alarms and detection over its threshold");
  const auto options = std::make_shared<CalibrateOptions>();
  add_scenario_argument(verb, options->rehearsal);
  add_change_flags(verb, options->rehearsal);
  verb.add_option("--gate", options->gates,
                  "Of this gate only; may be repeated; default: all that can halt")
      ->type_name("NAME")
      ->allow_extra_args(false);
  verb.add_option("--from", options->from,
                  "Least threshold: a margin as the gate compares it (1.2 is rises_by: 20%), or a "
                  "share of the evidence needed; default: what the runs reached")
      ->type_name("T");
  verb.add_option("--to", options->to, "Greatest threshold")->type_name("T");
  verb.add_option("--points", options->points, fmt::format("Of each curve; default: {}", kPoints))
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000));
  add_share_flag(verb, "--budget", options->budget,
                 "False alarms that the plan may raise; default: its false_alarm_budget, or 5%");
  add_share_flag(verb, "--confidence", options->confidence, "Of the intervals; default: 95%");
  verb.add_flag("--no-validation", options->no_validation,
                "Do not play the chosen thresholds again in as many fresh worlds");
  add_seed_flag(verb, options->play.seed);
  add_play_flags(verb, options->play, std::to_string(kRuns));
  add_output_flags(verb, options->output, "gate and threshold");
  verb.footer(
      "The plan is played once with its gates watching; the running maximum of each\n"
      "gate's evidence then says when any threshold would have halted it.");
  verb.callback([options, &status] { status = run(*options); });
}

}  // namespace gatewright::cli
