#include <algorithm>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "analysis/report.h"

namespace gatewright::analysis {
namespace {

[[nodiscard]] std::string quoted(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string field = "\"";
  for (const char c : text) field += c == '"' ? "\"\"" : std::string(1, c);
  return field + '"';
}

/// The shortest text that reads back as the same double.
[[nodiscard]] std::string finite(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : std::string();
}

}  // namespace

std::string csv(const ReportContext& context,
                const std::vector<OperatingCharacteristics>& results) {
  std::vector<std::string> names;
  for (const OperatingCharacteristics& result : results)
    for (const Column& column : result.columns)
      if (std::ranges::find(names, column.name) == names.end()) names.push_back(column.name);

  std::string table = "scenario,policy,fidelity,seed,runs,confidence,violations,fingerprint";
  for (const std::string& name : names)
    table +=
        fmt::format(",{},{},{}", quoted(name), quoted(name + "_lower"), quoted(name + "_upper"));
  table += "\r\n";
  for (const OperatingCharacteristics& result : results) {
    table += fmt::format("{},{},{},{},{},{},{},{:016x}", quoted(context.scenario),
                         quoted(result.policy), quoted(context.fidelity), context.seed, result.runs,
                         result.confidence, result.violations, result.fingerprint);
    for (const std::string& name : names) {
      const Estimate* estimate = result.find(name);
      table += estimate == nullptr ? ",,,"
                                   : fmt::format(",{},{},{}", finite(estimate->value),
                                                 finite(estimate->lower), finite(estimate->upper));
    }
    table += "\r\n";
  }
  return table;
}

}  // namespace gatewright::analysis
