#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "analysis/csv.h"
#include "analysis/report.h"

namespace gatewright::analysis {
std::string csv(const ReportContext& context,
                const std::vector<OperatingCharacteristics>& results) {
  std::vector<std::string> names;
  for (const OperatingCharacteristics& result : results)
    for (const Column& column : result.columns)
      if (std::ranges::find(names, column.name) == names.end()) names.push_back(column.name);

  std::string table = "scenario,policy,fidelity,seed,runs,confidence,violations,fingerprint";
  for (const std::string& name : names)
    table += fmt::format(",{},{},{}", csv_field(name), csv_field(name + "_lower"),
                         csv_field(name + "_upper"));
  table += "\r\n";
  for (const OperatingCharacteristics& result : results) {
    table += fmt::format("{},{},{},{},{},{},{},{:016x}", csv_field(context.scenario),
                         csv_field(result.policy), csv_field(context.fidelity), context.seed,
                         result.runs, result.confidence, result.violations, result.fingerprint);
    for (const std::string& name : names) {
      table += csv_estimate(result.find(name));
    }
    table += "\r\n";
  }
  return table;
}

}  // namespace gatewright::analysis
