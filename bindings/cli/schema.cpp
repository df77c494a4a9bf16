// gatewright schema: prints the JSON Schema of scenario or policy files.
#include "scenarios/schema.h"

#include <memory>
#include <string>

#include "bindings/cli/exit_status.h"
#include "bindings/cli/terminal.h"
#include "bindings/cli/verbs.h"

namespace gatewright::cli {

void add_schema(CLI::App& app, int& status) {
  CLI::App& verb =
      *app.add_subcommand("schema", "Print the JSON Schema (draft-07) of scenarios or policies");
  const auto kind = std::make_shared<std::string>("scenario");
  verb.add_option("KIND", *kind, "scenario (the default) or policy")
      ->check(CLI::IsMember({"scenario", "policy"}));
  verb.callback([kind, &status] {
    print(*kind == "policy" ? scenarios::policy_schema() : scenarios::scenario_schema());
    status = kAsExpected;
  });
}

}  // namespace gatewright::cli
