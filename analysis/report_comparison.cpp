#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/comparison.h"
#include "analysis/csv.h"
#include "analysis/estimate_json.h"
#include "analysis/layout.h"

namespace gatewright::analysis {
namespace {

using Json = nlohmann::ordered_json;

/// Columns of the page.
constexpr std::size_t kName = 29;
constexpr std::size_t kValue = 11;
constexpr std::size_t kDifference = 11;

[[nodiscard]] std::string label(const Difference& difference) {
  std::string text = difference.name;
  if (text.ends_with("_mean")) text.resize(text.size() - 5);
  if (text.ends_with("_usd")) text.resize(text.size() - 4);
  if (text.ends_with("_hours")) text.resize(text.size() - 6);
  if (text.starts_with("detection_delay")) text = "detection_delay";
  std::ranges::replace(text, '_', ' ');
  return text;
}

/// With its sign; shares in points.
[[nodiscard]] std::string signed_text(const Difference& difference) {
  const Estimate& estimate = difference.difference;
  if (!std::isfinite(estimate.value)) return "-";
  const bool is_share = difference.unit == "%";
  const double value = is_share ? 100.0 * estimate.value : estimate.value;
  const int decimals = is_share ? share_decimals(estimate.runs) : decimals_of(estimate);
  const std::string digits = number(std::abs(value), decimals);
  const bool is_zero = digits.find_first_not_of("0.,") == std::string::npos;
  return (is_zero ? "" : value < 0.0 ? "-" : "+") + digits;
}

[[nodiscard]] std::string p_text(double p) {
  return p < 0.001 ? std::string("p < 0.001") : fmt::format("p = {:.3f}", p);
}

/// Whether the interval lies on one side of 0.
[[nodiscard]] bool is_clear(const Estimate& difference) {
  return difference.runs > 0 && (difference.lower > 0.0 || difference.upper < 0.0);
}

}  // namespace

std::string text(const ReportContext& context, const std::vector<Comparison>& comparisons) {
  const Style style{.colour = context.colour, .unicode = context.unicode};
  std::string page = style.bold(cut(context.scenario, kPageWidth, context.unicode)) + "\n";
  const auto paragraph = [&](std::string_view words, std::size_t indent) {
    for (const std::string& part : wrapped(words, kPageWidth - indent))
      page += std::string(indent, ' ') + part + "\n";
  };
  paragraph(context.sentence, 0);
  for (const std::string& note : context.notes) paragraph(note, 2);
  for (const Comparison& pair : comparisons) {
    page += "\n";
    paragraph(fmt::format("A {}", pair.first), 0);
    paragraph(fmt::format("B {}", pair.second), 0);
    page += style.rule(kPageWidth) + "\n";
    page += style.bold("  " + left("", kName) + right("A", kValue) + right("B", kValue) +
                       right("B - A", kDifference)) +
            style.dim(fmt::format("  {:.4g}% interval", 100.0 * pair.confidence)) + "\n";
    for (const Difference& each : pair.differences) {
      if (each.difference.runs == 0) continue;
      std::string name = label(each);
      if (each.difference.runs < pair.runs) name += fmt::format(" ({})", each.difference.runs);
      const std::string shown = left(right(signed_text(each), kDifference), kDifference);
      page += "  " + left(cut(name, kName, context.unicode), kName) +
              right(value_text(each.first, each.unit), kValue) +
              right(value_text(each.second, each.unit), kValue) +
              (is_clear(each.difference) ? style.bold(shown) : shown) + "  " +
              style.dim(interval_text(each.difference, each.unit)) + "\n";
      if (each.p_value)
        page += "  " + left("", kName + 2 * kValue + kDifference) + "  " +
                style.dim(p_text(*each.p_value)) + "\n";
    }
  }
  page += "\n";
  paragraph(
      "Every run plays all policies in one random world, so each row is about differences within "
      "runs: of shares by Tango's score interval and McNemar's exact test, of means by Student's "
      "t. "
      "A number in brackets is how many runs bear on the row under both policies.",
      0);
  page += "\n" +
          style.dim(fmt::format("fidelity {}, {} runs, seed {}", context.fidelity,
                                comparisons.empty() ? 0 : comparisons.front().runs, context.seed)) +
          "\n" + style.dim("repro: " + context.repro) + "\n";
  return page;
}

std::string json(const ReportContext& context, const std::vector<Comparison>& comparisons) {
  Json pairs = Json::array();
  for (const Comparison& pair : comparisons) {
    Json numbers = Json::object();
    for (const Difference& each : pair.differences)
      numbers[each.name] = {{"first", json_of(each.first)},
                            {"second", json_of(each.second)},
                            {"difference", json_of(each.difference)},
                            {"p_value", each.p_value ? Json(*each.p_value) : Json(nullptr)}};
    pairs.push_back({{"first", pair.first},
                     {"second", pair.second},
                     {"runs", pair.runs},
                     {"confidence", pair.confidence},
                     {"columns", std::move(numbers)}});
  }
  const Json whole = {{"scenario", context.scenario}, {"sentence", context.sentence},
                      {"notes", context.notes},       {"fidelity", context.fidelity},
                      {"seed", context.seed},         {"comparisons", std::move(pairs)},
                      {"repro", context.repro}};
  return json_text(whole);
}

std::string csv(const std::vector<Comparison>& comparisons) {
  std::string table =
      "first_policy,second_policy,name,runs,confidence,first,second,difference,difference_lower,"
      "difference_upper,method,p_value\r\n";
  for (const Comparison& pair : comparisons)
    for (const Difference& each : pair.differences) {
      const Estimate& found = each.difference;
      const bool is_known = found.runs > 0;
      const auto number_of = [&](double value) {
        return is_known ? csv_number(value) : std::string();
      };
      table += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}\r\n", csv_field(pair.first),
                           csv_field(pair.second), each.name, found.runs, pair.confidence,
                           number_of(each.first.value), number_of(each.second.value),
                           number_of(found.value), number_of(found.lower), number_of(found.upper),
                           to_string(found.method), each.p_value ? csv_number(*each.p_value) : "");
    }
  return table;
}

}  // namespace gatewright::analysis
