// One arm's servers as a queue: replicas that batch requests, from one event straight to the next.
// Used by ServedRequests, one per contender and arm; knows times and work, never answers or policies.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "sim/serving/due.h"
#include "sim/serving/first_of.h"
#include "sim/serving/serving.h"

namespace gatewright::sim {

/// One request, as its servers see it. Seconds since the start of the rollout.
struct Job {
  double at_seconds = 0.0;        ///< of its arrival
  double prefill_seconds = 0.0;   ///< at its replica, before its first unit; at its own pace
  double work = 0.0;              ///< units (tokens) after the prefill
  double seconds_per_unit = 1.0;  ///< in a batch of one
  double patience_seconds = std::numeric_limits<double>::infinity();  ///< from its arrival
  double tokens = 0.0;    ///< that it keeps in its replica's memory while it is there
  std::uint32_t tag = 0;  ///< the caller's
};

enum class JobEnd : std::uint8_t {
  answered,
  rejected,  ///< at its arrival: the queue was full
  given_up,  ///< its patience was over, in the queue or at a replica
};

/// Integrals over a request's stay at its replica.
struct BatchTime {
  double seconds = 0.0;
  double batch = 0.0;          ///< of the number of requests there
  double batch_squared = 0.0;  ///< of its square

  /// The coefficient of variation of the numbers of requests in its batch, by time.
  [[nodiscard]] double variation() const noexcept {
    if (!(seconds > 0.0)) return 0.0;
    const double mean = batch / seconds;
    return std::sqrt(std::max(0.0, batch_squared / seconds - mean * mean)) / mean;
  }
};

struct EndedJob {
  double at_seconds = 0.0;
  double waited_seconds = 0.0;  ///< in the queue
  BatchTime batch{};
  std::uint64_t sequence = 0;  ///< of its arrival
  std::uint32_t tag = 0;
  JobEnd end = JobEnd::answered;
};

/// Integrals over time since the start; differences of two are those of the time between.
struct StationUse {
  double busy_slot_seconds = 0.0;  ///< of requests at replicas
  double slot_seconds = 0.0;       ///< of slots there were
  double token_seconds = 0.0;      ///< of tokens kept at replicas
  double waiting_seconds = 0.0;    ///< of requests in the queue
};

/// A pool of servers (see ServingPool). A request goes to the replica with the fewest, of equal ones
/// the first; it holds its slot through prefill and answer. A replica that holds b requests advances
/// the clock on which their answers are measured at the pace 1 / (1 + batch_slowdown (b - 1)): an
/// answer ends when that clock reaches a mark set when it began, so that what a batch does to
/// everyone in it costs nothing per token. With concurrency 1 this is G/G/c; with batch_slowdown 1
/// and no limit, processor sharing (Kleinrock 1967; Coffman, Muntz and Trotter, JACM 17, 1970, 123).
class Station {
 public:
  explicit Station(const ServingPool& pool);

  /// Empty, with the pool's replicas ready, at time 0.
  void start();

  /// A request arrives, not before anything that was told to the station.
  void arrive(const Job& job);
  /// Plays all that happens up to and including that moment.
  void run_until(double seconds);
  /// Plays until nobody waits or is answered; nobody arrives any more.
  void run_out();

  struct Provision {
    std::uint32_t replicas = 1;
    double cold_start_seconds = 0.0;
  };
  /// Changes the number of replicas, now: new ones take requests after their cold start; of too many
  /// the youngest go, at once where they are cold or empty, else when they have answered what they
  /// hold.
  void provision(const Provision& wanted);

  /// Requests that ended since they were forgotten last, by end, then by arrival.
  [[nodiscard]] std::span<const EndedJob> ended() const noexcept { return ended_; }
  void forget_ended() noexcept { ended_.clear(); }

  [[nodiscard]] double now_seconds() const noexcept { return now_; }
  [[nodiscard]] const StationUse& use() const noexcept { return use_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }
  [[nodiscard]] std::size_t running() const noexcept { return running_; }
  /// Replicas that take requests, and those that are on their way.
  [[nodiscard]] std::uint32_t ready() const noexcept { return ready_; }
  [[nodiscard]] std::uint32_t provisioned() const noexcept { return ready_ + starting_; }

 private:
  using Slot = std::uint32_t;
  static constexpr Slot kNone = std::numeric_limits<Slot>::max();

  /// A request in the system.
  struct Held {
    Job job;
    double started_at = 0.0;
    double batch_before = 0.0, batch_squared_before = 0.0;  ///< the replica's integrals then
    std::uint64_t sequence = 0;                             ///< 0: the slot is free
    std::uint32_t replica = 0;                              ///< kNone: it waits
    Slot before = kNone, behind = kNone;  ///< in the queue; behind: also in the list of free slots
  };

  enum class ReplicaState : std::uint8_t { off, starting, ready, leaving };
  struct Replica {
    DueRow prefills;  ///< by time
    DueRow answers;   ///< by the replica's clock
    double clock = 0.0;
    double at = 0.0;  ///< the moment to which clock and integrals are advanced
    double slowness = 1.0;
    double batch = 0.0, batch_squared = 0.0;  ///< integrals over time of b and of its square
    double ready_at = 0.0;
    std::uint32_t held = 0;
    ReplicaState state = ReplicaState::off;
  };

  [[nodiscard]] Slot take_slot(const Job& job);
  void give_back(Slot slot) noexcept;
  void enqueue(Slot slot) noexcept;
  void unlink(Slot slot) noexcept;
  [[nodiscard]] static Due due(double key, const Held& held, Slot slot) noexcept;
  [[nodiscard]] bool is_over(const Due& deadline) const noexcept;

  void move(double seconds) noexcept;
  void begin(Slot slot, std::size_t replica);
  void begin_answer(Slot slot, Replica& replica);
  void leave(Slot slot);
  void end(Slot slot, JobEnd how);
  void put_last_end_in_order() noexcept;
  static void rest(Replica& replica) noexcept;
  void refill(std::size_t i);
  void fill_from_queue();
  void play_replica(std::size_t i, double until);
  void give_up(Slot slot);

  static void run_clock(Replica& replica, double to) noexcept;
  [[nodiscard]] static bool is_prefill_first(const Replica& replica, double by) noexcept;
  void end_prefills(Replica& replica, double by);
  void advance(Replica& replica);
  [[nodiscard]] static double next_answer(const Replica& replica) noexcept;
  /// Tells the trees what a replica will do next, and its load.
  void settle(std::size_t i);
  void find_next_event(std::size_t i);
  void make_ready();
  void find_next_ready() noexcept;
  void look();

  ServingPool pool_;
  double now_ = 0.0;
  std::uint64_t sequence_ = 0;
  std::vector<Held> held_;
  Slot free_ = kNone;
  Slot first_waiting_ = kNone, last_waiting_ = kNone;
  std::size_t waiting_ = 0, running_ = 0;
  double tokens_ = 0.0;

  std::vector<Replica> replicas_;
  FirstOf<double> next_event_;   ///< per replica
  FirstOf<std::uint32_t> load_;  ///< per replica; those that take no requests are full
  std::uint32_t ready_ = 0, starting_ = 0, leaving_ = 0;
  double next_ready_ = 0.0;
  DueLine deadlines_;  ///< the first is always of a request that is still there

  // Autoscaling.
  double next_look_ = 0.0;
  double busy_at_look_ = 0.0;
  std::optional<double> low_since_;
  std::uint32_t low_most_ = 0;  ///< of what was wanted while the load was low

  StationUse use_;
  std::vector<EndedJob> ended_;
};

}  // namespace gatewright::sim
