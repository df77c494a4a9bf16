// One window against a margin.
// Strict on every side: a candidate exactly at its limit is no harm.
#include "policies/gates/threshold_look.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gatewright {
namespace {

using Relation = HarmSpec::Relation;

/// Products of doubles decide "above" up to this relative error, so that 29 of 100 is not above
/// 29%.
constexpr double kSlack = 1e-12;

}  // namespace

std::optional<ThresholdLook::Seen> ThresholdLook::look_at(const Event& event) const noexcept {
  const auto look = [this](const auto& window) -> std::optional<Seen> {
    const auto candidate = arm(window.candidate);
    const auto baseline = compares_arms() ? arm(window.baseline) : Arm{};
    if (!candidate || !baseline) return std::nullopt;
    return Seen{.baseline = *baseline, .candidate = *candidate};
  };
  if (const auto* samples = std::get_if<Samples>(&event)) return look(*samples);
  if (const auto* readings = std::get_if<Readings>(&event)) return look(*readings);
  if (const auto* distributions = std::get_if<Distributions>(&event)) return look(*distributions);
  return std::nullopt;
}

std::optional<ThresholdLook::Arm> ThresholdLook::arm(const Summary& summary) const noexcept {
  if (summary.count < std::max<std::uint64_t>(1, min_samples_)) return std::nullopt;
  return Arm{.total = summary.sum, .count = static_cast<double>(summary.count)};
}

std::optional<ThresholdLook::Arm> ThresholdLook::arm(const Reading& reading) const noexcept {
  if (reading.status != ReadingStatus::ok || !std::isfinite(reading.value) ||
      reading.count < min_samples_)
    return std::nullopt;
  return Arm{.total = reading.value, .count = 1.0};
}

std::optional<ThresholdLook::Arm> ThresholdLook::arm(HistogramView view) const noexcept {
  if (count(view) < std::max<std::uint64_t>(1, min_samples_)) return std::nullopt;
  return Arm{.total = quantile(view, quantile_), .count = 1.0};
}

bool ThresholdLook::is_harmful_at(const Seen& seen, double margin) const noexcept {
  const auto& [baseline, candidate] = seen;
  switch (harm_.relation) {
    case Relation::ratio:
      return is_beyond(candidate.total * baseline.count, margin * baseline.total * candidate.count,
                       0.0);
    case Relation::difference:
      return is_beyond(candidate.total * baseline.count, baseline.total * candidate.count,
                       margin * baseline.count * candidate.count);
    case Relation::absolute:
      return is_beyond(candidate.total, margin * candidate.count, 0.0);
  }
  return false;
}

bool ThresholdLook::is_beyond(double value, double base, double allowance) const noexcept {
  const double slack = kSlack * std::max({std::abs(value), std::abs(base), std::abs(allowance)});
  return sign_ * (value - base - allowance) > slack;
}

/// Rounding keeps the order of margins, so that the number at which the comparison itself turns lies
/// within a few steps of the solved one.
double ThresholdLook::edge(const Seen& seen) const noexcept {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr int kStepsMost = 32;
  double edge = rough_edge(seen);
  const auto fails_at = [&](double level) { return is_harmful_at(seen, sign_ * level); };
  for (int i = 0; i < kStepsMost && std::isfinite(edge) && fails_at(edge); ++i)
    edge = std::nextafter(edge, kInfinity);
  for (int i = 0; i < kStepsMost && std::isfinite(edge); ++i) {
    const double lower = std::nextafter(edge, -kInfinity);
    if (fails_at(lower)) break;
    edge = lower;
  }
  return edge;
}

/// is_beyond() solved for the margin. At the edge of a ratio the larger of its two sides is the
/// candidate's where more is harm, and the limit's where less is.
double ThresholdLook::rough_edge(const Seen& seen) const noexcept {
  const auto& [baseline, candidate] = seen;
  if (harm_.relation == Relation::difference) {
    const double value = candidate.total * baseline.count;
    const double base = baseline.total * candidate.count;
    const double slack = kSlack * std::max(std::abs(value), std::abs(base));
    return (sign_ * (value - base) - slack) / (baseline.count * candidate.count);
  }
  const bool is_ratio = harm_.relation == Relation::ratio;
  const double value = is_ratio ? candidate.total * baseline.count : candidate.total;
  const double unit = is_ratio ? baseline.total * candidate.count : candidate.count;
  constexpr double kNowhere = -std::numeric_limits<double>::infinity();
  if (sign_ > 0.0) {
    if (unit > 0.0) return value * (1.0 - kSlack) / unit;
    return value > 0.0 ? -kNowhere : kNowhere;
  }
  return unit > 0.0 ? -value / (unit * (1.0 - kSlack)) : kNowhere;
}

}  // namespace gatewright
