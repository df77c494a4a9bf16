// The joint law of what telemetry counts of a stretch of time in which the arms' laws do not change.
// Used by WindowWorld; built from the request kernel itself, answered once at points that cover all
// requests. Never knows a policy.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sim/arms/answers.h"
#include "sim/prepared.h"
#include "sim/telemetry/measurement.h"
#include "sim/windows/latent_points.h"
#include "sim/windows/sum_law.h"

namespace gatewright::sim {

/// Which way a request takes, and so whose answers are seen and paid for.
enum class Route : std::uint8_t {
  baseline,  ///< the old model alone
  served,    ///< the candidate alone
  mirrored,  ///< the old model, and the candidate for telemetry
  unsampled  ///< the same, but telemetry does not see the candidate's answer
};
inline constexpr std::size_t kRoutes = 4;

/// What is measured, and which of its quantiles are asked for.
struct Measured {
  Measurement measurement;  ///< of all segments
  std::vector<double> probabilities{};
  friend bool operator==(const Measured&, const Measured&) = default;
};

/// The arms' laws at a moment. Errors in bursts are the law's errors where a burst is on.
struct ArmLaws {
  std::array<ArmLaw, 2> arm;
  Affine input_tokens;  ///< both arms are asked the same prompts
};

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
  /// The measurements are those that windows can play (see fidelity.h), each once.
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
  /// What is forced on an answer.
  struct Forced {
    bool error = false, collapse = false, hang = false;
    friend constexpr bool operator==(const Forced&, const Forced&) = default;
  };
  using ForcedPair = std::array<Forced, 2>;
  /// Of mishaps without an error, below 4.
  [[nodiscard]] static constexpr std::size_t index_of(const Forced& forced) noexcept {
    return (forced.collapse ? 1U : 0U) + (forced.hang ? 2U : 0U);
  }
  /// A number of a measurement; of pairs the baseline's stands for both.
  struct Place {
    std::size_t measurement;
    std::size_t arm;
  };
  /// Where the law of a number is cut, for windows with fewer than so many requests.
  struct Cut {
    float at;
    double until;
    /// Of answers with such mishaps (see index_of), those that end in time and are below it; where it serves
    /// for any number.
    std::array<double, 4> shares{};
  };
  /// Numbers of one stretch of a law, equally likely and rising.
  struct Stretch {
    std::span<const float> among;
    std::span<const std::uint16_t> bins;  ///< of whole distributions: their bins
    struct Run {
      std::uint32_t bin;
      std::uint32_t size;  ///< so many of `among` lie in it
    };
    std::vector<Run> runs;  ///< the same
  };
  /// A number of which a distribution is measured.
  struct Listed {
    Place place;
    std::vector<float> values;  ///< of all stretches
    std::vector<std::uint16_t> bins;
    struct Division {  ///< see SumLaw::Drawn
      std::vector<std::uint8_t> stretch_of_cell;
      std::vector<Stretch> stretches;
    };
    std::vector<Division> divisions;
  };
  /// Requests of one kind.
  struct Kind {
    ForcedPair forced;
    std::array<std::uint8_t, 2> events{};  ///< those that come with the kind
    double share = 0.0;                    ///< of requests so forced
    double newly_bad = 0.0;                ///< share bad at the candidate only, refusals left out
    double neither_bad = 0.0;              ///< share bad at neither arm
    std::vector<Place> summed;   ///< see numbers_of; then comes the cost, where the route has one
    std::vector<Listed> listed;  ///< their numbers come last in a row
    std::optional<SumLaw> sums;  ///< once the rows are complete
    std::vector<float> rows;     ///< until the sums are known
    std::size_t count = 0;       ///< of rows
    std::size_t fine = 0;        ///< of which are fine ones; see SumLaw
  };
  struct Chunk;

  /// Lets both arms answer the points, chunk by chunk.
  struct Points;
  template <typename Take>
  void answer_points(const PreparedScenario& scenario, const ForcedPair& forced, Points points,
                     Take take) const;
  void find_centres(const PreparedScenario& scenario);
  static LatentPoints huge();
  [[nodiscard]] static bool is_whole_law(const Kind& kind, std::size_t arm) noexcept;
  void find_means(const PreparedScenario& scenario);
  [[nodiscard]] std::vector<double> shift_of(const Kind& kind, std::size_t width) const;
  void find_cuts(const PreparedScenario& scenario, std::span<const Forced> mishaps);
  void add_points(const PreparedScenario& scenario, const ForcedPair& forced);
  [[nodiscard]] static const LatentPoints& net_of(const ForcedPair& forced);
  /// Of all points of a net and its tails, in fine rows.
  [[nodiscard]] static double mass_of_all(const LatentPoints& net);
  /// A net of all and those of its tails, one after the other, for either order of arms.
  template <typename Take>
  static void for_nets(const LatentPoints& all, Take take);
  void complete(Kind& kind) const;
  /// Fills the cells of the table.
  void divide(Kind& kind, SumLaw::Table& table) const;
  void find_missing(const Kind& kind, SumLaw::Table& table) const;
  /// Numbers of many answers without a mishap at a place.
  struct Numbers {
    Place place;
    std::vector<float> values;  ///< sorted
    std::vector<float> late;    ///< those of them whose answers come too late
  };
  void straighten(const PreparedScenario& scenario, float at, Numbers& of) const;
  [[nodiscard]] std::vector<float> quantiles_of_all(const PreparedScenario& scenario, Place place,
                                                    std::span<const float> lawful,
                                                    std::span<const Forced> mishaps,
                                                    std::span<const double> probabilities) const;
  [[nodiscard]] double share_below(const PreparedScenario& scenario, Place place,
                                   const Forced& mishap, float at) const;
  [[nodiscard]] std::span<const float> between_cuts(const Kind& kind, Place place,
                                                    std::size_t stretch) const;
  void find_stretches(Kind& kind, std::size_t width, std::size_t listed,
                      std::span<const std::uint8_t> stretch_of_row) const;
  static void split_over_bins(const Stretch& stretch, std::uint64_t count, Stream& stream,
                              BinCounts& bins);
  void add_chunk(Route route, const ForcedPair& forced, const Chunk& chunk);
  Kind& kind_of(Route route, const ForcedPair& forced, std::array<std::uint8_t, 2> events);
  void find_places(Route route, Kind& kind) const;
  void add_values(const Kind& kind, const SumLaw::Drawn& drawn, std::size_t listed, Stream& stream,
                  ArmTally& tally, Room& room) const;
  void tally_sums(const Kind& kind, std::uint64_t n, std::span<const double> sums,
                  std::span<Tally* const> tallies) const;
  void tally_pairs(const Kind& kind, std::uint64_t n, std::span<Tally* const> tallies) const;
  [[nodiscard]] static double probability(const Forced& forced, const ArmLaw& law) noexcept;
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

  ArmLaws laws_;
  std::vector<Measured> measured_;
  /// About which squares and products are summed: of a number, and of the one beside it.
  struct Centres {
    double of_number = 0.0, of_other = 0.0;
  };
  std::vector<std::array<Centres, 2>> centres_;  ///< per measurement and arm
  /// Of answers without a mishap that end in time: of a number, of the one beside it, and of their squares
  /// about the middles.
  struct Means {
    double of_number = 0.0, of_square = 0.0, of_other = 0.0, of_other_square = 0.0;
  };
  std::vector<std::array<Means, 2>> means_;  ///< the same
  /// Per measurement and arm: where its law is cut, rising; of distributions.
  std::vector<std::array<std::vector<Cut>, 2>> cuts_;
  /// The same: many numbers of answers without mishaps, sorted; until the rows are known.
  std::vector<std::array<std::vector<float>, 2>> law_;
  /// The same, by whose latents come first, and of some points and of most: numbers of answers without
  /// mishaps, per point; until the rows are known.
  std::vector<std::array<std::array<std::array<std::vector<float>, 2>, 2>, 2>> exact_;
  Objectives objectives_;
  double rate_limited_share_;
  bool any_flag_ = false, any_rejection_ = false, any_down_ = false, any_up_ = false;
  bool any_event_pair_ = false;
  std::array<std::vector<Kind>, kRoutes> kinds_;
};

}  // namespace gatewright::sim
