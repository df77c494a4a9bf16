#include "sim/noise/window_noise.h"

#include <cmath>
#include <optional>
#include <span>

#include "sim/arms/columns.h"
#include "sim/seconds.h"
#include "sim/streams.h"

namespace gatewright::sim {
namespace {

/// The number of a shock in stream keys. Metrics that came later are numbered beyond the first ones,
/// so that these keep their places.
std::uint64_t place_of(WorldMetric metric, std::uint64_t window) noexcept {
  constexpr std::uint64_t kFirstMetrics = 13;
  constexpr std::uint64_t kLater = std::uint64_t{1} << 40;
  constexpr std::uint64_t kMostMetrics = 64;
  static_assert(kWorldMetrics <= kMostMetrics);
  const std::uint64_t index = index_of(metric);
  return index < kFirstMetrics ? window * kFirstMetrics + index
                               : kLater + window * kMostMetrics + index;
}

/// In the order of WindowNoise::Whose.
constexpr std::array<StreamName, 3> kStreamNames = {"noise.window.baseline",
                                                    "noise.window.candidate", "noise.window"};

}  // namespace

WindowNoise::WindowNoise(const Noise& noise, const Arm& arm, Duration window) {
  for (const auto& [name, law] : noise.window) {
    const std::optional<WorldMetric> metric = world_metric(name);
    if (!metric || law.size == 0.0) continue;
    const double sigma = is_positive(*metric) ? std::sqrt(std::log1p(law.size * law.size))
                                              : logit_sd(law.size, own_rate(arm, *metric));
    const double persistence = std::exp(-to_seconds(window) / to_seconds(law.correlation_time));
    const double innovation = std::sqrt(1.0 - persistence * persistence);
    const auto add = [&](Whose whose) {
      processes_.push_back({*metric, whose, sigma, persistence, innovation, 0.0});
    };
    if (law.separate) {
      add(Whose::baseline);
      add(Whose::candidate);
    } else {
      add(Whose::shared);
    }
  }
}

void WindowNoise::start(RunKey key) noexcept {
  key_ = key;
  next_window_ = 0;
}

void WindowNoise::advance() noexcept {
  for (Process& process : processes_) {
    const StreamName name = kStreamNames[static_cast<std::size_t>(process.whose)];
    Stream stream({key_.seed, key_.replication, name, place_of(process.metric, next_window_)});
    double fresh = 0.0;
    stream.fill_normal(std::span(&fresh, 1));
    process.z =
        next_window_ == 0 ? fresh : process.persistence * process.z + process.innovation * fresh;
    const Disturbance disturbance =
        is_positive(process.metric)
            ? Disturbance{.factor = std::exp(process.sigma * process.z -
                                             0.5 * process.sigma * process.sigma)}
            : Disturbance{.logit = process.sigma * process.z};
    if (process.whose != Whose::candidate)
      disturbances_[kBaselineArm][index_of(process.metric)] = disturbance;
    if (process.whose != Whose::baseline)
      disturbances_[kCandidateArm][index_of(process.metric)] = disturbance;
  }
  ++next_window_;
}

}  // namespace gatewright::sim
