#include "sim/noise/window_noise.h"

#include <cmath>
#include <optional>
#include <span>

#include "sim/seconds.h"
#include "sim/streams.h"

namespace gatewright::sim {

WindowNoise::WindowNoise(const Noise& noise, Duration window) : WindowNoise() {
  for (const auto& [name, law] : noise.window) {
    const std::optional<WorldMetric> metric = world_metric(name);
    if (!metric || law.size == 0.0) continue;
    const double persistence = std::exp(-to_seconds(window) / to_seconds(law.correlation_time));
    processes_.push_back({*metric, std::sqrt(std::log1p(law.size * law.size)), persistence,
                          std::sqrt(1.0 - persistence * persistence), 0.0});
  }
}

void WindowNoise::start(RunKey key) noexcept {
  key_ = key;
  next_window_ = 0;
}

void WindowNoise::advance() noexcept {
  for (Process& process : processes_) {
    Stream stream({key_.seed, key_.replication, "noise.window",
                   next_window_ * kWorldMetrics + index_of(process.metric)});
    double fresh = 0.0;
    stream.fill_normal(std::span(&fresh, 1));
    process.z =
        next_window_ == 0 ? fresh : process.persistence * process.z + process.innovation * fresh;
    factors_[index_of(process.metric)] =
        std::exp(process.sigma * process.z - 0.5 * process.sigma * process.sigma);
  }
  ++next_window_;
}

}  // namespace gatewright::sim
