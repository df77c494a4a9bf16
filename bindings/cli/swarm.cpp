// gatewright swarm: plays random worlds and plans, with faults and without; looks for broken invariants.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bindings/cli/exit_status.h"
#include "bindings/cli/files.h"
#include "bindings/cli/flags.h"
#include "bindings/cli/interrupt.h"
#include "bindings/cli/progress.h"
#include "bindings/cli/terminal.h"
#include "bindings/cli/verbs.h"
#include "policies/probe_mark.h"
#include "scenarios/load.h"
#include "sim/swarm/random_world.h"
#include "sim/swarm/swarm.h"

namespace gatewright::cli {
namespace {

using sim::Finding;
using sim::Guise;
using sim::SwarmReport;

struct SwarmFlags {
  sim::SwarmOptions swarm;
  std::string keep;
  bool require_probes = false;
  bool json = false;
  bool no_progress = false;
};

[[nodiscard]] std::string repro(const SwarmFlags& flags, std::uint64_t world) {
  return command_line({"gatewright", "swarm", "--worlds", "1", "--first", std::to_string(world),
                       "--seed", std::to_string(flags.swarm.seed)});
}

/// A world in one guise, written as a scenario file; returns where.
[[nodiscard]] std::string keep(const SwarmFlags& flags, std::uint64_t index, Guise guise) {
  sim::RandomWorld world = sim::random_world({flags.swarm.seed, index}, guise);
  const auto file =
      std::filesystem::path(flags.keep) /
      fmt::format("seed_{}_world_{}_{}.yaml", flags.swarm.seed, index, sim::to_string(guise));
  write_file(file.string(), scenarios::effective({.scenario = std::move(world.scenario),
                                                  .plan = std::move(world.plan),
                                                  .expectations = {},
                                                  .other_plans = {}}));
  return file.string();
}

/// Writes the worlds that broke something, or the only one in all its guises; returns the file of
/// each finding.
[[nodiscard]] std::vector<std::string> keep(const SwarmFlags& flags, const SwarmReport& report) {
  std::vector<std::string> files(report.findings.size());
  if (flags.keep.empty()) return files;
  std::filesystem::create_directories(flags.keep);
  if (flags.swarm.worlds == 1)
    for (const Guise guise : {Guise::faulty, Guise::healthy, Guise::harmful})
      (void)keep(flags, flags.swarm.first, guise);
  for (std::size_t i = 0; i < files.size(); ++i) {
    const Finding& finding = report.findings[i];
    const bool is_kept = i > 0 && report.findings[i - 1].world == finding.world &&
                         report.findings[i - 1].guise == finding.guise;
    files[i] = is_kept ? files[i - 1] : keep(flags, finding.world, finding.guise);
  }
  return files;
}

[[nodiscard]] std::vector<ProbeCount> never_reached(const std::vector<ProbeCount>& probes) {
  std::vector<ProbeCount> missed;
  std::ranges::copy_if(probes, std::back_inserter(missed),
                       [](const ProbeCount& probe) { return probe.reached == 0; });
  return missed;
}

[[nodiscard]] std::string json_of(const SwarmFlags& flags, const SwarmReport& report,
                                  const std::vector<std::string>& files,
                                  const std::vector<ProbeCount>& probes) {
  using Json = nlohmann::ordered_json;
  Json whole = {{"seed", flags.swarm.seed}, {"first", flags.swarm.first},
                {"worlds", report.worlds},  {"interrupted", report.interrupted},
                {"steps", report.steps},    {"requests", report.requests}};
  for (std::size_t guise = 0; guise < sim::kGuises; ++guise)
    for (std::size_t outcome = 0; outcome < report.outcomes[guise].size(); ++outcome)
      whole["outcomes"][std::string(sim::to_string(static_cast<Guise>(guise)))]
           [std::string(sim::to_string(static_cast<sim::Outcome>(outcome)))] =
               report.outcomes[guise][outcome];
  whole["completions_owed"] = report.completions_owed;
  whole["halts_owed"] = report.halts_owed;
  whole["played_twice"] = report.played_twice;
  whole["false_alarms"] = {{"rollouts", report.false_alarms.rollouts()},
                           {"alarms", report.false_alarms.alarms()},
                           {"allowed", report.false_alarms.allowed()}};
  whole["e_values"] = Json::object();
  for (const auto& [test, check] : report.e_values)
    whole["e_values"][test] = {{"worlds", check.count()}, {"mean", check.mean()}};
  whole["violations"] = Json::array();
  for (std::size_t i = 0; i < report.findings.size(); ++i) {
    const Finding& finding = report.findings[i];
    whole["violations"].push_back({{"invariant", finding.violation.invariant},
                                   {"world", finding.world},
                                   {"guise", std::string(sim::to_string(finding.guise))},
                                   {"step", finding.violation.step},
                                   {"message", finding.violation.message},
                                   {"file", files[i].empty() ? Json(nullptr) : Json(files[i])},
                                   {"repro", repro(flags, finding.world)}});
  }
  for (const sim::Violation& violation : report.violations)
    whole["violations"].push_back(
        {{"invariant", violation.invariant}, {"message", violation.message}});
  whole["probes"] = Json::object();
  for (const ProbeCount& probe : probes) whole["probes"][std::string(probe.reason)] = probe.reached;
  return whole.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

[[nodiscard]] std::string text_of(const SwarmFlags& flags, const SwarmReport& report,
                                  const std::vector<std::string>& files,
                                  const std::vector<ProbeCount>& probes) {
  std::string text =
      fmt::format("{} worlds from {} on, seed {}: {} steps, {} requests\n", report.worlds,
                  flags.swarm.first, flags.swarm.seed, report.steps, report.requests);
  for (std::size_t guise = 0; guise < sim::kGuises; ++guise)
    text += fmt::format("  {:8} {:7} halted {:7} completed {:7} unfinished\n",
                        sim::to_string(static_cast<Guise>(guise)), report.outcomes[guise][0],
                        report.outcomes[guise][1], report.outcomes[guise][2]);
  text += fmt::format("  owed: {} completions of healthy candidates, {} halts of harmful ones\n",
                      report.completions_owed, report.halts_owed);
  text += fmt::format("  S11:  ");
  for (const auto& [test, check] : report.e_values)
    text += fmt::format("{} mean e-value {:.3f} of {}; ", test, check.mean(), check.count());
  text += fmt::format("\n  S12:  {} false alarms in {} rollouts whose budgets allow {:.1f}\n",
                      report.false_alarms.alarms(), report.false_alarms.rollouts(),
                      report.false_alarms.allowed());
  text += fmt::format("  S13:  {} worlds played by one thread and by two\n", report.played_twice);
  const std::vector<ProbeCount> missed = never_reached(probes);
  text += fmt::format("  probes: {} of {} reached\n", probes.size() - missed.size(), probes.size());
  for (const ProbeCount& probe : missed) text += fmt::format("  never reached: {}\n", probe.reason);
  for (std::size_t i = 0; i < report.findings.size(); ++i) {
    const Finding& finding = report.findings[i];
    text += fmt::format("{} broken in world {} ({}) at step {}: {}\n", finding.violation.invariant,
                        finding.world, sim::to_string(finding.guise), finding.violation.step,
                        finding.violation.message);
    if (!files[i].empty()) text += fmt::format("  world: {}\n", files[i]);
    text += fmt::format("  repro: {}\n", repro(flags, finding.world));
  }
  for (const sim::Violation& violation : report.violations)
    text += fmt::format("{} broken: {}\n", violation.invariant, violation.message);
  if (report.interrupted)
    text += fmt::format("interrupted; go on with --first {} --worlds {}\n",
                        flags.swarm.first + report.worlds, flags.swarm.worlds - report.worlds);
  return text;
}

[[nodiscard]] int play(SwarmFlags& flags) {
  Progress progress("swarm", !flags.no_progress);
  progress.expect(flags.swarm.worlds);
  flags.swarm.progress = [&](std::uint64_t done) { progress.show(done); };
  flags.swarm.stop = &watch_for_interrupt();
  count_probes(true);
  const SwarmReport report = sim::play_swarm(flags.swarm);
  count_probes(false);
  progress.clear();
  const std::vector<ProbeCount> probes = probe_counts();
  const std::vector<std::string> files = keep(flags, report);
  print(flags.json ? json_of(flags, report, files, probes) : text_of(flags, report, files, probes));
  if (report.is_broken()) return kBroken;
  if (report.interrupted) return kInterrupted;
  return flags.require_probes && !never_reached(probes).empty() ? kBroken : kAsExpected;
}

}  // namespace

void add_swarm(CLI::App& app, int& status) {
  CLI::App& verb = *app.add_subcommand(
      "swarm", "Play random worlds and plans with and without faults; look for broken invariants");
  const auto flags = std::make_shared<SwarmFlags>();
  verb.add_option("--worlds", flags->swarm.worlds, "Worlds to play; default: 10000")
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}));
  verb.add_option("--first", flags->swarm.first,
                  "Index of the first world; goes on where another swarm stopped; default: 0")
      ->type_name("N");
  verb.add_option("--seed", flags->swarm.seed, "Seed of all worlds; default: 1")->type_name("N");
  verb.add_option("--threads", flags->swarm.threads,
                  "Threads; default: one per processor. Results do not depend on it")
      ->type_name("N")
      ->check(CLI::Range(0U, 4096U));
  verb.add_option("--keep", flags->keep,
                  "Write the worlds that broke something into this folder; a single one anyway")
      ->type_name("DIR");
  verb.add_flag("--require-probes", flags->require_probes,
                "Exit status 97 as well if a marked branch was never reached");
  verb.add_flag("--json", flags->json, "Print one JSON object");
  verb.add_flag("--no-progress", flags->no_progress, "No progress bar");
  verb.footer(
      "Each world is played with everything drawn for it, and safety is required; then\n"
      "without faults, with a healthy and with a very harmful candidate, and they must\n"
      "end as they should. World I of seed S is always the same. Exit status 97 if an\n"
      "invariant is broken.");
  verb.callback([flags, &status] { status = play(*flags); });
}

}  // namespace gatewright::cli
