// Requests that come in sessions: each start is followed by more requests of the same user.
// Used by arrivals where users have sessions; carries what is under way from window to window.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/arms/chance.h"
#include "sim/lane_stream.h"
#include "sim/run.h"
#include "sim/scenario.h"
#include "sim/traffic/rate_path.h"
#include "sim/traffic/time_order.h"
#include "sim/users/population.h"

namespace gatewright::sim {

/// Mean of a delay law, in seconds.
[[nodiscard]] double mean_seconds(const DelayLaw& law) noexcept;

/// One request of a session.
struct SessionRequest {
  double at_seconds = 0.0;
  std::uint32_t user = 0;
  std::uint32_t session = 0;
  [[nodiscard]] std::uint32_t tie() const noexcept { return session; }
};

/// [from, until), the index-th of windows of equal length.
struct SessionWindow {
  std::uint64_t index = 0;
  double length_seconds = 0.0;
  double from_seconds = 0.0;
  double until_seconds = 0.0;
};

/// Sessions that begin in a window, in order. Tenants: of each, or nothing where all users take part.
struct SessionStarts {
  std::span<const double> at_seconds;
  std::span<const std::uint32_t> tenants;
};

/// After each request a session goes on with probability 1 - 1/mean, so that it has a geometric number
/// of requests, and the next one comes after a time to think; where that is longer than `gap` it
/// begins a session of its own, of the same user. A window's requests are drawn generation by
/// generation, many at once, and what comes later waits in a calendar of windows.
class SessionFlow {
 public:
  /// Both outlive the flow.
  SessionFlow(const Sessions& law, const Population& population);

  /// Begins a replication in which `per_second` requests were coming before the start: the sessions
  /// then under way are Poisson in number, and the times until they go on are residual times to think
  /// (a network of queues with infinitely many servers in its stationary state).
  void start(RunKey key, double per_second);

  /// Overwrites `out` with the requests of the next window, in order. `changes` that lower traffic
  /// lower what is under way with it, and end it where they stop it; they have acted on starts.
  void play(const SessionWindow& window, const SessionStarts& starts, const ChangeFactor& changes,
            std::vector<SessionRequest>& out);
  [[nodiscard]] std::uint64_t draws() const noexcept { return draws_; }

 private:
  struct Due {
    SessionRequest request;
    double factor;  ///< of the changes when it was decided that it comes
  };
  /// Of one window.
  struct Streams {
    LaneStream users, goes_on, think, changes;
  };

  void take_due(const SessionWindow& window);
  void put(const Due& due, std::uint64_t first, double window_seconds);
  void begin(const SessionStarts& starts, LaneStream& users);
  void lower(const ChangeFactor& changes, LaneStream& stream);
  void go_on(const SessionWindow& window, Streams& streams);
  void draw_thinks(LaneStream& stream);

  static constexpr std::size_t kCalendar = 64;  ///< windows

  const Sessions& law_;
  const Population& population_;
  double goes_on_;  ///< probability
  double gap_seconds_;
  RunKey key_;
  std::uint64_t draws_ = 0;
  std::uint32_t sessions_ = 0;                        ///< begun
  std::array<std::vector<Due>, kCalendar> calendar_;  ///< by window
  std::vector<Due> beyond_;                           ///< in windows after those
  std::vector<Due> generation_;  ///< of the present window, not yet gone on from
  std::vector<Due> next_;        ///< what follows them in the window
  std::vector<Due> later_;       ///< and after it
  std::vector<Word> words_;
  std::vector<std::uint64_t> long_words_;
  std::vector<float> thinks_;
  TimeOrder<SessionRequest> order_;
};

}  // namespace gatewright::sim
