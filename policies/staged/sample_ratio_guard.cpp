#include "policies/staged/sample_ratio_guard.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "policies/probe_mark.h"

namespace gatewright {
namespace {

struct Slot {
  enum : std::size_t {
    spells,  ///< so far, this one included
    since,   ///< of this one
    baseline,
    candidate,  ///< units in it
    harm,
  };
};

/// The weight of the intended shares against the counts. The authors' 10,000 is nearly blind before
/// some thousands of units, and a canary at 1% rarely has more.
constexpr double kConcentration = 100.0;

}  // namespace

double false_alarm_of(const SampleRatioSpec& spec, const std::optional<double>& budget) noexcept {
  constexpr double kPartOfBudget = 0.02;
  constexpr double kWithoutBudget = 0.001;  // what GrowthBook holds a split against
  if (spec.false_alarm) return *spec.false_alarm;
  return budget ? kPartOfBudget * *budget : kWithoutBudget;
}

SampleRatioGuard::SampleRatioGuard(std::span<const Exposure> stages, Duration every,
                                   double false_alarm)
    : false_alarm_(false_alarm),
      probe_{.metric = std::string(kAssignedUnits), .window = every, .every = every} {
  for (const Exposure& exposure : stages) {
    auto& test = tests_.emplace_back();
    if (!splits_units(exposure)) continue;
    const double share = static_cast<double>(exposure.served) / kWholeExposure;
    test.emplace(std::vector{1.0 - share, share}, kConcentration);
  }
}

void SampleRatioGuard::observe(std::span<double, kSlots> slots, StageIndex stage,
                               double spell_since, const Samples& units) const noexcept {
  if (slots[Slot::spells] == 0.0 || slots[Slot::since] != spell_since) {
    if (slots[Slot::spells] > 0.0) GATEWRIGHT_PROBE("sample ratio: a new spell of exposure");
    rest(slots);
    slots[Slot::spells] += 1.0;
    slots[Slot::since] = spell_since;
  }
  slots[Slot::baseline] += static_cast<double>(units.baseline.count);
  slots[Slot::candidate] += static_cast<double>(units.candidate.count);
  const std::array counts{slots[Slot::baseline], slots[Slot::candidate]};
  const double spell = slots[Slot::spells];
  const double needed = std::log(spell * (spell + 1.0) / false_alarm_);
  const double log_e = tests_[static_cast<std::size_t>(stage)]->log_e(counts);
  slots[Slot::harm] = std::max(log_e / needed, 0.0);
}

void SampleRatioGuard::rest(std::span<double, kSlots> slots) noexcept {
  slots[Slot::baseline] = slots[Slot::candidate] = slots[Slot::harm] = 0.0;
}

double SampleRatioGuard::harm(std::span<const double, kSlots> slots) noexcept {
  const bool has_units = slots[Slot::baseline] + slots[Slot::candidate] > 0.0;
  return has_units ? slots[Slot::harm] : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace gatewright
