#include "bindings/cli/flags.h"

#include "scenarios/units.h"

namespace gatewright::cli {
namespace {

[[nodiscard]] double share_of(const std::string& flag, const std::string& text) {
  const std::optional<double> share = scenarios::kShare.parse(text);
  if (!share || *share <= 0.0 || *share >= 1.0)
    throw CLI::ValidationError(
        flag, "expected a share above 0% and below 100%, such as 95%, got " + text);
  return *share;
}

}  // namespace

void add_scenario_argument(CLI::App& verb, RehearsalOptions& options) {
  verb.add_option("SCENARIO", options.scenario, "The scenario file")->required();
}

void add_change_flags(CLI::App& verb, RehearsalOptions& options) {
  verb.add_option("--policy", options.policies,
                  "Policy file to play instead of the scenario's own; may be repeated")
      ->type_name("FILE")
      ->allow_extra_args(false);
  verb.add_option("--set", options.settings,
                  "Change one value, as in policy.gates.cost.harm.rises_by=30%; may be repeated")
      ->type_name("PATH=VALUE")
      ->allow_extra_args(false);
  verb.add_option_function<std::string>(
          "--fidelity",
          [&options](const std::string& name) { options.settings.push_back("fidelity=" + name); },
          "How finely to play: requests, windows or auto; default: the scenario's")
      ->type_name("NAME");
}

void add_seed_flag(CLI::App& verb, std::optional<std::uint64_t>& seed) {
  verb.add_option("--seed", seed, "Which random worlds; default: the scenario's")->type_name("S");
}

void add_play_flags(CLI::App& verb, PlayFlags& flags, const std::string& default_runs) {
  verb.add_option("--runs", flags.runs, "Replications; default: " + default_runs)
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}));
  verb.add_option("--threads", flags.threads,
                  "Threads; default: one per processor. Results do not depend on it")
      ->type_name("N")
      ->check(CLI::Range(0U, 4096U));
  verb.add_flag("--quiet", flags.quiet, "Neither progress nor warnings");
  verb.add_flag("--no-progress", flags.no_progress, "No progress bar");
}

void add_share_flag(CLI::App& verb, const std::string& name, double& share,
                    const std::string& about) {
  verb.add_option_function<std::string>(
          name, [name, &share](const std::string& text) { share = share_of(name, text); }, about)
      ->type_name("SHARE");
}

void add_share_flag(CLI::App& verb, const std::string& name, std::optional<double>& share,
                    const std::string& about) {
  verb.add_option_function<std::string>(
          name, [name, &share](const std::string& text) { share = share_of(name, text); }, about)
      ->type_name("SHARE");
}

}  // namespace gatewright::cli
