// The joint law of what telemetry counts of a stretch of time in which the arms' laws do not change.
// Used by WindowWorld; built from the request kernel itself, answered once at points that cover all
// requests. Never knows a policy.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "sim/prepared.h"
#include "sim/telemetry/measurement.h"
#include "sim/windows/number_laws.h"
#include "sim/windows/request_kinds.h"
#include "sim/windows/sum_law.h"

namespace gatewright::sim {

/// Whether the laws differ in probabilities of events at most: those are weights, see WindowLaw.
[[nodiscard]] bool differ_in_events_only(const ArmLaws& a, const ArmLaws& b) noexcept;

/// What came of some requests that took one way, beside what is tallied.
struct RouteCounts {
  std::uint64_t requests = 0;
  std::uint64_t impacted = 0;           ///< bad answers that the baseline would not have given
  double cost_usd = 0.0;                ///< served: candidate minus baseline; mirrored: candidate
  std::array<std::uint64_t, 2> down{};  ///< thumbs, per arm
  std::array<std::uint64_t, 2> up{};    ///< the same
};

/// Arrivals are Poisson, so requests of different kinds (failed or not, collapsed, hanging, in time or
/// too late, at either arm) come in independent Poisson numbers; probabilities of events only weigh the
/// kinds. Each kind has its law of sums. Where a distribution is measured, its law is cut at the
/// quantiles that are asked for (at five, where it is asked for as a whole). Requests fall into
/// the stretches between the cuts, of all such numbers together, by a multinomial law; the sums follow
/// from how many fell where, and so go along with quantiles. Within a stretch values are independent of
/// all else: a whole distribution is split over the grid at once, of quantiles the place in their
/// stretch is drawn when they are read (see ValueRanges). Where a stretch has few requests all their
/// numbers are known, as requests know them. What depends on nothing else is drawn given its kind:
/// flagged refusals, ratings, which errors are rejections, who is impacted.
class WindowLaw {
 public:
  /// The measurements are those that windows can play (see fidelity.h), each once. The scenario stays as long as
  /// this.
  WindowLaw(const PreparedScenario& scenario, std::span<const Measured> measured,
            const ArmLaws& laws);

  [[nodiscard]] const ArmLaws& laws() const noexcept { return laws_; }
  [[nodiscard]] std::span<const Measured> measured() const noexcept { return measured_; }

  /// Memory to draw in, kept from call to call.
  struct Room {
    std::vector<SumLaw::Drawn> drawn;    ///< per kind
    std::vector<std::uint64_t> counts;   ///< per stretch
    std::vector<std::uint8_t> is_known;  ///< per cell
  };
  /// Adds a Poisson number of requests, `mean` expected, under `laws`, which differ from laws() in
  /// events only. `tallies`: per measurement; they refer to the law as long as they are not cleared.
  /// `harmed`: whether impacted requests are counted.
  RouteCounts add(Route route, double mean, const ArmLaws& laws, bool harmed, Stream& stream,
                  std::span<Tally* const> tallies, Room& room) const;

 private:
  using Kind = RequestKind;
  using Listed = Kind::Listed;
  using Stretch = Kind::Stretch;

  /// Found when they are first asked for.
  [[nodiscard]] const std::vector<Kind>& kinds_of(Route route) const;
  static void split_over_bins(const Stretch& stretch, std::uint64_t count, Stream& stream,
                              BinCounts& bins);
  void add_values(const Kind& kind, const SumLaw::Drawn& drawn, std::size_t listed, Stream& stream,
                  ArmTally& tally, Room& room) const;
  void tally_sums(const Kind& kind, std::uint64_t n, std::span<const double> sums,
                  std::span<Tally* const> tallies) const;
  void tally_pairs(const Kind& kind, std::uint64_t n, std::span<Tally* const> tallies) const;
  [[nodiscard]] static double probability(Route route, const ForcedPair& forced,
                                          const ArmLaws& laws) noexcept;
  /// What is counted of one arm.
  struct EventCounts {
    std::uint64_t all = 0, answered = 0;
    std::uint64_t errors = 0, timeouts = 0, rejected = 0, collapsed = 0, flagged = 0;
    std::uint64_t down = 0, up = 0;
  };
  void draw_events(const ArmLaw& law, bool seen, Stream& stream, EventCounts& counts) const;
  void tally_events(std::size_t arm, bool seen, const EventCounts& counts,
                    std::span<Tally* const> tallies) const;

  const PreparedScenario& scenario_;
  ArmLaws laws_;
  std::vector<Measured> measured_;
  double rate_limited_share_;
  bool any_flag_ = false, any_rejection_ = false, any_down_ = false, any_up_ = false;
  bool any_event_pair_ = false;
  // By whichever thread needs them first: they are the same for all.
  mutable std::array<std::once_flag, 2> are_numbers_known_;
  mutable NumbersOfArms numbers_;
  mutable std::array<std::once_flag, kRoutes> are_kinds_known_;
  mutable std::array<std::vector<Kind>, kRoutes> kinds_;
};

}  // namespace gatewright::sim
