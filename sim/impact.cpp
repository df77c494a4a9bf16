#include "sim/impact.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "policies/exposure.h"
#include "sim/seconds.h"

namespace gatewright::sim {
namespace {

using Minutes = std::chrono::duration<double, std::ratio<60>>;

}  // namespace

ImpactMeter::ImpactMeter(const Scenario& scenario)
    : objectives_(scenario.objectives),
      users_(scenario.traffic.users.count),
      harmful_from_(harmful_from(scenario)),
      harmful_from_seconds_(harmful_from_ ? to_seconds(*harmful_from_)
                                          : std::numeric_limits<double>::infinity()) {}

void ImpactMeter::start() noexcept {
  impact_ = {};
  std::ranges::fill(served_minute_, 0U);
  std::ranges::fill(bad_minute_, 0U);
}

void ImpactMeter::add_exposure(std::span<const ExposureSegment> timeline, Instant until) noexcept {
  if (!harmful_from_) return;
  const Instant harm = Instant{} + *harmful_from_;
  for (std::size_t s = 0; s < timeline.size(); ++s) {
    const Instant from = std::max(timeline[s].from, harm);
    const Instant to = s + 1 == timeline.size() ? until : std::min(timeline[s + 1].from, until);
    if (to <= from) continue;
    impact_.exposure_minutes +=
        Minutes(to - from).count() *
        (static_cast<double>(timeline[s].exposure.served) / static_cast<double>(kWholeExposure));
  }
}

bool ImpactMeter::is_bad(const ArmColumns& arm, std::uint16_t place) const noexcept {
  return (arm.events[place] & (kError | kRefusal)) != 0 ||
         static_cast<double>(arm.latency[place]) > objectives_.latency_seconds ||
         static_cast<double>(arm.quality[place]) < objectives_.quality_floor;
}

void ImpactMeter::add_harm(const Columns& columns, std::uint16_t place) {
  if (served_minute_.empty()) {
    served_minute_.resize(users_);
    bad_minute_.resize(users_);
  }
  const std::uint32_t user = columns.user[place];
  const auto minute = static_cast<std::uint32_t>(columns.at_seconds[place] / 60.0) + 1;
  if (served_minute_[user] != minute) {
    served_minute_[user] = minute;
    ++impact_.user_impact_minutes;
  }
  if (!is_bad(columns.arm[kCandidateArm], place) || is_bad(columns.arm[kBaselineArm], place))
    return;
  ++impact_.impacted_requests;
  if (bad_minute_[user] != minute) {
    bad_minute_[user] = minute;
    ++impact_.bad_user_minutes;
  }
}

void ImpactMeter::add_requests(const Columns& columns, const Split& split,
                               const ChunkCosts& costs) {
  impact_.excess_cost_usd += costs.excess_usd;
  impact_.shadow_cost_usd += costs.shadow_usd;
  if (columns.at_seconds[columns.size - 1] < harmful_from_seconds_) return;
  for (const std::uint16_t place : split.served())
    if (columns.at_seconds[place] >= harmful_from_seconds_) add_harm(columns, place);
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
