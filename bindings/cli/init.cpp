// gatewright init: writes a first scenario and its policy; never over a file that is there.
#include <filesystem>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "bindings/cli/exit_status.h"
#include "bindings/cli/files.h"
#include "bindings/cli/problems.h"
#include "bindings/cli/terminal.h"
#include "bindings/cli/verbs.h"

namespace gatewright::cli {
namespace {

constexpr const char* kScenario = R"yaml(# yaml-language-server: $schema=scenario.schema.json
# The world in which the rollout is rehearsed. All keys: gatewright lint --effective {scenario}
gatewright: 1
name: {name}
about: >
  The candidate answers as well and as fast as the baseline, but spends 30% more per request.
seed: 1
horizon: 12h

traffic:
  profile: chat                        # token counts as in a public conversation trace
  arrivals: {{poisson: {{rate: 10/s}}}}
  users: {{count: 5000}}

baseline:
  price: {{model: gpt-4o-mini, input: $0.15/Mtok, output: $0.60/Mtok}}
  latency: {{ttft: {{lognormal: {{median: 350ms, sigma: 0.2}}}}, per_output_token: 15ms, timeout: 30s}}
  error: {{bernoulli: {{p: 1.5%}}}}
  refusal: {{bernoulli: {{p: 1%}}}}

candidate:
  like: baseline
  effects:
    - {{metric: cost, multiply: 1.30}}

telemetry: {{window: 1m, delay: {{lognormal: {{median: 20s, p95: 70s}}}}}}
rollback: {{actuation: policy_flip}}

policy: {policy}

expect:                                # decided by: gatewright check {scenario}
  confidence: 95%
  runs: 200
  as_written:
    detection_probability: {{at_least: 90%}}
  healthy_twin:
    false_alarm_rate: {{at_most: 10%}}
)yaml";

constexpr const char* kPolicy = R"yaml(# yaml-language-server: $schema=policy.schema.json
# How the candidate is let out, and what stops it. See the budget: gatewright lint {policy}
gatewright: 1
name: {name}_policy
policy: staged
false_alarm_budget: 5%                 # share of healthy rollouts that may be halted, all gates together
when_halted: rollback
every: 1m

stages:
  - {{name: shadow, mirrored: 5%, dwell: 60m}}
  - {{exposure: 1%, dwell: 30m, min_samples: 200}}
  - {{exposure: 10%, dwell: 30m}}
  - {{exposure: 50%, dwell: 30m}}
  - {{exposure: 100%, dwell: 60m}}

gates:
  - {{name: cost, metric: cost, harm: {{rises_by: 10%}}, test: {{normal_mixture: {{scale: log}}}}}}
  - {{name: latency, metric: latency, harm: {{rises_by: 25%}}, test: {{normal_mixture: {{scale: log}}}}}}
  - {{name: failures, metric: error_or_refusal, harm: {{ratio_above: 2x}}, test: {{beta_binomial_mixture: {{}}}}}}
)yaml";

/// Letters, digits and underscores of a file's name.
[[nodiscard]] std::string name_from(const std::filesystem::path& path) {
  std::string name;
  for (const char c : path.stem().string())
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

[[nodiscard]] int init(const std::string& file) {
  const std::filesystem::path scenario(file);
  if (scenario.extension() != ".yaml" && scenario.extension() != ".yml")
    throw UsageError("expected a name that ends in .yaml, got " + shell_quoted(file));
  const std::string name = name_from(scenario);
  const std::filesystem::path policy =
      scenario.parent_path() /
      (scenario.stem().string() + ".policy" + scenario.extension().string());
  for (const std::filesystem::path& path : {scenario, policy})
    if (std::filesystem::exists(path))
      throw UsageError(path.string() + " is there already and is not overwritten");

  create_file(policy.string(), fmt::format(kPolicy, fmt::arg("name", name),
                                           fmt::arg("policy", policy.filename().string())));
  create_file(scenario.string(), fmt::format(kScenario, fmt::arg("name", name),
                                             fmt::arg("scenario", scenario.filename().string()),
                                             fmt::arg("policy", policy.filename().string())));
  const auto folder = scenario.parent_path();
  print(
      fmt::format("wrote {} and {}\n"
                  "next:  gatewright run {}\n"
                  "       gatewright schema scenario > {}   # completion in editors\n",
                  scenario.string(), policy.string(), shell_quoted(scenario.string()),
                  shell_quoted((folder / "scenario.schema.json").string())));
  return kAsExpected;
}

}  // namespace

void add_init(CLI::App& app, int& status) {
  CLI::App& verb = *app.add_subcommand("init", "Write a first scenario and its policy");
  const auto file = std::make_shared<std::string>("rollout.yaml");
  verb.add_option("FILE", *file, "Where to; default: rollout.yaml. The policy stands beside it");
  verb.callback([file, &status] { status = init(*file); });
}

}  // namespace gatewright::cli
