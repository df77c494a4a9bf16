// Arrivals of bursty tenants: a renewal process each, in the operational time of the common rate.
// Used by arrivals where tenants have a burstiness; knows neither users nor windows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/lane_stream.h"
#include "sim/run.h"
#include "sim/scenario.h"
#include "sim/streams.h"
#include "sim/traffic/rate_path.h"
#include "sim/traffic/time_order.h"

namespace gatewright::sim {

/// Gaps of mean one with a coefficient of variation of their own.
struct GapLaw {
  enum class Family : std::uint8_t { gamma, weibull } family = Family::gamma;
  double shape = 1.0;
  double scale = 1.0;

  /// Gamma: shape 1 / cv^2. Weibull: the shape k with Gamma(1 + 2/k) / Gamma(1 + 1/k)^2 = 1 + cv^2.
  [[nodiscard]] static GapLaw of(Family family, double cv) noexcept;
  /// As many gaps as a batch holds or a few less, as rejection leaves them; at least one.
  static constexpr std::size_t kBatch = 32;
  using Batch = std::array<double, kBatch>;
  std::size_t draw(LaneStream& stream, Batch& gaps) const noexcept;
  /// From a time that has nothing to do with the process to the next arrival: a uniform part of a gap
  /// drawn with probability ~ its length (the equilibrium renewal process; Cox, Renewal Theory, 1962).
  [[nodiscard]] double draw_residual(Stream& stream) const noexcept;
};

/// The coefficients of variation that tenants are given: beyond these, the largest 99% quantile that
/// ServeGen's fleets show, one burst would be all that a tenant ever sends.
inline constexpr double kLeastGapCv = 0.05;
inline constexpr double kMostGapCv = 31.0;

class TenantRenewals {
 public:
  /// `shares` of the arrivals, per tenant.
  TenantRenewals(const Tenants::Burstiness& burstiness, std::span<const double> shares);

  /// Draws each tenant's law anew.
  void start(RunKey key);
  /// Appends times (seconds) and tenants (from 1) of the arrivals in pieces that begin at `from`, in
  /// order. Calls follow each other in time.
  void fill(Nanoseconds from, std::span<const RatePiece> pieces, std::vector<double>& at_seconds,
            std::vector<std::uint32_t>& tenants);
  [[nodiscard]] std::uint64_t draws() const noexcept { return draws_; }
  [[nodiscard]] const GapLaw& law(std::uint32_t tenant) const noexcept {
    return tenants_[tenant - 1].law;
  }

 private:
  struct Tenant {
    GapLaw law;
    double mean_gap;  ///< in operational time: expected arrivals of all tenants
    double next;      ///< the same, since the start
    LaneStream stream;
    std::uint32_t used = 0;  ///< of the gaps that wait
    std::uint32_t drawn = 0;
    GapLaw::Batch gaps;
  };
  struct Arrival {
    double at_seconds;  ///< operational time, in which the mean rate is 1
    std::uint32_t tenant;
    [[nodiscard]] std::uint32_t tie() const noexcept { return tenant; }
  };
  void draw_gaps(Tenant& tenant);

  Tenants::Burstiness burstiness_;
  std::vector<double> shares_;
  std::vector<Tenant> tenants_;
  std::vector<Arrival> arrivals_;  ///< of the present call
  TimeOrder<Arrival> order_;
  std::uint64_t draws_ = 0;
  double now_ = 0.0;  ///< operational time
};

}  // namespace gatewright::sim
