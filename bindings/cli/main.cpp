// The command line of gatewright: finds the verb, runs it, turns failures into exit statuses.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "bindings/cli/exit_status.h"
#include "bindings/cli/files.h"
#include "bindings/cli/help.h"
#include "bindings/cli/problems.h"
#include "bindings/cli/terminal.h"
#include "bindings/cli/verbs.h"
#include "scenarios/text.h"

namespace {

constexpr const char* kAbout =
    "Rehearses the rollout of a new AI model: how often a policy halts a healthy\n"
    "candidate, when it halts a harmful one, and what that costs users.";
constexpr const char* kExitStatus =
    "Exit status: 0 all is as expected; 1 the tool failed; 2 a file or flag is wrong;\n"
    "97 a broken invariant, or a run that is not reproducible; 98 undecided, with\n"
    "--strict; 99 an expectation is violated; 130 interrupted.";

/// CLI11 would only say that a verb is missing.
void refuse_unknown_verb(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands({})) verbs.push_back(verb->get_name());
  if (std::ranges::count(verbs, argv[1]) > 0) return;
  throw gatewright::cli::UsageError("there is no verb " + gatewright::cli::shell_quoted(argv[1]) +
                                    gatewright::scenarios::hint(argv[1], verbs));
}

int run(int argc, char** argv) {
  using namespace gatewright::cli;
  CLI::App app(kAbout, "gatewright");
  app.set_version_flag("--version", "gatewright " GATEWRIGHT_VERSION, "Print the version");
  app.set_help_flag("-h,--help", "Print this help");
  app.require_subcommand(1);
  app.formatter(std::make_shared<Help>());

  int status = kAsExpected;
  add_run(app, status);
  add_explain(app, status);
  add_compare(app, status);
  add_sweep(app, status);
  add_check(app, status);
  add_guard(app, status);
  add_calibrate(app, status);
  add_replay(app, status);
  add_lint(app, status);
  add_init(app, status);
  add_fit(app, status);
  add_aa(app, status);
  add_floor(app, status);
  add_schema(app, status);
  add_swarm(app, status);
  app.footer(kExitStatus);  // last, so that verbs do not repeat it

  const auto fail = [&app](const std::string& message) {
    const auto chosen = app.get_subcommands();
    const std::string verb = chosen.empty() ? "" : " " + chosen.front()->get_name();
    say("gatewright" + verb + ": " + message);
    return "try: gatewright" + verb + " --help";
  };
  try {
    refuse_unknown_verb(app, argc, argv);
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    app.exit(success);
  } catch (const CLI::ParseError& error) {
    say(fail(error.what()));
    return kBadInput;
  } catch (const UsageError& error) {
    (void)fail(error.what());
    return kBadInput;
  } catch (const InputError&) {
    return kBadInput;
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    say("gatewright: standard output cannot be written");
    return kToolFailed;
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    gatewright::cli::say(std::string("gatewright: ") + error.what());
    return gatewright::cli::kToolFailed;
  }
}
