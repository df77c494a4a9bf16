#include "sim/effects/effect_table.h"

#include <optional>

#include "sim/seconds.h"

namespace gatewright::sim {

EffectTable::EffectTable(std::span<const Effect> effects) {
  for (const Effect& effect : effects)
    if (const std::optional<WorldMetric> metric = world_metric(effect.metric))
      entries_[index_of(*metric)].push_back({to_seconds(effect.from),
                                             to_seconds(effect.from + effect.ramp_in),
                                             effect.multiply, effect.shift});
}

Affine EffectTable::at(WorldMetric metric, double seconds) const noexcept {
  Affine all;
  for (const Entry& entry : entries_[index_of(metric)]) {
    if (seconds < entry.from) continue;
    const double grown =
        seconds >= entry.full ? 1.0 : (seconds - entry.from) / (entry.full - entry.from);
    all = then(all, {1.0 + (entry.multiply - 1.0) * grown, entry.shift * grown});
  }
  return all;
}

bool EffectTable::is_constant(WorldMetric metric, double first, double last) const noexcept {
  for (const Entry& entry : entries_[index_of(metric)])
    if (last >= entry.from && first < entry.full) return false;
  return true;
}

}  // namespace gatewright::sim
