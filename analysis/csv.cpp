#include "analysis/csv.h"

#include <cmath>

#include <fmt/format.h>

namespace gatewright::analysis {

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string field = "\"";
  for (const char c : text) field += c == '"' ? "\"\"" : std::string(1, c);
  return field + '"';
}

std::string csv_number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : std::string();
}

std::string csv_estimate(const Estimate* estimate) {
  if (estimate == nullptr) return ",,,";
  return fmt::format(",{},{},{}", csv_number(estimate->value), csv_number(estimate->lower),
                     csv_number(estimate->upper));
}

}  // namespace gatewright::analysis
