// Where a report goes: stdout as text, JSON or CSV, and files.
// Used by the verbs that print reports; knows nothing of what they say.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "analysis/report.h"

namespace gatewright::cli {

struct OutputFlags {
  bool json = false, csv = false;
  std::vector<std::string> files;
};

enum class OutputForm : std::uint8_t { text, json, csv };

/// --json, --csv, -o; `rows` says what the rows of the table are.
void add_output_flags(CLI::App& verb, OutputFlags& flags, const std::string& rows);
/// Throws UsageError where flags contradict each other or a file's name says no form.
void check(const OutputFlags& flags);
/// Prints, and writes the files. `rendered` makes the report in a form, in the context's colours: files
/// have none.
void deliver(const OutputFlags& flags, analysis::ReportContext& context,
             const std::function<std::string(OutputForm form)>& rendered);

}  // namespace gatewright::cli
