// Planned looks at a score, each against its bound.
// Used through the catalogue.
// Never integrates in a rollout: the bounds are ready before it begins.
#include "policies/gates/group_sequential.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "policies/gates/making.h"
#include "policies/gates/numerics.h"

namespace gatewright {
namespace {

using gates::SpendingRule;

struct RuleName {
  std::string_view name;
  SpendingRule rule;
};
constexpr std::array kRules{
    RuleName{"lan_demets_obrien_fleming", SpendingRule::spend_obrien_fleming},
    RuleName{"lan_demets_pocock", SpendingRule::spend_pocock},
    RuleName{"obrien_fleming", SpendingRule::obrien_fleming},
    RuleName{"pocock", SpendingRule::pocock},
    RuleName{"hwang_shih_decani", SpendingRule::hwang_shih_decani},
};

/// Slots after those of the score: looks taken, and Z at the last of them.
enum Slot : std::size_t { kTaken, kZ, kSlots };

}  // namespace

GroupSequential::GroupSequential(const HarmSpec& harm, const Settings& settings,
                                 gates::PlannedLooks looks)
    : rule_(settings.rule),
      gamma_(settings.gamma),
      score_(harm, settings.difference),
      looks_(std::move(looks)) {}

void GroupSequential::prepare(const Budget& budget) {
  constexpr double kAlphaMax = 0.45;  // beyond it a bound would be no bound
  const auto bounds = [&](double error) {
    return gates::group_sequential_bounds({.rule = rule_,
                                           .fractions = looks_.fractions(),
                                           .alpha = std::min(error, kAlphaMax),
                                           .two_sided = false,
                                           .gamma = gamma_});
  };
  harm_bounds_ = bounds(budget.false_alarm);
  safety_bounds_ =
      budget.missed_harm == budget.false_alarm ? harm_bounds_ : bounds(budget.missed_harm);
}

std::size_t GroupSequential::slots() const noexcept { return score_.slots() + kSlots; }

void GroupSequential::update(std::span<double> slots,
                             const Observation& observation) const noexcept {
  const auto own = slots.subspan(score_.slots());
  score_.update(slots, observation);
  const NormalMixture::Score score = score_.score(slots, {});
  if (!score.enough) return;
  const double samples = compares_arms() ? 2.0 * score.v : score.v;
  const double due = static_cast<double>(looks_.due(samples));
  if (due <= own[kTaken]) return;
  own[kTaken] = due;
  own[kZ] = gates::standardised(score.s, score.v);
}

Evidence GroupSequential::evidence(std::span<const double> slots, const Budget&) const noexcept {
  const auto own = slots.subspan(score_.slots());
  if (!(own[kTaken] >= 1.0)) return {};
  const auto look = std::min(static_cast<std::size_t>(own[kTaken]), harm_bounds_.size()) - 1;
  return {.harm = gates::as_share(own[kZ] / harm_bounds_[look]),
          .safety = gates::as_share(-own[kZ] / safety_bounds_[look]),
          .enough = true};
}

namespace {

std::unique_ptr<GateTest> make_group_sequential(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  const NormalMixture::Settings difference = difference_settings(gate, diagnostics);
  gates::PlannedLooks looks = gates::planned_looks(gate, diagnostics);
  const auto name = gates::parameter<std::string>(gate.test, "rule", std::string(kRules[0].name));
  const auto* const rule = std::ranges::find(kRules, name, &RuleName::name);
  if (rule == kRules.end()) gates::report(diagnostics, "test.rule", "there is no such rule");
  const double gamma = gates::parameter(gate.test, "gamma", -4.0);
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<GroupSequential>(
      gate.harm,
      GroupSequential::Settings{.rule = rule->rule, .gamma = gamma, .difference = difference},
      std::move(looks));
}

}  // namespace

GateTestInfo group_sequential_info() {
  return {
      .name = "group_sequential",
      .guarantee = Guarantee::fixed_looks,
      .about = "means and rates at a few planned looks, with the bounds of clinical trials",
      .source =
          "Jennison and Turnbull, Group Sequential Methods (2000); Lan and DeMets, Biometrika "
          "70 (1983) 659; bounds by the recursion of Armitage, McPherson, Rowe 1969",
      .parameters = gates::with_planned_looks({
          {.name = "rule",
           .kind = ParameterInfo::Kind::choice,
           .default_text = kRules[0].name,
           .about = "how the error is spread over the looks: late (obrien_fleming) or evenly "
                    "(pocock); lan_demets_* by the spending functions of that shape",
           .choices = {kRules[0].name, kRules[1].name, kRules[2].name, kRules[3].name,
                       kRules[4].name}},
          {.name = "gamma",
           .kind = ParameterInfo::Kind::number,
           .default_text = "-4",
           .about = "of hwang_shih_decani: below 0 spends late, 1 evenly, above 1 early",
           .choices = {},
           .smallest = -20.0,
           .largest = 20.0},
          scale_parameter(),
      }),
      .make = make_group_sequential,
  };
}

}  // namespace gatewright
