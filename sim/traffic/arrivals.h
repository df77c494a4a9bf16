// When requests arrive, window by window, and what the trace says of them.
// Used by World. A window's arrivals are a function of (seed, replication, window), but what bursts,
// tenants and sessions carry over makes it necessary to play windows in order: a cursor does that.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "policies/diagnostic.h"
#include "policies/time.h"
#include "sim/run.h"
#include "sim/scenario.h"
#include "sim/traffic/rate_path.h"
#include "sim/users/population.h"

namespace gatewright::sim {

/// Arrivals of one window, in order of time. Token columns are empty unless a trace supplies them.
struct ArrivalColumns {
  std::vector<double> at_seconds;  ///< since the start of the rollout, within the window
  std::vector<float> input_tokens;
  std::vector<float> output_tokens;    ///< the baseline's
  std::vector<std::uint32_t> tenant;   ///< from 1, where tenants have a burstiness and no sessions
  std::vector<std::uint32_t> user;     ///< where users have sessions
  std::vector<std::uint32_t> session;  ///< the same
  std::uint64_t draws = 0;             ///< random words used, for the fingerprint

  void clear() noexcept {
    at_seconds.clear();
    input_tokens.clear();
    output_tokens.clear();
    tenant.clear();
    user.clear();
    session.clear();
    draws = 0;
  }
};

/// Plays one replication, window after window. Created once, started again and again: nothing is
/// allocated once it is warm.
class ArrivalCursor {
 public:
  ArrivalCursor() = default;
  ArrivalCursor(const ArrivalCursor&) = delete;
  ArrivalCursor& operator=(const ArrivalCursor&) = delete;
  virtual ~ArrivalCursor() = default;
  /// Back to before window 0 of a replication.
  virtual void start(RunKey key) = 0;
  /// Overwrites `out` with the arrivals of the next window, which lasts `length`, the same for all
  /// windows of a replication.
  virtual void next(Duration length, ArrivalColumns& out) = 0;
};

/// The rate of one replication, window after window, of arrivals that are Poisson given it.
class RateCursor {
 public:
  RateCursor() = default;
  RateCursor(const RateCursor&) = delete;
  RateCursor& operator=(const RateCursor&) = delete;
  virtual ~RateCursor() = default;
  /// Back to before window 0 of a replication.
  virtual void start(RunKey key) = 0;
  /// Overwrites `out` with the pieces of the next window, which lasts `length`. A daily wave is held
  /// for a minute at a time.
  virtual void next(Duration length, std::vector<RatePiece>& out) = 0;
  /// Random words behind it since the start.
  [[nodiscard]] virtual std::uint64_t draws() const noexcept = 0;
};

class ArrivalProcess {
 public:
  ArrivalProcess() = default;
  ArrivalProcess(const ArrivalProcess&) = delete;
  ArrivalProcess& operator=(const ArrivalProcess&) = delete;
  virtual ~ArrivalProcess() = default;
  /// The process and `population`, which sessions draw their users from, outlive the cursor.
  [[nodiscard]] virtual std::unique_ptr<ArrivalCursor> cursor(
      const Population& population) const = 0;
  /// The rates alone; null where requests are not independent given them. The process outlives the
  /// cursor.
  [[nodiscard]] virtual std::unique_ptr<RateCursor> rates() const { return nullptr; }
  /// Mean rate, per second, for lint and reports.
  [[nodiscard]] virtual double mean_rate_per_second() const noexcept = 0;
  /// The recorded output lengths, sorted, where a trace supplies them; else empty.
  [[nodiscard]] virtual const std::vector<float>& sorted_output_tokens() const noexcept = 0;
};

struct MadeArrivals {
  std::unique_ptr<const ArrivalProcess> process;  ///< null exactly if a diagnostic is an error
  Diagnostics diagnostics;                        ///< paths such as "traffic.arrivals.trace.file"
  std::vector<std::string> notes;  ///< what was looped, bootstrapped, dropped (named, counted)
};
/// Of a scenario that validate() has no errors for.
[[nodiscard]] MadeArrivals make_arrivals(const Scenario& scenario);

}  // namespace gatewright::sim
