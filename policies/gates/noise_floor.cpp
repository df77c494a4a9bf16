// The edges of a gate within a noise floor, and the two tests that stand at them.
// Used by compile.
// Never changes what a test computes, only where its edge is.
#include "policies/gates/noise_floor.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "policies/assert.h"
#include "policies/gates/making.h"
#include "policies/gates/numerics.h"

namespace gatewright::gates {

using Relation = HarmSpec::Relation;

double reach(const NoiseFloor& floor, const HarmSpec& harm, double error) noexcept {
  const bool is_ratio = harm.relation == Relation::ratio;
  if (floor.kind == NoiseFloor::Kind::bound) return is_ratio ? std::log1p(floor.size) : floor.size;
  const double arms = harm.relation == Relation::absolute ? 1.0 : std::numbers::sqrt2;
  return floor.size * arms * normal_quantile_above(error);
}

HarmSpec moved(const HarmSpec& harm, double distance) noexcept {
  const double towards_harm = sign_of_harm(harm) * distance;
  HarmSpec edge = harm;
  if (harm.relation == Relation::ratio)
    edge.margin *= std::exp(towards_harm);
  else
    edge.margin += towards_harm;
  return edge;
}

bool tolerates_no_change(const HarmSpec& harm) noexcept {
  const double none = harm.relation == Relation::ratio ? 1.0 : 0.0;
  return sign_of_harm(harm) * (harm.margin - none) > 0.0;
}

Budget left_by(const NoiseFloor& floor, const Budget& budget) noexcept {
  if (floor.kind == NoiseFloor::Kind::bound) return budget;
  return {.false_alarm = 0.5 * budget.false_alarm, .missed_harm = 0.5 * budget.missed_harm};
}

WithinNoise::WithinNoise(Tests tests) noexcept
    : tests_(std::move(tests)), harm_slots_(tests_.harm->slots()) {
  GATEWRIGHT_ASSERT(tests_.safety != nullptr);
}

void WithinNoise::prepare(const Budget& budget) {
  tests_.harm->prepare(budget);
  tests_.safety->prepare(budget);
}

std::size_t WithinNoise::slots() const noexcept { return harm_slots_ + tests_.safety->slots(); }

void WithinNoise::update(std::span<double> slots, const Observation& observation) const noexcept {
  tests_.harm->update(slots.first(harm_slots_), observation);
  tests_.safety->update(slots.subspan(harm_slots_), observation);
}

Evidence WithinNoise::evidence(std::span<const double> slots, const Budget& budget) const noexcept {
  const Evidence of_harm = tests_.harm->evidence(slots.first(harm_slots_), budget);
  const Evidence of_safety = tests_.safety->evidence(slots.subspan(harm_slots_), budget);
  return {.harm = of_harm.harm, .safety = of_safety.safety, .enough = of_harm.enough};
}

}  // namespace gatewright::gates
