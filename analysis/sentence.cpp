#include "analysis/sentence.h"

#include <chrono>
#include <cmath>
#include <filesystem>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "analysis/layout.h"
#include "policies/metric.h"
#include "policies/text.h"

namespace gatewright::analysis {
namespace {

[[nodiscard]] std::string signed_number(double value) {
  return fmt::format("{}{}", value < 0.0 ? '-' : '+', number_text(std::abs(value)));
}

/// "cost +25%", "latency x3", "refusal +5 pp", "quality -0.05 from 2h, growing over 30m".
[[nodiscard]] std::string effect_text(const sim::Effect& effect) {
  const MetricInfo* metric = find_metric(effect.metric);
  std::string text = effect.metric;
  if (effect.multiply >= 2.0 || (effect.multiply != 1.0 && effect.multiply <= 0.5))
    text += fmt::format(" x{}", number_text(effect.multiply));
  else if (effect.multiply != 1.0)
    text += fmt::format(" {}%", signed_number(100.0 * (effect.multiply - 1.0)));
  if (effect.shift != 0.0) {
    const bool is_share = metric != nullptr && metric->kind == MetricKind::event;
    text += fmt::format(" {}", signed_number(is_share ? 100.0 * effect.shift : effect.shift));
    if (is_share)
      text += " pp";
    else if (metric != nullptr && metric->kind == MetricKind::positive)
      text += fmt::format(" {}", metric->unit);
  }
  if (effect.from > Duration::zero()) text += " from " + duration_text(effect.from);
  if (effect.ramp_in > Duration::zero()) text += " growing over " + duration_text(effect.ramp_in);
  return text;
}

/// Per second, minute or hour: the first in which the rate is a whole number.
[[nodiscard]] std::string rate_text(double per_second) {
  struct Unit {
    double seconds;
    const char* name;
  };
  for (const Unit unit : {Unit{1.0, "s"}, Unit{60.0, "min"}, Unit{3600.0, "h"}}) {
    const double rate = per_second * unit.seconds;
    if (rate >= 1.0 && std::abs(rate - std::round(rate)) < 1e-6 * rate)
      return fmt::format("{} requests/{}", number(rate, 0), unit.name);
  }
  return fmt::format("{:.3g} requests/s", per_second);
}

struct TrafficText {
  std::string operator()(const sim::PoissonArrivals& arrivals) const {
    return rate_text(arrivals.rate_per_second);
  }
  std::string operator()(const sim::DiurnalArrivals& arrivals) const {
    return "a daily wave of " + rate_text(arrivals.rate_per_second);
  }
  std::string operator()(const sim::TraceArrivals& arrivals) const {
    return "recorded traffic (" + std::filesystem::path(arrivals.file).filename().string() + ")";
  }
};

}  // namespace

std::string sentence(const sim::Scenario& scenario) {
  std::vector<std::string> effects;
  for (const sim::Effect& effect : scenario.effects)
    if (effect.multiply != 1.0 || effect.shift != 0.0) effects.push_back(effect_text(effect));
  std::string candidate;
  for (std::size_t i = 0; i < effects.size(); ++i) {
    candidate += i == 0 ? " with " : i + 1 == effects.size() ? " and " : ", ";
    candidate += effects[i];
  }
  if (candidate.empty()) candidate = " equal to the baseline";
  return fmt::format("A candidate{} meets {} from {} users, for at most {}.", candidate,
                     std::visit(TrafficText{}, scenario.traffic.arrivals),
                     number(scenario.traffic.users.count, 0), duration_text(scenario.horizon));
}

}  // namespace gatewright::analysis
