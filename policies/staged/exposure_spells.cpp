#include "policies/staged/exposure_spells.h"

namespace gatewright {
namespace {

struct Slot {
  enum : std::size_t {
    since,         ///< of the spell that lasts, or kNoSpell
    exposure,      ///< in it, as one number
    before_since,  ///< of the spell before, or kNoSpell
    before_until,
  };
};

constexpr double kNoSpell = -1.0;

[[nodiscard]] double to_slot(Duration since_start) noexcept {
  return static_cast<double>(since_start.count());
}

/// Each exposure its own whole number, below 2^40.
[[nodiscard]] double to_slot(const Exposure& exposure) noexcept {
  constexpr double kShares = kWholeExposure + 1;
  return exposure.served + kShares * (exposure.mirrored + kShares * exposure.interleaved);
}

}  // namespace

void ExposureSpells::clear() noexcept {
  slots_[Slot::since] = slots_[Slot::before_since] = kNoSpell;
}

void ExposureSpells::report(const Exposure& applied, Duration now) noexcept {
  if (slots_[Slot::since] >= 0.0 && slots_[Slot::exposure] == to_slot(applied)) return;
  end(now);
  slots_[Slot::since] = to_slot(now);
  slots_[Slot::exposure] = to_slot(applied);
}

void ExposureSpells::end(Duration now) noexcept {
  if (!(slots_[Slot::since] >= 0.0)) return;
  slots_[Slot::before_since] = slots_[Slot::since];
  slots_[Slot::before_until] = to_slot(now);
  slots_[Slot::since] = kNoSpell;
}

std::optional<double> ExposureSpells::since() const noexcept {
  const double since = slots_[Slot::since];
  return since >= 0.0 ? std::optional(since) : std::nullopt;
}

bool ExposureSpells::hold(double start, double end) const noexcept {
  const double since = slots_[Slot::since];
  const double before = slots_[Slot::before_since];
  return (since >= 0.0 && start >= since) ||
         (before >= 0.0 && start >= before && end <= slots_[Slot::before_until]);
}

}  // namespace gatewright
