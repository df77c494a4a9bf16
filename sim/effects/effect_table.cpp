#include "sim/effects/effect_table.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "policies/assert.h"
#include "sim/seconds.h"

namespace gatewright::sim {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();

bool is_at(EffectArms arms, std::size_t arm) noexcept {
  return arms == EffectArms::both || (arms == EffectArms::baseline) == (arm == kBaselineArm);
}

/// Where an effect's clock begins; null: it has not.
const ExposureSegment* began(const Effect& effect, const ExposureHistory& history) noexcept {
  static constexpr ExposureSegment kStart{};
  switch (effect.since) {
    case EffectClock::start:
      break;
    case EffectClock::first_exposure:
      return history.first_exposure();
    case EffectClock::served:
      return history.first_served(effect.since_served);
  }
  return &kStart;
}

}  // namespace

// ---- one effect ----

EffectTable::Entry::Entry(const Effect& written)
    : effect(written),
      from(to_seconds(written.from)),
      full(to_seconds(written.from + written.ramp_in)),
      until(written.lasts ? to_seconds(written.from + written.ramp_in + *written.lasts) : kForever),
      gone(written.lasts
               ? to_seconds(written.from + written.ramp_in + *written.lasts + written.fade)
               : kForever),
      period(written.periodic ? to_seconds(written.periodic->period) : 0.0),
      on(written.periodic ? to_seconds(written.periodic->on) : 0.0) {}

double EffectTable::Entry::began_at(const ExposureHistory& history) const noexcept {
  const ExposureSegment* origin = began(effect, history);
  return origin == nullptr ? kForever : origin->from_seconds;
}

double EffectTable::Entry::elapsed(double seconds, const ExposureHistory& history) const noexcept {
  return seconds - began_at(history);
}

bool EffectTable::Entry::is_on(double elapsed_seconds) const noexcept {
  if (elapsed_seconds < from || elapsed_seconds >= gone) return false;
  return period == 0.0 || std::fmod(elapsed_seconds - from, period) < on;
}

bool EffectTable::Entry::is_active(double seconds, const ExposureHistory& history) const noexcept {
  if (!is_on(elapsed(seconds, history))) return false;
  return effect.above_served == 0.0 || history.served_at(seconds) >= effect.above_served;
}

double EffectTable::Entry::grown(double elapsed_seconds) const noexcept {
  const double growing = std::min(elapsed_seconds, until);
  const bool is_ramp = growing < full || (effect.grows_on && full > from);
  const double size = is_ramp ? (growing - from) / (full - from) : 1.0;
  if (elapsed_seconds <= until) return size;
  return size * (gone - elapsed_seconds) / (gone - until);
}

bool EffectTable::Entry::is_constant(double first, double last,
                                     const ExposureHistory& history) const noexcept {
  const double begin = elapsed(first, history);
  const double end = elapsed(last, history);
  if (end < from || begin >= gone) return true;
  if (begin < full || end >= until || effect.grows_on) return false;
  if (period > 0.0 && (is_on(begin) != is_on(end) || end - begin >= std::min(on, period - on)))
    return false;
  return effect.above_served == 0.0 || history.is_steady(first, last);
}

double EffectTable::Entry::unchanged_until(double seconds,
                                           const ExposureHistory& history) const noexcept {
  const double begin = began_at(history);
  const double since = seconds - begin;
  double next = since < gone ? gone : kForever;
  if (since < from) {
    next = from;
  } else if (since < gone && period > 0.0) {
    const double phase = std::fmod(since - from, period);
    next = std::min(gone, since + (phase < on ? on : period) - phase);
  }
  const double change = std::min(
      begin + next, effect.above_served > 0.0 ? history.next_change_seconds(seconds) : kForever);
  // Rounding must not carry it beyond the change.
  constexpr double kRounding = 1e-12;
  return change == kForever ? change : change - kRounding * (1.0 + change);
}

void EffectTable::Entry::fill_active(const EffectRows& rows, const ExposureHistory& history,
                                     Column<double>& active) const noexcept {
  const std::span<const double> at = rows.at_seconds;
  const std::size_t n = at.size();
  for (std::size_t i = 0; i < n;) {
    const double now = is_active(at[i], history) ? 1.0 : 0.0;
    const double same_until = unchanged_until(at[i], history);
    if (at.back() < same_until) {
      std::fill_n(active.data() + i, n - i, now);
      break;
    }
    do active[i++] = now;
    while (i < n && at[i] < same_until);
  }
  if (needed == 0) return;
  for (std::size_t i = 0; i < n; ++i)
    active[i] = (needed & ~rows.holding[i]) == 0 ? active[i] : 0.0;
}

void EffectTable::Entry::fill_grown(const EffectRows& rows, const ExposureHistory& history,
                                    Column<double>& grown) const noexcept {
  const std::span<const double> at = rows.at_seconds;
  const std::size_t n = at.size();
  fill_active(rows, history, grown);
  const double begin = began_at(history);
  if (at.front() - begin >= full && at.back() - begin <= until && !effect.grows_on) return;
  for (std::size_t i = 0; i < n; ++i) {
    // grown(), without branches.
    const double since = at[i] - begin;
    const double growing = since < until ? since : until;
    const bool is_ramp = growing < full || (effect.grows_on && full > from);
    const double of_ramp = (growing - from) / (full - from);
    const double size = is_ramp ? of_ramp : 1.0;
    const double fading = size * (gone - since) / (gone - until);
    const double now = since <= until ? size : fading;
    grown[i] = grown[i] != 0.0 ? now : 0.0;
  }
}

Instant EffectTable::Entry::next_change(Instant at, const ExposureHistory& history) const noexcept {
  Instant next = kNever;
  const auto consider = [&](Instant when) {
    if (when > at) next = std::min(next, when);
  };
  if (effect.above_served > 0.0) consider(history.next_change(at));
  const ExposureSegment* origin = began(effect, history);
  if (origin == nullptr) return next;
  const Instant start = after(origin->from, effect.from);
  const Instant end =
      effect.lasts ? after(start, effect.ramp_in + *effect.lasts + effect.fade) : kNever;
  consider(start);
  consider(end);
  if (effect.periodic && at >= start && at < end) {
    const Instant cycle = at - (at - start) % effect.periodic->period;
    consider(after(cycle, effect.periodic->on));
    consider(after(cycle, effect.periodic->period));
  }
  return next;
}

// ---- all of them ----

EffectTable::EffectTable(std::span<const Effect> effects, std::span<const Segment> segments) {
  for (const Effect& effect : effects) {
    const std::optional<WorldMetric> metric = world_metric(effect.metric);
    if (!metric) continue;
    Entry entry(effect);
    entry.needed = bit_of(effect, segments);
    depends_on_exposure_ |= effect.since != EffectClock::start || effect.above_served > 0.0;
    all_.push_back(entry);
    if (is_harmful(effect)) harmful_.push_back(entry);
    for (const std::size_t arm : {kBaselineArm, kCandidateArm})
      if (is_at(effect.arms, arm)) entries_[arm][index_of(*metric)].push_back(entry);
  }
}

Conditions EffectTable::bit_of(const Effect& effect, std::span<const Segment> segments) {
  Condition condition;
  if (!effect.segment.empty()) {
    const auto found = std::ranges::find(segments, effect.segment, &Segment::name);
    GATEWRIGHT_ASSERT(found != segments.end());
    condition.segment = static_cast<std::uint32_t>(found - segments.begin());
  }
  condition.tenant = effect.tenant;
  condition.above_input_tokens = effect.above_input_tokens;
  if (condition == Condition{}) return 0;

  looks_at_.segment |= condition.segment.has_value();
  looks_at_.tenant |= condition.tenant.has_value();
  looks_at_.input_tokens |= condition.above_input_tokens > 0.0;
  const auto known = std::ranges::find(conditions_, condition);
  const auto place = static_cast<std::size_t>(known - conditions_.begin());
  if (known == conditions_.end()) conditions_.push_back(condition);
  GATEWRIGHT_ASSERT(conditions_.size() <= kMostConditions);
  return Conditions{1} << place;
}

Affine EffectTable::at(std::size_t arm, WorldMetric metric, double seconds, Conditions holding,
                       const ExposureHistory& history) const noexcept {
  Affine all;
  for (const Entry& entry : entries_[arm][index_of(metric)]) {
    if ((entry.needed & ~holding) != 0 || !entry.is_active(seconds, history)) continue;
    const double grown = entry.grown(entry.elapsed(seconds, history));
    // What shrinks and goes on shrinking ends at nothing.
    const double multiply = std::max(0.0, 1.0 + (entry.effect.multiply - 1.0) * grown);
    all = then(all, {multiply, entry.effect.shift * grown});
  }
  return all;
}

bool EffectTable::is_alike(std::size_t arm, WorldMetric metric, double first, double last,
                           const ExposureHistory& history) const noexcept {
  return std::ranges::all_of(entries_[arm][index_of(metric)], [&](const Entry& entry) {
    return entry.is_alike(first, last, history);
  });
}

void EffectTable::fill(std::size_t arm, WorldMetric metric, const EffectRows& rows,
                       const ExposureHistory& history, AffineColumns& maps) const noexcept {
  const std::size_t n = rows.at_seconds.size();
  std::fill_n(maps.multiply.begin(), n, 1.0);
  std::fill_n(maps.shift.begin(), n, 0.0);
  Column<double> grown;
  for (const Entry& entry : entries_[arm][index_of(metric)]) {
    entry.fill_grown(rows, history, grown);
    const double more = entry.effect.multiply - 1.0;
    const double shift = entry.effect.shift;
    for (std::size_t i = 0; i < n; ++i) {
      // As in at(): an effect that does not act multiplies by 1 and shifts by nothing.
      const double multiply = std::max(0.0, 1.0 + more * grown[i]);
      maps.multiply[i] *= multiply;
      maps.shift[i] = maps.shift[i] * multiply + shift * grown[i];
    }
  }
}

void EffectTable::find_conditions(const Columns& columns,
                                  Column<Conditions>& holding) const noexcept {
  const std::size_t n = columns.size;
  std::fill_n(holding.begin(), n, Conditions{0});
  Column<Conditions> holds;
  for (std::size_t c = 0; c < conditions_.size(); ++c) {
    const Condition& condition = conditions_[c];
    std::fill_n(holds.begin(), n, Conditions{1} << c);
    const auto keep_where = [&](auto is_met) {
      for (std::size_t i = 0; i < n; ++i) holds[i] = is_met(i) ? holds[i] : 0;
    };
    if (condition.segment)
      keep_where([&, is = *condition.segment](std::size_t i) { return columns.segment[i] == is; });
    if (condition.tenant)
      keep_where([&, is = *condition.tenant](std::size_t i) { return columns.tenant[i] == is; });
    if (condition.above_input_tokens > 0.0)
      keep_where([&, least = condition.above_input_tokens](std::size_t i) {
        return static_cast<double>(columns.input_tokens[i]) >= least;
      });
    for (std::size_t i = 0; i < n; ++i) holding[i] |= holds[i];
  }
}

Instant EffectTable::next_change(Instant at, const ExposureHistory& history) const noexcept {
  Instant next = kNever;
  for (const Entry& entry : all_) next = std::min(next, entry.next_change(at, history));
  return next;
}

// ---- harm ----

bool EffectTable::may_harm(double first, double last,
                           const ExposureHistory& history) const noexcept {
  return std::ranges::any_of(harmful_, [&](const Entry& entry) {
    return entry.elapsed(last, history) >= entry.from && entry.elapsed(first, history) < entry.gone;
  });
}

bool EffectTable::harms_alike(double first, double last,
                              const ExposureHistory& history) const noexcept {
  return std::ranges::all_of(harmful_, [&](const Entry& entry) {
    return entry.unchanged_until(first, history) > last &&
           (entry.needed == 0 || !entry.is_active(first, history));
  });
}

bool EffectTable::harms(double seconds, Conditions holding,
                        const ExposureHistory& history) const noexcept {
  return std::ranges::any_of(harmful_, [&](const Entry& entry) {
    return (entry.needed & ~holding) == 0 && entry.is_active(seconds, history);
  });
}

void EffectTable::fill_harms(const EffectRows& rows, const ExposureHistory& history,
                             std::uint8_t* harmed) const noexcept {
  const std::size_t n = rows.at_seconds.size();
  std::fill_n(harmed, n, std::uint8_t{0});
  Column<double> active;
  for (const Entry& entry : harmful_) {
    entry.fill_active(rows, history, active);
    for (std::size_t i = 0; i < n; ++i)
      harmed[i] = static_cast<std::uint8_t>(harmed[i] | (active[i] != 0.0 ? 1 : 0));
  }
}

std::optional<Stretch> EffectTable::next_harm(Stretch within,
                                              const ExposureHistory& history) const noexcept {
  if (harmful_.empty()) return std::nullopt;
  std::optional<Instant> since;
  Instant next;
  for (Instant at = within.from; at < within.to; at = next) {
    next = within.to;
    for (const Entry& entry : harmful_) next = std::min(next, entry.next_change(at, history));
    // Nothing changes between `at` and `next`, so any moment between them speaks for all.
    const double between = to_seconds(at + (next - at) / 2);
    const bool is_present = std::ranges::any_of(
        harmful_, [&](const Entry& entry) { return entry.is_active(between, history); });
    if (is_present && !since) since = at;
    if (!is_present && since) return Stretch{*since, at};
  }
  if (!since) return std::nullopt;
  return Stretch{*since, within.to};
}

}  // namespace gatewright::sim
