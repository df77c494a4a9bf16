// When requests arrive, window by window, and what the trace says of them.
// Used by World; a window's arrivals are a function of (seed, replication, window) alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "policies/diagnostic.h"
#include "policies/time.h"
#include "sim/run.h"
#include "sim/scenario.h"

namespace gatewright::sim {

/// Arrivals of one window, in order of time. Token columns are empty unless a trace supplies them.
struct ArrivalColumns {
  std::vector<double> at_seconds;  ///< since the start of the rollout, within the window
  std::vector<float> input_tokens;
  std::vector<float> output_tokens;  ///< the baseline's
  std::uint64_t draws = 0;           ///< random words used, for the fingerprint
};

class ArrivalProcess {
 public:
  ArrivalProcess() = default;
  ArrivalProcess(const ArrivalProcess&) = delete;
  ArrivalProcess& operator=(const ArrivalProcess&) = delete;
  virtual ~ArrivalProcess() = default;
  /// Overwrites `out` with the arrivals in [window x length, (window + 1) x length).
  virtual void fill(RunKey key, std::uint64_t window, Duration length,
                    ArrivalColumns& out) const = 0;
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
