// Flags that several verbs share, each defined once.
// Used by the verbs; checks what can be checked without a file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <CLI/App.hpp>

#include "bindings/cli/rehearsal.h"

namespace gatewright::cli {

/// SCENARIO.
void add_scenario_argument(CLI::App& verb, RehearsalOptions& options);
/// --policy, --set and --fidelity.
void add_change_flags(CLI::App& verb, RehearsalOptions& options);

struct PlayFlags {
  std::optional<std::uint64_t> seed;
  std::optional<std::uint64_t> runs;
  unsigned threads = 0;
  bool no_progress = false;
  bool quiet = false;
};
void add_seed_flag(CLI::App& verb, std::optional<std::uint64_t>& seed);
/// --runs, --threads, --no-progress, --quiet.
void add_play_flags(CLI::App& verb, PlayFlags& flags, const std::string& default_runs);

/// A flag that takes a share such as 95%, above 0% and below 100%.
void add_share_flag(CLI::App& verb, const std::string& name, double& share,
                    const std::string& about);
void add_share_flag(CLI::App& verb, const std::string& name, std::optional<double>& share,
                    const std::string& about);

}  // namespace gatewright::cli
