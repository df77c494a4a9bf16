// What is different for a while: a slow shock on a metric, window by window, shared by the arms or not.
// Used by World; an AR(1), stationary from the first window: on the logarithm of a factor of mean one,
// or on the log-odds of events and quality.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "policies/time.h"
#include "sim/arms/world_metric.h"
#include "sim/noise/disturbance.h"
#include "sim/run.h"
#include "sim/scenario.h"

namespace gatewright::sim {

class WindowNoise {
 public:
  WindowNoise() = default;
  /// `arm`: whose rates the sizes in points refer to; `window`: length of a telemetry window.
  WindowNoise(const Noise& noise, const Arm& arm, Duration window);
  /// Back to before window 0 of another replication.
  void start(RunKey key) noexcept;
  /// Moves to the next window; its shocks are a function of the key and of its number.
  void advance() noexcept;
  [[nodiscard]] const Disturbance& at(std::size_t arm, WorldMetric metric) const noexcept {
    return disturbances_[arm][index_of(metric)];
  }

 private:
  enum class Whose : std::uint8_t { baseline, candidate, shared };
  struct Process {
    WorldMetric metric;
    Whose whose;
    double sigma;        ///< of the logarithm or the log-odds
    double persistence;  ///< correlation of one window with the next
    double innovation;   ///< sqrt(1 - persistence^2)
    double z;            ///< state, standard normal
  };
  std::vector<Process> processes_;
  std::array<std::array<Disturbance, kWorldMetrics>, 2> disturbances_{};
  RunKey key_;
  std::uint64_t next_window_ = 0;
};

}  // namespace gatewright::sim
