// The rules of effects: each by itself, and how they are told apart.
#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "policies/nearest.h"
#include "sim/arms/world_metric.h"
#include "sim/effects/effect_table.h"
#include "sim/findings.h"

namespace gatewright::sim {
namespace {

constexpr Range kPartOfTraffic{0.0, 1.0, true, false, "a share above 0% and at most 100%"};
constexpr Duration kShortestPeriod = std::chrono::seconds(1);

bool can_be_affected(WorldMetric metric) noexcept {
  return can_differ(metric) || metric == WorldMetric::input_tokens;
}

/// What each effect is called in paths, as list items are: its name, else its metric, with a number
/// where that is taken.
std::vector<std::string> addresses(std::span<const Effect> effects) {
  std::vector<std::string> taken;
  for (const Effect& effect : effects)
    if (!effect.name.empty()) taken.push_back(effect.name);
  std::vector<std::string> result;
  for (const Effect& effect : effects) {
    std::string address = effect.name.empty() ? effect.metric : effect.name;
    if (effect.name.empty()) {
      for (int number = 2; std::ranges::find(taken, address) != taken.end(); ++number)
        address = effect.metric + "_" + std::to_string(number);
      taken.push_back(address);
    }
    result.push_back(std::move(address));
  }
  return result;
}

void check_time(const Effect& effect, const std::string& path, Findings& findings) {
  findings.not_negative(path + ".from", effect.from);
  findings.not_negative(path + ".ramp_in", effect.ramp_in);
  if (effect.grows_on && effect.ramp_in <= Duration::zero())
    findings.error(path + ".grows_on",
                   "expected a ramp_in, such as 4h: its pace is the one to go on at");
  if (effect.lasts) findings.positive(path + ".lasts", *effect.lasts, "45m");
  findings.not_negative(path + ".fade", effect.fade);
  if (effect.fade > Duration::zero() && !effect.lasts)
    findings.error(path + ".fade", "expected `lasts` as well: what lasts to the end never fades");
  if (effect.since == EffectClock::served)
    findings.number(path + ".since.served", effect.since_served, kPartOfTraffic);
  findings.number(path + ".above_served", effect.above_served, kShare);
  if (!effect.periodic) return;
  if (effect.periodic->period < kShortestPeriod)
    findings.error(path + ".periodic.period", "expected at least 1s");
  else if (effect.periodic->on <= Duration::zero() ||
           effect.periodic->on >= effect.periodic->period)
    findings.error(path + ".periodic.on", "expected a time above 0 and below the period");
}

void check_conditions(const Effect& effect, const std::string& path, const Traffic& traffic,
                      Findings& findings) {
  if (!effect.segment.empty() && std::ranges::find(traffic.segments, effect.segment,
                                                   &Segment::name) == traffic.segments.end()) {
    std::vector<std::string> names;
    for (const Segment& segment : traffic.segments) names.push_back(segment.name);
    const std::string_view near = nearest(effect.segment, names);
    std::string message = "there is no segment '" + effect.segment + "'";
    if (names.empty())
      message += "; expected one that traffic.segments names, and it names none";
    else if (!near.empty())
      message += "; did you mean '" + std::string(near) + "'?";
    findings.error(path + ".segment", std::move(message));
  }
  const std::uint32_t tenants = traffic.tenants.count;
  if (effect.tenant && (*effect.tenant < 1 || *effect.tenant > tenants))
    findings.error(path + ".tenant",
                   tenants == 0
                       ? "expected traffic.tenants as well: without them there is no tenant"
                       : "expected a tenant from 1 to " + std::to_string(tenants));
  findings.number(path + ".above_input_tokens", effect.above_input_tokens, kNotNegative);
  if (effect.metric == "input_tokens" && effect.above_input_tokens > 0.0)
    findings.error(path + ".above_input_tokens",
                   "expected no such condition on an effect that changes the prompts' lengths");
}

/// The distinct conditions of all effects find room in one word.
bool has_too_many_conditions(std::span<const Effect> effects) {
  std::size_t conditional = 0;
  for (const Effect& effect : effects)
    conditional += !effect.segment.empty() || effect.tenant || effect.above_input_tokens > 0.0;
  return conditional > kMostConditions;
}

}  // namespace

void check(const Effect& effect, const Scenario& scenario, Findings& findings) {
  const auto place = static_cast<std::size_t>(&effect - scenario.effects.data());
  const std::string path = "candidate.effects." + addresses(scenario.effects)[place];
  if (!effect.name.empty() &&
      std::ranges::find(scenario.effects.begin(),
                        scenario.effects.begin() + static_cast<std::ptrdiff_t>(place), effect.name,
                        &Effect::name) !=
          scenario.effects.begin() + static_cast<std::ptrdiff_t>(place))
    findings.error(path + ".name", "another effect has this name");
  if (place == kMostConditions && has_too_many_conditions(scenario.effects))
    findings.error("candidate.effects",
                   "expected at most 32 effects for a segment, a tenant or long prompts only");

  const std::optional<WorldMetric> metric = world_metric(effect.metric);
  if (!metric || !can_be_affected(*metric)) {
    std::string names;
    for (std::size_t i = 0; i < kWorldMetrics; ++i) {
      const auto candidate = static_cast<WorldMetric>(i);
      if (can_be_affected(candidate))
        names += (names.empty() ? "" : ", ") + std::string(to_string(candidate));
    }
    findings.error(path, "no effect can act on '" + effect.metric + "'; expected one of " + names);
    return;
  }
  findings.number(path + ".multiply", effect.multiply, kNotNegative);
  if (is_positive(*metric) && effect.multiply == 0.0)
    findings.error(path + ".multiply",
                   "expected a factor above 0: " + effect.metric + " is a positive number");
  if (!std::isfinite(effect.shift)) findings.error(path + ".shift", "expected a finite number");
  if (*metric == WorldMetric::input_tokens && effect.arms != EffectArms::both)
    findings.error(path + ".arms", "expected both: the arms are asked the same prompts");
  if (effect.harmful.value_or(false) && effect.arms != EffectArms::candidate)
    findings.error(path + ".harmful",
                   "expected false: harm is what the candidate does and the baseline would not");
  if ((effect.multiply - 1.0) * effect.shift < 0.0 && !effect.harmful)
    findings.error(path + ".harmful",
                   "expected true or false: multiply and shift pull in opposite directions");
  check_time(effect, path, findings);
  check_conditions(effect, path, scenario.traffic, findings);
}

}  // namespace gatewright::sim
