// The verbs of the command line, one file each.
// Used by main; a verb adds its flags to the application and, when chosen, sets the exit status.
#pragma once

#include <CLI/App.hpp>

namespace gatewright::cli {

void add_run(CLI::App& app, int& status);
void add_explain(CLI::App& app, int& status);
void add_compare(CLI::App& app, int& status);
void add_sweep(CLI::App& app, int& status);
void add_check(CLI::App& app, int& status);
void add_guard(CLI::App& app, int& status);
void add_calibrate(CLI::App& app, int& status);
void add_replay(CLI::App& app, int& status);
void add_lint(CLI::App& app, int& status);
void add_init(CLI::App& app, int& status);
void add_fit(CLI::App& app, int& status);
void add_aa(CLI::App& app, int& status);
void add_floor(CLI::App& app, int& status);
void add_schema(CLI::App& app, int& status);
void add_swarm(CLI::App& app, int& status);

}  // namespace gatewright::cli
