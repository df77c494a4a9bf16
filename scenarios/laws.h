// Small shapes that many sections of a scenario share: shares, times, rates, delay and lognormal laws.
// Used by the tables of traffic, arms, noise and telemetry; knows none of them.
#pragma once

#include "scenarios/shape.h"
#include "sim/scenario.h"

namespace gatewright::scenarios {

inline const Range<Duration> kAnyTime{.least = Duration::zero(), .most = {}};
inline const Range<Duration> kPositiveTime{
    .least = Duration::zero(), .most = {}, .open_below = true};
inline const Range<double> kNotNegative{.least = 0.0, .most = {}};
inline const Range<double> kPositive{.least = 0.0, .most = {}, .open_below = true};
inline const Range<double> kZeroToOne{.least = 0.0, .most = 1.0};
inline const Range<double> kCorrelation{
    .least = -1.0, .most = 1.0, .open_below = true, .open_above = true};
inline const Range<double> kPromptCorrelation{
    .least = 0.0, .most = 1.0, .open_below = false, .open_above = true};

[[nodiscard]] inline ShapeOf<double> share() { return quantity(kShare, kZeroToOne); }
[[nodiscard]] inline ShapeOf<double> seconds(Range<double> range = kNotNegative) {
  return quantity(kSeconds, range);
}
[[nodiscard]] inline ShapeOf<double> rate() { return quantity(kRate, kPositive); }
[[nodiscard]] inline ShapeOf<double> number(Range<double> range) {
  return quantity(kNumber, range);
}
[[nodiscard]] inline ShapeOf<Duration> duration(Range<Duration> range) {
  return quantity(kDuration, range);
}

/// {median: ..., sigma: ..., clip: ...}
[[nodiscard]] ShapeOf<sim::Lognormal> lognormal_shape(const Unit<double>& unit);
/// {fixed: ...}, {uniform: {from, to}} or {lognormal: {median, sigma or p95}}
[[nodiscard]] ShapeOf<sim::DelayLaw> delay_shape();

}  // namespace gatewright::scenarios
