// The requests of one contender that wait and are answered: from arrival to loaded answers.
// Used by Field where a scenario has servers; knows which arm answers, never a policy or a metric.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "sim/arms/columns.h"
#include "sim/arms/prices.h"
#include "sim/router/router.h"
#include "sim/router/split.h"
#include "sim/run.h"
#include "sim/scenario.h"
#include "sim/serving/station.h"

namespace gatewright::sim {

/// What a metrics store reads of an arm's replicas over a window.
struct ArmGauges {
  double cpu = 0.0;     ///< busy slots, of those there were
  double memory = 0.0;  ///< tokens kept in batches, of the room there was
};

/// Both arms' servers under one contender's exposure. A request enters with its unloaded answers; when
/// it ends, the answer of the arm that had it carries the load: its wait, the pace of its batches,
/// rejection, the end of its patience. The other arm's answer stays unloaded: what that arm would
/// have said had it had room. How loaded it would have been depends on where all others had gone,
/// which no single request's potential outcome can say.
class ServedRequests {
 public:
  /// The scenario has servers and outlives this.
  explicit ServedRequests(const Scenario& scenario);

  /// Back to the start of a rollout: nobody waits.
  void start(RunKey key);

  /// Requests of a chunk arrive and go where `split` sends them. `chunk`: its number in the
  /// replication. Wanted columns: prompt lengths, and the answers of the arms that get any.
  void enter(const Columns& columns, const Split& split, std::span<const ExposureSegment> timeline,
             std::uint64_t chunk);
  /// Plays up to the end of a window.
  void run_until(Instant end, std::span<const ExposureSegment> timeline);
  /// Plays until all have ended; nobody arrives any more.
  void run_out();

  /// The next chunk of requests that ended since, in order of arrival, with loaded answers; null when
  /// there are no more. Valid until the next call.
  [[nodiscard]] const Columns* next_ended();
  /// Whose they were.
  [[nodiscard]] Split& split_of_ended() noexcept { return ended_split_; }

  /// Readings of the window that ran last; nothing of an arm that had no requests.
  [[nodiscard]] const std::array<std::optional<ArmGauges>, 2>& gauges() const noexcept {
    return gauges_;
  }
  [[nodiscard]] bool is_empty() const noexcept { return in_flight_ == 0; }

 private:
  /// A chunk of requests at their servers, until the last of them has ended.
  struct Block {
    Columns columns;  ///< unloaded
    std::array<double, kChunk> at_seconds;
    std::array<std::array<float, kChunk>, 2> noise;        ///< per arm: standard normal
    std::array<std::array<std::uint32_t, kChunk>, 2> job;  ///< per arm: its place among ended ones
    /// Per arm: places that ended since they were collected last.
    std::array<std::array<std::uint64_t, kChunk / 64>, 2> ended;
    std::array<std::uint64_t, kChunk / 64> mirrored;  ///< places
    std::size_t ended_count = 0;
    std::size_t in_flight = 0;
  };
  struct Servers {
    Station station;
    ServingPool pool;
    PriceTable prices{};
    StationUse use_before{};
  };
  /// An answer that ended.
  struct Ended {
    std::uint32_t block = 0;
    std::uint16_t place = 0;
    std::uint16_t arm = 0;
  };

  [[nodiscard]] std::uint32_t take_block();
  void enter_one(std::uint32_t block, std::size_t place, std::size_t arm);
  void collect();
  void collect_block(std::uint32_t number);
  void follow(std::span<const ExposureSegment> timeline, double seconds);
  void load_answer(const EndedJob& job, const Ended& ended, std::size_t i);
  void free_blocks();
  void read_gauges();

  const Serving& serving_;
  const double timeout_seconds_;
  RunKey key_;
  std::array<Servers, 2> servers_;
  Exposure followed_;
  double followed_at_ = -1.0;

  std::vector<std::unique_ptr<Block>> pool_;
  std::vector<std::uint32_t> blocks_;  ///< of the pool: those in use, in order of arrival
  std::vector<std::uint32_t> spare_;   ///< the others
  std::size_t in_flight_ = 0;

  std::vector<Ended> ended_;  ///< in order of arrival
  std::size_t next_ = 0;
  std::unique_ptr<Columns> ended_columns_;
  std::array<double, kChunk> ended_at_{};
  std::array<Way, kChunk> ended_ways_{};
  Split ended_split_;
  std::array<std::optional<ArmGauges>, 2> gauges_;
};

}  // namespace gatewright::sim
