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

/// " from 48h after 50% were served".
[[nodiscard]] std::string onset_text(const sim::Effect& effect) {
  std::string since;
  if (effect.since == sim::EffectClock::first_exposure) since = "first exposure";
  if (effect.since == sim::EffectClock::served)
    since = fmt::format("{}% were served", number_text(100.0 * effect.since_served));
  const bool is_late = effect.from > Duration::zero();
  if (since.empty()) return is_late ? " from " + duration_text(effect.from) : std::string();
  return is_late ? fmt::format(" from {} after {}", duration_text(effect.from), since)
                 : " after " + since;
}

/// " for premium while 25% are served": whom it acts on, and under which exposure.
[[nodiscard]] std::string condition_text(const sim::Effect& effect) {
  std::string text;
  if (!effect.segment.empty()) text += " for " + effect.segment;
  if (effect.tenant) text += fmt::format(" for tenant {}", *effect.tenant);
  if (effect.above_input_tokens > 0.0)
    text += fmt::format(" on prompts of {} tokens or more", number(effect.above_input_tokens, 0));
  if (effect.above_served > 0.0)
    text += fmt::format(" while {}% are served", number_text(100.0 * effect.above_served));
  return text;
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
  text += condition_text(effect) + onset_text(effect);
  if (effect.ramp_in > Duration::zero())
    text += (effect.grows_on ? " and as much again every " : " growing over ") +
            duration_text(effect.ramp_in);
  if (effect.lasts) text += " lasting " + duration_text(*effect.lasts);
  if (effect.periodic)
    text += fmt::format(" for {} of every {}", duration_text(effect.periodic->on),
                        duration_text(effect.periodic->period));
  return text;
}

/// "cost +25%, latency x3 and error +5 pp" of the effects on those arms.
[[nodiscard]] std::string effects_text(const sim::Scenario& scenario, sim::EffectArms arms) {
  std::vector<std::string> effects;
  for (const sim::Effect& effect : scenario.effects)
    if (effect.arms == arms && (effect.multiply != 1.0 || effect.shift != 0.0))
      effects.push_back(effect_text(effect));
  std::string text;
  for (std::size_t i = 0; i < effects.size(); ++i)
    text += (i == 0 ? "" : i + 1 == effects.size() ? " and " : ", ") + effects[i];
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
  std::string operator()(const sim::BurstyArrivals& arrivals) const {
    return "bursts of " + rate_text(arrivals.rate_per_second.value_or(0.0)) + " on average";
  }
  std::string operator()(const sim::TraceArrivals& arrivals) const {
    return "recorded traffic (" + std::filesystem::path(arrivals.file).filename().string() + ")";
  }
};

}  // namespace

std::string sentence(const sim::Scenario& scenario) {
  const std::string candidate = effects_text(scenario, sim::EffectArms::candidate);
  const std::string baseline = effects_text(scenario, sim::EffectArms::baseline);
  const std::string both = effects_text(scenario, sim::EffectArms::both);
  std::string text =
      fmt::format("A candidate {} meets {} from {} users, for at most {}.",
                  candidate.empty() ? "equal to the baseline" : "with " + candidate,
                  std::visit(TrafficText{}, scenario.traffic.arrivals),
                  number(scenario.traffic.users.count, 0), duration_text(scenario.horizon));
  if (!baseline.empty()) text += " The baseline has " + baseline + ".";
  if (!both.empty()) text += " Both arms have " + both + ".";
  return text;
}

}  // namespace gatewright::analysis
