// What both arms share for a while: a slow lognormal factor on a metric, window by window.
// Used by World; an AR(1) on the logarithm, stationary from the first window, of mean one.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "policies/time.h"
#include "sim/arms/world_metric.h"
#include "sim/run.h"
#include "sim/scenario.h"

namespace gatewright::sim {

class WindowNoise {
 public:
  WindowNoise() { factors_.fill(1.0); }
  /// `window`: length of a telemetry window.
  WindowNoise(const Noise& noise, Duration window);
  /// Back to before window 0 of another replication.
  void start(RunKey key) noexcept;
  /// Moves to the next window; its factors are a function of the key and of its number.
  void advance() noexcept;
  [[nodiscard]] double factor(WorldMetric metric) const noexcept {
    return factors_[index_of(metric)];
  }

 private:
  struct Process {
    WorldMetric metric;
    double sigma;        ///< of the logarithm
    double persistence;  ///< correlation of one window with the next
    double innovation;   ///< sqrt(1 - persistence^2)
    double z;            ///< state, standard normal
  };
  std::vector<Process> processes_;
  std::array<double, kWorldMetrics> factors_{};
  RunKey key_;
  std::uint64_t next_window_ = 0;
};

}  // namespace gatewright::sim
