#include "sim/impact.h"

#include <algorithm>
#include <chrono>

#include "policies/exposure.h"

namespace gatewright::sim {
namespace {

using ClockMinutes = std::chrono::duration<double, std::ratio<60>>;

/// Minutes are counted from 1.
std::uint32_t minute_of(double at_seconds) noexcept {
  return static_cast<std::uint32_t>(at_seconds / 60.0) + 1;
}

}  // namespace

ImpactMeter::ImpactMeter(const Scenario& scenario, const EffectTable& effects)
    : effects_(&effects),
      objectives_(scenario.objectives),
      timeout_seconds_(scenario.baseline.latency.timeout_seconds),
      users_(scenario.traffic.users.count) {}

void ImpactMeter::start() noexcept {
  impact_ = {};
  std::ranges::fill(served_minutes_, Minutes{});
  std::ranges::fill(bad_minutes_, Minutes{});
}

void ImpactMeter::add_exposure(std::span<const ExposureSegment> timeline, Instant until,
                               const ExposureHistory& history) noexcept {
  for (std::size_t s = 0; s < timeline.size(); ++s) {
    if (timeline[s].exposure.served == 0) continue;
    Stretch rest{.from = timeline[s].from,
                 .to = s + 1 == timeline.size() ? until : std::min(timeline[s + 1].from, until)};
    while (const std::optional<Stretch> harm = effects_->next_harm(rest, history)) {
      impact_.exposure_minutes +=
          ClockMinutes(harm->to - harm->from).count() *
          (static_cast<double>(timeline[s].exposure.served) / static_cast<double>(kWholeExposure));
      rest.from = harm->to;
    }
  }
}

inline bool ImpactMeter::is_bad(const ArmColumns& arm, std::uint16_t place) const noexcept {
  return (arm.events[place] & (kError | kRefusal)) != 0 ||
         static_cast<double>(arm.latency[place]) > objectives_.latency_seconds ||
         (objectives_.minds_quality() &&
          static_cast<double>(arm.quality[place]) < objectives_.quality_floor);
}

inline bool ImpactMeter::Minutes::add(std::uint32_t minute) noexcept {
  constexpr std::uint32_t kKept = 32;
  if (minute == last && (counted & 1U) != 0) return false;
  if (minute >= last) {
    // What was counted moves away from the new minute, the farthest out of sight. By how much cannot be
    // foreseen, so nothing branches on it.
    const std::uint64_t moved = std::uint64_t{counted} << std::min(minute - last, kKept);
    counted = static_cast<std::uint32_t>(moved) | 1U;
    last = minute;
    return (moved & 1U) == 0;
  }
  const std::uint32_t ago = last - minute;
  if (ago >= kKept) return true;
  const bool is_new = (counted >> ago & 1U) == 0;
  counted |= 1U << ago;
  return is_new;
}

void ImpactMeter::make_room_for_users() {
  if (!served_minutes_.empty()) return;
  served_minutes_.resize(users_);
  bad_minutes_.resize(users_);
}

inline void ImpactMeter::add_harm(const Columns& columns, std::uint16_t place) {
  Minutes& minutes = served_minutes_[columns.user[place]];
  impact_.user_impact_minutes += minutes.add(minute_of(columns.at_seconds[place])) ? 1U : 0U;
  if (!is_bad(columns.arm[kCandidateArm], place) || is_bad(columns.arm[kBaselineArm], place))
    return;
  add_bad(columns, place);
}

void ImpactMeter::add_bad(const Columns& columns, std::uint16_t place) {
  const std::uint32_t user = columns.user[place];
  const std::uint32_t minute = minute_of(columns.at_seconds[place]);
  ++impact_.impacted_requests;
  if (bad_minutes_[user].add(minute)) ++impact_.bad_user_minutes;
}

void ImpactMeter::add_cold(const Columns& columns, Buckets buckets, std::size_t requests,
                           const Cold& cold) {
  make_room_for_users();
  const double too_slow = std::min(objectives_.latency_seconds, timeout_seconds_);
  for (std::size_t i = 0; i < requests; ++i) {
    const auto place = static_cast<std::uint16_t>(i);
    if (columns.at_seconds[i] < cold.from_seconds) continue;
    if (cold.served < kWholeExposure && buckets.of_place[i] >= cold.served) continue;
    const double latency = static_cast<double>(columns.arm[kBaselineArm].latency[i]) * cold.factor;
    if (latency > too_slow && !is_bad(columns.arm[kBaselineArm], place)) add_bad(columns, place);
  }
}

void ImpactMeter::add_requests(const Columns& columns, const Split& split, const ChunkCosts& costs,
                               const ExposureHistory& history) {
  impact_.excess_cost_usd += costs.excess_usd;
  impact_.shadow_cost_usd += costs.shadow_usd;
  const double first = columns.at_seconds[0];
  const double last = columns.at_seconds[columns.size - 1];
  if (split.served().empty() || !effects_->may_harm(first, last, history)) return;
  make_room_for_users();
  for (const std::uint16_t place : split.served())
    if (columns.harmed[place] != 0) add_harm(columns, place);
}

void ImpactMeter::add(const Impact& impact) noexcept {
  impact_.exposure_minutes += impact.exposure_minutes;
  impact_.user_impact_minutes += impact.user_impact_minutes;
  impact_.bad_user_minutes += impact.bad_user_minutes;
  impact_.impacted_requests += impact.impacted_requests;
  impact_.excess_cost_usd += impact.excess_cost_usd;
  impact_.shadow_cost_usd += impact.shadow_cost_usd;
}

ChunkCosts costs_of(const Columns& columns, const Split& split) noexcept {
  const Column<float>& baseline = columns.arm[kBaselineArm].cost;
  const Column<float>& candidate = columns.arm[kCandidateArm].cost;
  ChunkCosts costs;
  for (const std::uint16_t place : split.served())
    costs.excess_usd +=
        static_cast<double>(candidate[place]) - static_cast<double>(baseline[place]);
  for (const std::uint16_t place : split.mirrored())
    costs.shadow_usd += static_cast<double>(candidate[place]);
  return costs;
}

}  // namespace gatewright::sim
