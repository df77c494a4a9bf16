// What both arms answer at the points of a net: requests as they come on average, with mishaps forced on them.
// Used by NumberLaws and WindowLaw; built from the request kernel itself. Draws nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "sim/arms/answers.h"
#include "sim/prepared.h"
#include "sim/windows/latent_points.h"

namespace gatewright::sim {

/// The arms' laws at a moment. Errors in bursts are the law's errors where a burst is on.
struct ArmLaws {
  std::array<ArmLaw, 2> arm;
  Affine input_tokens;  ///< both arms are asked the same prompts
};

/// Whether the laws differ in probabilities of events and in prices at most.
[[nodiscard]] bool same_numbers(const ArmLaw& a, const ArmLaw& b) noexcept;

/// What is forced on an answer.
struct Forced {
  bool error = false, collapse = false, hang = false;
  friend constexpr bool operator==(const Forced&, const Forced&) = default;
};
/// Per arm.
using ForcedPair = std::array<Forced, 2>;
/// Of mishaps without an error, below 4.
[[nodiscard]] constexpr std::size_t index_of(const Forced& forced) noexcept {
  return (forced.collapse ? 1U : 0U) + (forced.hang ? 2U : 0U);
}
[[nodiscard]] double probability(const Forced& forced, const ArmLaw& law) noexcept;

/// What can be forced on answers in a scenario.
[[nodiscard]] std::vector<Forced> possible_mishaps(const Scenario& scenario);

/// Events that tell kinds of answers apart.
inline constexpr std::uint8_t kTelling = kError | kTimeout | kCollapsed;

/// A net, and how the arms answer it. A latent of the arm that is mixed second is a mixture of several
/// points' coordinates, and less even; the law is the same with the arms' latents exchanged.
struct Points {
  const LatentPoints& points;
  bool is_candidate_first = false;
  std::array<bool, 2> asked = {true, true};  ///< which arms answer
  /// Whether the first arm's output is mixed before the input, so that latencies and costs, each, hang
  /// on two coordinates; the second arm does not answer then.
  bool is_for_one = false;
  bool are_fine = false;     ///< those of a tail
  bool are_of_parts = true;  ///< some of them are in another net
  std::size_t before = 0;    ///< points in the nets before this one
};

/// The net for requests so forced: what stands for answers without mishaps, which are most, is finer than for the
/// others; mishaps of both arms are rare.
[[nodiscard]] const LatentPoints& net_of(const ForcedPair& forced);
/// A net of all and those of its tails, one after the other.
void for_nets(const LatentPoints& all, bool is_candidate_first,
              const std::function<void(const Points&)>& take);
/// Of all points of a net and its tails: how many fine rows (see SumLaw) they are as likely as.
[[nodiscard]] double mass_of_all(const LatentPoints& net);
/// Of a row.
[[nodiscard]] std::uint64_t mass_of(bool is_fine) noexcept;

/// Some points, answered by both arms.
struct AnsweredPoints {
  const Points* points = nullptr;
  std::size_t first = 0;  ///< number of the first one
  Columns columns;
  Column<float> normal, ttft, quality;  ///< what the answers are made of
  Column<Word> constant;
};

class PointAnswers {
 public:
  /// Both stay as long as this.
  PointAnswers(const PreparedScenario& scenario, const ArmLaws& laws);
  /// Lets the arms answer the points, some after the others.
  void answer(const ForcedPair& forced, const Points& points,
              const std::function<void(const AnsweredPoints&)>& take);

 private:
  void mix(Latent latent, Column<float>& out) const;
  void answer(const ForcedPair& forced);

  const PreparedScenario& scenario_;
  const ArmLaws& laws_;
  std::unique_ptr<AnsweredPoints> answered_;
};

}  // namespace gatewright::sim
