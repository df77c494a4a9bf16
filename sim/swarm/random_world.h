// Worlds and plans drawn at random: one table of what can be drawn, each row a stream of its own.
// Used by the swarm; world i of a seed is a function of (seed, i) alone, and a new row of the table
// moves no draw of another row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policies/plan.h"
#include "sim/scenario.h"
#include "sim/streams.h"

namespace gatewright::sim {

/// One of the swarm's worlds.
struct WorldKey {
  std::uint64_t seed = 0;
  std::uint64_t index = 0;
};

/// What is made of a world: everything that was drawn; or, with the faults left out, its candidate
/// healthy, or so harmful in the metric of one gate that no plan may miss it.
enum class Guise : std::uint8_t { faulty, healthy, harmful };
inline constexpr std::size_t kGuises = 3;
[[nodiscard]] std::string_view to_string(Guise guise) noexcept;

/// Whether equal arms are at the very edge of harm.
[[nodiscard]] bool is_at_edge(const HarmSpec& harm) noexcept;

struct RandomWorld {
  Scenario scenario;
  PlanSpec plan;
  std::vector<std::string_view> drawn{};     ///< rows of the table that are in it
  std::optional<std::size_t> harmed_gate{};  ///< whose metric the harmful guise hurts
};

/// Small numbers from one row's stream.
class Dice {
 public:
  explicit Dice(const StreamKey& key) noexcept : stream_(key) {}
  [[nodiscard]] bool chance(double probability) noexcept { return stream_.uniform() < probability; }
  /// 0 .. count - 1.
  [[nodiscard]] std::size_t below(std::size_t count) noexcept;
  /// Uniform in [least, most], on the scale of the logarithm; three significant digits, as one writes.
  [[nodiscard]] double about(double least, double most) noexcept;
  /// Whole minutes, uniform.
  [[nodiscard]] Duration minutes(std::size_t least, std::size_t most) noexcept;
  template <typename Value, std::size_t kCount>
  [[nodiscard]] const Value& pick(const Value (&values)[kCount]) noexcept {
    return values[below(kCount)];
  }

 private:
  Stream stream_;
};

/// A row of the table. Rows are drawn in order; a later one may look at what earlier ones drew.
struct Dimension {
  enum class Part : std::uint8_t {
    plan,   ///< in every guise
    world,  ///< in every guise: harms nobody
    fault,  ///< in the faulty guise only
  };
  std::string_view name;
  StreamName stream;
  Part part;
  double share;  ///< of the worlds that have it
  void (*draw)(Dice& dice, RandomWorld& world);
};
[[nodiscard]] std::span<const Dimension> dimensions() noexcept;

/// Valid: it prepares, compiles and fits without errors.
[[nodiscard]] RandomWorld random_world(const WorldKey& key, Guise guise);

/// An effect that no gate on that metric may miss: three times its margin, or 0.4 of quality beyond it.
[[nodiscard]] Effect great_harm(const GateSpec& gate, const Arm& baseline);

}  // namespace gatewright::sim
