// The world of one replication: requests and both arms' answers, chunk by chunk, from keyed draws.
// Used by Field, which says what of a chunk it wants; the world knows no policy and no exposure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "sim/arms/answers.h"
#include "sim/arms/columns.h"
#include "sim/arms/latents.h"
#include "sim/arms/world_metric.h"
#include "sim/noise/deployment_noise.h"
#include "sim/noise/window_noise.h"
#include "sim/prepared.h"
#include "sim/run.h"
#include "sim/streams.h"
#include "sim/traffic/arrivals.h"
#include "sim/users/population.h"

namespace gatewright::sim {

/// Columns of a chunk that somebody wants, as bits.
using Wants = std::uint32_t;
inline constexpr Wants kWantUsers = 1U << 0;
inline constexpr Wants kWantMirror = 1U << 1;
inline constexpr Wants kWantInput = 1U << 2;
/// Bucket column b, 0..kBucketColumns-1.
[[nodiscard]] constexpr Wants want_bucket(std::size_t b) noexcept { return 1U << (4 + b); }
inline constexpr Wants kWantBuckets = 0xFU << 4;

/// Parts of an arm's answers; shifted to the arm by want().
inline constexpr Wants kAnswers = 1U << 0;  ///< output tokens, time to first token, latency, errors
inline constexpr Wants kTpots = 1U << 1;
inline constexpr Wants kCosts = 1U << 2;
inline constexpr Wants kRefusals = 1U << 3;
inline constexpr Wants kThumbs = 1U << 4;
inline constexpr Wants kQualities = 1U << 5;
inline constexpr std::size_t kFirstArmBit = 8;
inline constexpr std::size_t kArmBits = 8;
/// `parts` of arm `arm`, and the answers they belong to.
[[nodiscard]] constexpr Wants want(std::size_t arm, Wants parts) noexcept {
  return (parts | kAnswers) << (kFirstArmBit + kArmBits * arm);
}

/// The kinds of stream behind a chunk. Each has one place per request.
enum class Draw : std::uint8_t {
  users,
  assignment,
  mirror,
  input,
  ties,
  baseline_output,
  baseline_ttft,
  baseline_quality,
  baseline_error,
  baseline_refusal,
  baseline_thumbs,
  candidate_output,
  candidate_ttft,
  candidate_quality,
  candidate_error,
  candidate_refusal,
  candidate_thumbs,
};
inline constexpr std::size_t kDraws = 17;
/// Bit i: Draw i.
using Draws = std::uint32_t;
[[nodiscard]] constexpr std::size_t index_of(Draw draw) noexcept {
  return static_cast<std::size_t>(draw);
}
[[nodiscard]] constexpr Draws bit(Draw draw) noexcept { return Draws{1} << index_of(draw); }

class World {
 public:
  explicit World(const PreparedScenario& scenario);

  /// Back to before window 0 of another replication.
  void start(RunKey key);
  /// Moves to the next telemetry window and draws its arrivals.
  void advance();

  /// Requests in the present window.
  [[nodiscard]] std::size_t requests() const noexcept { return arrivals_.at_seconds.size(); }
  [[nodiscard]] std::size_t chunks() const noexcept { return (requests() + kChunk - 1) / kChunk; }
  /// Arrival times of a chunk of the window, never empty.
  [[nodiscard]] std::span<const double> chunk_times(std::size_t chunk) const noexcept;
  /// Random words behind the window's arrivals.
  [[nodiscard]] std::uint64_t arrival_draws() const noexcept { return arrivals_.draws; }

  /// Fills the wanted columns of a chunk. What a column holds does not depend on what else is wanted.
  const Columns& fill(std::size_t chunk, Wants wants);

  /// The streams that these wants open.
  [[nodiscard]] Draws draws_behind(Wants wants) const noexcept;
  /// Random words per stream in the chunk filled last, for streams that were opened.
  [[nodiscard]] const std::array<std::uint64_t, kDraws>& words() const noexcept { return words_; }

 private:
  [[nodiscard]] Draws find_draws_behind(std::size_t want_bit) const noexcept;
  [[nodiscard]] Draws latent_draws(Latent latent) const noexcept;
  void open_streams(Draws draws, std::size_t chunk);
  void draw(Draw draw, Stream& stream);
  void fill_units(Wants wants);
  void fill_input(std::size_t chunk);
  void fill_lengths(std::size_t arm, std::size_t chunk);
  void fill_answers(std::size_t arm, Wants parts);
  /// One normal per request: the latent's own draws, mixed with those of the latents before it.
  [[nodiscard]] const double* mixed(Latent latent, Column<double>& room) const noexcept;
  void set(ArmLaw& law, std::size_t arm, WorldMetric metric, double seconds) const noexcept;

  Columns columns_;
  const PreparedScenario& scenario_;
  const WorldTables& tables_;
  const bool recorded_;  ///< token counts come from a trace
  std::array<Draws, 32> draws_behind_{};
  RunKey key_;
  DeploymentNoise deployment_noise_;
  WindowNoise window_noise_;
  std::uint64_t next_window_ = 0;
  ArrivalColumns arrivals_;
  /// Per AssignmentHash, once asked for.
  std::array<std::optional<Assigner>, kRequestBuckets> assigners_;
  std::array<Column<double>, kDraws> raw_;  ///< normals and uniforms as drawn
  std::array<Column<double>, 2> room_;      ///< for mixed normals
  std::array<std::uint64_t, kDraws> words_{};
};

}  // namespace gatewright::sim
