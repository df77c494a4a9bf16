// Several contenders in one world, in lockstep, window by window.
// Used by run() and run_many(); one per thread, played again and again, so that nothing is allocated
// once it is warm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sim/driver.h"
#include "sim/event_queue.h"
#include "sim/prepared.h"
#include "sim/router/split.h"
#include "sim/run.h"
#include "sim/telemetry/measurement.h"
#include "sim/world.h"

namespace gatewright::sim {

class Field {
 public:
  /// Both outlive the field; every contender passed check_fit().
  Field(std::span<const Contender> contenders, const PreparedScenario& scenario);

  /// Plays one replication. `traces`: null, or one per contender.
  void play(RunKey key, std::vector<RunTrace>* traces = nullptr);
  /// The record of a contender in the replication played last.
  [[nodiscard]] RunRecord record(std::size_t contender) const {
    return players_[contender].driver->record();
  }

 private:
  struct Player {
    std::unique_ptr<Driver> driver;
    std::vector<std::size_t> places;  ///< per probe: its measurement among the field's
    Wants wants = 0;                  ///< of the present chunk
  };
  /// Contenders whose requests go the same ways in a window: one split and one tally serve them all.
  struct Group {
    const Driver* leader = nullptr;
    std::vector<Player*> members;
    bool is_measuring = false;
    std::vector<bool> is_measured;  ///< per measurement of the field
    std::vector<Tally> tallies;     ///< the same
  };

  void play_window(std::uint64_t window);
  /// Groups the contenders that take part in requests from `start` on; none means all is over.
  void form_groups(Instant start);
  Group& group_for(const Driver& driver);
  void play_chunk(std::size_t chunk);
  [[nodiscard]] Instant start_of(std::uint64_t window) const noexcept;

  World world_;
  const PreparedScenario& scenario_;
  EventQueue queue_;
  std::vector<Player> players_;
  std::vector<Measurement> measurements_;  ///< the distinct ones of all contenders
  std::vector<Group> groups_;              ///< those beyond group_count_ are spare memory
  std::size_t group_count_ = 0;
  Split split_;
  std::vector<const Tally*> tallies_;  ///< per probe of one contender
  RunKey key_;
  Instant last_arrival_{};  ///< of telemetry
};

}  // namespace gatewright::sim
