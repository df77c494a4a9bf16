// Problems of files and flags as people, editors and CI read them.
// Used by every verb that loads something; decides nothing.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "policies/diagnostic.h"

namespace gatewright::cli {

/// A wrong flag or file: ends the verb with status 2 and this message.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Files with errors in them, which have been said already: ends the verb with status 2.
struct InputError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// "x.yaml:12:17: error: gates.cost.harm: expected ...", without what is unknown.
[[nodiscard]] std::string line_of(const Diagnostic& diagnostic);

/// "2 problems in x.yaml", "no problems in x.yaml, 3 notes".
[[nodiscard]] std::string summary(const Diagnostics& diagnostics, const std::string& file);

/// Says errors, and warnings unless `quiet`, on stderr; throws InputError if there is an error.
void report(const Diagnostics& diagnostics, const std::string& file, bool quiet);

[[nodiscard]] std::string_view to_string(Severity severity) noexcept;

/// A workflow command of GitHub Actions: "::error file=F,line=L::MESSAGE".
[[nodiscard]] std::string github_annotation(const Diagnostic& diagnostic, std::string_view title);
/// Whether the process runs in GitHub Actions.
[[nodiscard]] bool is_github_actions();

}  // namespace gatewright::cli
