// Plays the windows of an arrival process, as a world does.
// Used by the tests of traffic.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/traffic/arrivals.h"
#include "sim/users/population.h"

namespace gatewright::sim::testing {

class ArrivalPlayer {
 public:
  /// `process` outlives the player.
  ArrivalPlayer(const ArrivalProcess& process, RunKey key, Duration length,
                const Traffic& traffic = small_traffic())
      : population_(traffic.users, traffic.tenants),
        cursor_(process.cursor(population_)),
        length_(length) {
    start(key);
  }
  void start(RunKey key) {
    cursor_->start(key);
    played_ = 0;
  }
  const ArrivalColumns& next() {
    cursor_->next(length_, columns_);
    ++played_;
    return columns_;
  }
  /// A window that has not been played yet.
  const ArrivalColumns& window(std::uint64_t index) {
    while (played_ <= index) next();
    return columns_;
  }
  [[nodiscard]] const Population& population() const noexcept { return population_; }

 private:
  static Traffic small_traffic() {
    Traffic traffic;
    traffic.users.count = 10;
    return traffic;
  }
  Population population_;
  std::unique_ptr<ArrivalCursor> cursor_;
  Duration length_;
  ArrivalColumns columns_;
  std::uint64_t played_ = 0;
};

}  // namespace gatewright::sim::testing
