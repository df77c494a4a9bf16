#include "sim/traffic/rate_path.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "sim/seconds.h"
#include "sim/streams.h"

namespace gatewright::sim {
namespace {

constexpr Nanoseconds kNever = std::numeric_limits<Nanoseconds>::max();
constexpr Nanoseconds kDay = Duration(std::chrono::hours(24)).count();
constexpr Nanoseconds kMinute = Duration(std::chrono::minutes(1)).count();

}  // namespace

ChangeFactor::ChangeFactor(const std::vector<TrafficChange>& changes) {
  for (const TrafficChange& change : changes) {
    const Nanoseconds from = change.from.count();
    changes_.push_back({from, change.lasts ? from + change.lasts->count() : kNever, change.factor});
  }
}

double ChangeFactor::at(Nanoseconds time) const noexcept {
  double factor = 1.0;
  for (const Change& change : changes_)
    if (change.from <= time && time < change.to) factor *= change.factor;
  return factor;
}

Nanoseconds ChangeFactor::until(Nanoseconds time) const noexcept {
  Nanoseconds next = kNever;
  for (const Change& change : changes_)
    for (const Nanoseconds edge : {change.from, change.to})
      if (edge > time) next = std::min(next, edge);
  return next;
}

double DailyWave::factor(double since_seconds) const noexcept {
  constexpr double kSecondsPerDay = 86'400.0;
  const double since_peak = since_seconds + to_seconds(start_of_day - peak);
  const double cosine = std::cos(2.0 * std::numbers::pi / kSecondsPerDay * since_peak);
  const double cosine_of_double = 2.0 * cosine * cosine - 1.0;
  return 1.0 + amplitude * cosine + second_harmonic * cosine_of_double;
}

/// Between two points a curve strays from their chord by at most h^2 / 8 times its greatest curvature.
Bounds DailyWave::within_minute(Nanoseconds minute) const noexcept {
  constexpr double kMinuteSeconds = 60.0;
  constexpr double kTurn = 2.0 * std::numbers::pi / 86'400.0;  // radians a second
  const double from = kMinuteSeconds * static_cast<double>(minute);
  const auto [low, high] = std::minmax({factor(from), factor(from + kMinuteSeconds)});
  const double curvature = kTurn * kTurn * (amplitude + 4.0 * second_harmonic);
  const double astray = kMinuteSeconds * kMinuteSeconds / 8.0 * curvature;
  return {std::max(0.0, low - astray), high + astray};
}

RatePath::RatePath(RateLaw law, ChangeFactor changes)
    : law_(std::move(law)), changes_(std::move(changes)) {}

void RatePath::start(RunKey key) noexcept {
  key_ = key;
  day_ = -1;
  day_level_ = 1.0;
  day_draws_ = 0;
  for (Modulation& modulation : law_.modulations) modulation.start(key);
}

std::uint64_t RatePath::draws() const noexcept {
  std::uint64_t draws = day_draws_;
  for (const Modulation& modulation : law_.modulations) draws += modulation.draws();
  return draws;
}

double RatePath::day_level(std::int64_t day) noexcept {
  if (day == day_) return day_level_;
  day_ = day;
  double z = 0.0;
  Stream stream({key_.seed, key_.replication, "arrivals.day", static_cast<std::uint64_t>(day)});
  stream.fill_normal(std::span(&z, 1));
  day_draws_ += stream.draws();
  day_level_ =
      std::exp(std::sqrt(law_.day_level_log_variance) * z - 0.5 * law_.day_level_log_variance);
  return day_level_;
}

void RatePath::fill(Nanoseconds from, Nanoseconds to, MinutelyWave wave,
                    std::vector<RatePiece>& out) {
  out.clear();
  const auto end_of_cell = [](Nanoseconds time, Nanoseconds cell) {
    return (time / cell + 1) * cell;
  };
  while (from < to) {
    double rate = law_.per_second;
    Nanoseconds until = to;
    for (Modulation& modulation : law_.modulations) {
      const Nanoseconds step = modulation.step().count();
      rate *= modulation.at(static_cast<std::uint64_t>(from / step));
      until = std::min(until, end_of_cell(from, step));
    }
    if (law_.day_level_log_variance > 0.0) {
      const Nanoseconds of_day = from + law_.start_of_day.count();
      rate *= day_level(of_day / kDay);
      until = std::min(until, end_of_cell(of_day, kDay) - law_.start_of_day.count());
    }
    if (!changes_.is_empty()) {
      rate *= changes_.at(from);
      until = std::min(until, changes_.until(from));
    }
    if (wave.wave != nullptr) {
      const Nanoseconds minute = from / kMinute;
      rate *= wave.held == MinutelyWave::Held::most
                  ? wave.wave->within_minute(minute).most
                  : wave.wave->factor(to_seconds(Duration(minute * kMinute + kMinute / 2)));
      until = std::min(until, end_of_cell(from, kMinute));
    }
    out.push_back({rate, until});
    from = until;
  }
}

}  // namespace gatewright::sim
