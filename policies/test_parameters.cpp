#include "policies/test_parameters.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "policies/nearest.h"
#include "policies/text.h"

namespace gatewright {
namespace {

using Kind = ParameterInfo::Kind;

[[nodiscard]] std::string joined(const std::vector<std::string_view>& names) {
  std::string text;
  for (const std::string_view name : names) text.append(text.empty() ? "" : ", ").append(name);
  return text;
}

[[nodiscard]] std::string expectation(const ParameterInfo& info) {
  const auto as_text = [&](double value) {
    return info.kind == Kind::share ? share_text(value) : number_text(value);
  };
  const std::string range = info.smallest < info.largest
                                ? " from " + as_text(info.smallest) + " to " + as_text(info.largest)
                                : "";
  switch (info.kind) {
    case Kind::boolean:
      return "true or false";
    case Kind::number:
      return "a number" + range;
    case Kind::count:
      return "a whole number" + range;
    case Kind::share:
      return range.empty() ? "a share from 0% to 100%" : "a share" + range;
    case Kind::choice:
      return "one of " + joined(info.choices);
    case Kind::numbers:
      return "a list of numbers";
    case Kind::counting_rule:
      return "a counting rule such as 2 consecutive, 3 of 5 or 4 cumulative";
    case Kind::looks:
      return "a whole number of looks" + range + ", or a time such as 30d";
  }
  return {};
}

[[nodiscard]] bool is_in_range(const ParameterInfo& info, double value) {
  if (!std::isfinite(value)) return false;
  if (info.smallest < info.largest) return value >= info.smallest && value <= info.largest;
  return info.kind == Kind::number || (value >= 0.0 && (info.kind == Kind::count || value <= 1.0));
}

[[nodiscard]] bool is_acceptable(const ParameterInfo& info, const TestValue& value) {
  const auto* number = std::get_if<double>(&value);
  const auto* text = std::get_if<std::string>(&value);
  switch (info.kind) {
    case Kind::boolean:
      return std::holds_alternative<bool>(value);
    case Kind::number:
    case Kind::share:
      return number != nullptr && is_in_range(info, *number);
    case Kind::count:
      return number != nullptr && is_in_range(info, *number) && *number == std::floor(*number);
    case Kind::choice:
      return text != nullptr && std::ranges::count(info.choices, *text) > 0;
    case Kind::numbers:
      return std::holds_alternative<std::vector<double>>(value);
    case Kind::counting_rule:
      return text != nullptr;  // the test itself reads the rule
    case Kind::looks:
      if (const auto* time = std::get_if<Duration>(&value)) return *time > Duration::zero();
      return number != nullptr && is_in_range(info, *number) && *number == std::floor(*number);
  }
  return false;
}

}  // namespace

void check_parameters(const TestSpec& test, const GateTestInfo& info, Diagnostics& diagnostics) {
  for (const auto& [name, value] : test.parameters) {
    const auto known = std::ranges::find(info.parameters, name, &ParameterInfo::name);
    if (known == info.parameters.end()) {
      std::vector<std::string_view> names;
      for (const ParameterInfo& parameter : info.parameters) names.push_back(parameter.name);
      const std::string_view near = nearest(name, names);
      const std::string hint = !near.empty()   ? "; did you mean " + std::string(near) + "?"
                               : names.empty() ? "; it has none"
                                               : "; it has " + joined(names);
      diagnostics.push_back({.path = "test." + name,
                             .message = std::string(info.name) + " has no such parameter" + hint});
    } else if (!is_acceptable(*known, value)) {
      diagnostics.push_back({.path = "test." + name, .message = "expected " + expectation(*known)});
    }
  }
}

}  // namespace gatewright
