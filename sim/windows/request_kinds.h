// The kinds of requests that come by one route, each with the law of the sums of its numbers.
// Used by WindowLaw, which draws them; built from answers to the points of nets. Draws nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sim/prepared.h"
#include "sim/telemetry/measurement.h"
#include "sim/windows/number_laws.h"
#include "sim/windows/point_answers.h"
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

/// What a route's telemetry sees, and what it costs.
struct RouteTraits {
  std::array<bool, 2> asked;     ///< which arms answer
  std::array<bool, 2> measured;  ///< whose answers are counted
  bool costs;
};
[[nodiscard]] const RouteTraits& traits_of(Route route) noexcept;

/// Users see the old model's answers, and those that the candidate serves.
[[nodiscard]] constexpr bool is_seen(Route route, std::size_t arm) noexcept {
  return arm == kBaselineArm || route == Route::served;
}

/// Requests of which a test of pairs is told: the mirrored ones that count at both arms.
[[nodiscard]] bool counts_as_pair(MetricScope scope, Route route,
                                  const std::array<std::uint8_t, 2>& events) noexcept;

/// Numbers that are summed of a measurement at an arm: y and y^2; of pairs and with a covariate x also
/// x, x^2 and x y; squares and products about a middle, or a square would be little more than its number
/// once more, and what is its own, which is skewed, would drown in it.
inline constexpr std::size_t kOfOne = 2;
inline constexpr std::size_t kOfTwo = 5;
[[nodiscard]] std::size_t numbers_of(const Measurement& measurement) noexcept;

/// Requests of one kind: they failed or not, collapsed, hung, ended in time or too late, at either arm.
struct RequestKind {
  using Place = NumbersOfArms::Place;
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
    bool is_smooth = false;  ///< tokens and costs come in steps
  };

  ForcedPair forced;
  std::array<std::uint8_t, 2> events{};  ///< those that come with the kind
  double share = 0.0;                    ///< of requests so forced
  double newly_bad = 0.0;                ///< share bad at the candidate only, refusals left out
  double neither_bad = 0.0;              ///< share bad at neither arm
  std::vector<Place> summed;   ///< see numbers_of; then comes the cost, where the route has one
  std::vector<Listed> listed;  ///< their numbers come last in a row
  std::optional<SumLaw> sums;  ///< once the rows are complete
};

/// What the kinds of a route are made from. `laws`: those of the arms.
struct KindSources {
  const PreparedScenario& scenario;
  std::span<const Measured> measured;
  const ArmLaws& laws;
  const NumbersOfArms& numbers;  ///< of the arms that are asked
};
[[nodiscard]] std::vector<RequestKind> find_kinds(Route route, const KindSources& sources);

}  // namespace gatewright::sim
