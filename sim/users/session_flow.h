// Requests that come in sessions: each start is followed by more requests of the same user.
// Used by arrivals where users have sessions; carries what is under way from window to window.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "sim/run.h"
#include "sim/scenario.h"
#include "sim/streams.h"
#include "sim/traffic/rate_path.h"
#include "sim/users/population.h"

namespace gatewright::sim {

/// Mean of a delay law, in seconds.
[[nodiscard]] double mean_seconds(const DelayLaw& law) noexcept;

/// One request of a session.
struct SessionRequest {
  double at_seconds = 0.0;
  std::uint32_t user = 0;
  std::uint32_t session = 0;
};

/// After each request a session goes on with probability 1 - 1/mean, so that it has a geometric number
/// of requests, and the next one comes after a time to think; where that is longer than `gap` it
/// begins a session of its own, of the same user.
class SessionFlow {
 public:
  /// Both outlive the flow.
  SessionFlow(const Sessions& law, const Population& population);

  /// Begins a replication in which `per_second` requests were coming before the start: the sessions
  /// then under way are Poisson in number, and the times until they go on are residual times to think
  /// (a network of queues with infinitely many servers in its stationary state).
  void start(RunKey key, double per_second);

  /// A session begins: of a user of `tenant`, or of all users where that is 0. Starts come in order.
  void begin(double at_seconds, std::uint32_t tenant);
  /// The next request before `until_seconds`, if there is one: all starts before it have been told.
  /// `changes` that lower traffic lower what is under way with it, and end it where they stop it.
  [[nodiscard]] std::optional<SessionRequest> next(double until_seconds,
                                                   const ChangeFactor& changes);
  [[nodiscard]] std::uint64_t draws() const noexcept { return stream_.draws(); }

 private:
  struct Due {
    SessionRequest request;
    double factor;  ///< of the changes when it was decided that it comes
    [[nodiscard]] std::pair<double, std::uint32_t> order() const noexcept {
      return {request.at_seconds, request.session};
    }
  };
  void push(const Due& due);
  void go_on(const SessionRequest& after, double factor);

  const Sessions& law_;
  const Population& population_;
  double goes_on_;  ///< probability
  double gap_seconds_;
  Stream stream_;
  std::uint32_t sessions_ = 0;  ///< begun
  std::vector<Due> due_;        ///< a heap, the earliest first
};

}  // namespace gatewright::sim
