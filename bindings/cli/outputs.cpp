#include "bindings/cli/outputs.h"

#include <filesystem>
#include <optional>

#include "bindings/cli/files.h"
#include "bindings/cli/problems.h"
#include "bindings/cli/terminal.h"

namespace gatewright::cli {
namespace {

[[nodiscard]] std::optional<OutputForm> form_of(const std::string& file) {
  const std::string extension = std::filesystem::path(file).extension().string();
  if (extension == ".json") return OutputForm::json;
  if (extension == ".csv") return OutputForm::csv;
  if (extension == ".txt") return OutputForm::text;
  return std::nullopt;
}

}  // namespace

void add_output_flags(CLI::App& verb, OutputFlags& flags, const std::string& rows) {
  verb.add_flag("--json", flags.json, "Print one JSON object");
  verb.add_flag("--csv", flags.csv, "Print a header and one row per " + rows);
  verb.add_option("-o,--output", flags.files,
                  "Also write a file: .json, .csv or .txt; may be repeated")
      ->type_name("FILE")
      ->allow_extra_args(false);
}

void check(const OutputFlags& flags) {
  if (flags.json && flags.csv) throw UsageError("--json and --csv exclude each other");
  for (const std::string& file : flags.files)
    if (!form_of(file))
      throw UsageError("-o " + file + ": expected a name that ends in .json, .csv or .txt");
}

void deliver(const OutputFlags& flags, analysis::ReportContext& context,
             const std::function<std::string(OutputForm form)>& rendered) {
  print(rendered(flags.json ? OutputForm::json : flags.csv ? OutputForm::csv : OutputForm::text));
  context.colour = false;
  for (const std::string& file : flags.files) write_file(file, rendered(*form_of(file)));
}

}  // namespace gatewright::cli
