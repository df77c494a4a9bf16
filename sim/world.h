// The world of one replication: requests and both arms' answers, chunk by chunk, from keyed draws.
// Used by Field, which says what of a chunk it wants and under which exposures; the world knows no
// policy.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "sim/arms/answers.h"
#include "sim/arms/columns.h"
#include "sim/arms/error_bursts.h"
#include "sim/arms/latents.h"
#include "sim/arms/law_columns.h"
#include "sim/arms/prices.h"
#include "sim/arms/world_metric.h"
#include "sim/effects/effect_table.h"
#include "sim/effects/exposure_history.h"
#include "sim/lane_stream.h"
#include "sim/noise/deployment_noise.h"
#include "sim/noise/prompt_noise.h"
#include "sim/noise/window_noise.h"
#include "sim/prepared.h"
#include "sim/run.h"
#include "sim/traffic/arrivals.h"
#include "sim/users/population.h"

namespace gatewright::sim {

/// Columns of a chunk that somebody wants, as bits.
using Wants = std::uint64_t;
inline constexpr Wants kWantUsers = 1U << 0;
inline constexpr Wants kWantMirror = 1U << 1;
inline constexpr Wants kWantInput = 1U << 2;
inline constexpr Wants kWantTenant = 1U << 24;
inline constexpr Wants kWantSession = 1U << 25;
inline constexpr Wants kWantSegment = 1U << 26;
/// Those that depend on who the user is.
inline constexpr Wants kWantUserTraits = kWantTenant | kWantSegment;
/// Bucket column b, 0..kBucketColumns-1.
[[nodiscard]] constexpr Wants want_bucket(std::size_t b) noexcept { return Wants{1} << (4 + b); }
inline constexpr Wants kWantBuckets = 0xFU << 4;
/// Those that say who asked, and where that leads.
inline constexpr Wants kWantUnits =
    kWantUsers | kWantMirror | kWantUserTraits | kWantSession | kWantBuckets;
/// Whether a harmful effect acts on the candidate's answer.
inline constexpr Wants kWantHarm = 1U << 27;
/// The users of the requests that the candidate answers; of the others nobody asks who they are.
inline constexpr Wants kWantExposedUsers = 1U << 28;

/// Parts of an arm's answers; shifted to the arm by want().
inline constexpr Wants kAnswers = 1U << 0;  ///< output tokens, time to first token, latency, errors
inline constexpr Wants kTpots = 1U << 1;
inline constexpr Wants kCosts = 1U << 2;
inline constexpr Wants kRefusals = 1U << 3;  ///< true ones, and those that telemetry sees
inline constexpr Wants kThumbs = 1U << 4;
inline constexpr Wants kQualities = 1U << 5;
inline constexpr Wants kErrorKinds = 1U << 6;    ///< which errors are rejections
inline constexpr Wants kAgreements = 1U << 7;    ///< of the candidate
inline constexpr Wants kSimilarities = 1U << 8;  ///< of the candidate
/// The bits below are for columns of requests, whatever the arm.
inline constexpr std::size_t kFirstArmBit = 32;
inline constexpr std::size_t kArmBits = 12;
/// All columns of an arm.
[[nodiscard]] constexpr Wants wants_of_arm(std::size_t arm) noexcept {
  return ((Wants{1} << kArmBits) - 1) << (kFirstArmBit + kArmBits * arm);
}
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
  flips_error,
  flips_refusal,
  flips_thumbs,
  flips_quality,
  baseline_error_kind,
  baseline_flag,
  baseline_collapse,
  baseline_hang,
  candidate_error_kind,
  candidate_flag,
  candidate_collapse,
  candidate_hang,
  candidate_agreement,
  candidate_similarity,
};
inline constexpr std::size_t kDraws = 31;
/// Streams that every world has; those after them count in a fingerprint only where they were opened.
inline constexpr std::size_t kFirstDraws = 17;
/// Bit i: Draw i.
using Draws = std::uint64_t;
[[nodiscard]] constexpr std::size_t index_of(Draw draw) noexcept {
  return static_cast<std::size_t>(draw);
}
[[nodiscard]] constexpr Draws bit(Draw draw) noexcept { return Draws{1} << index_of(draw); }

class World {
 public:
  /// Requests of a chunk, in order of arrival.
  using Places = std::span<const std::uint16_t>;

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

  /// Begins a chunk: fills those of the wanted columns that say who asked and which bucket that is. What
  /// a column holds does not depend on what else is wanted.
  Columns& begin(std::size_t chunk, Wants wants);
  /// Fills the others, as they are after `history`, which nothing depends on unless
  /// depends_on_exposure(): the candidate's answers and the exposed users for the requests at
  /// `exposed`, and undefined elsewhere.
  void finish(Places exposed, const ExposureHistory& history = {});
  /// The same for every request.
  void finish_all(const ExposureHistory& history = {});
  /// Begins a chunk and answers all of it.
  Columns& fill(std::size_t chunk, Wants wants, const ExposureHistory& history = {});
  /// Whether contenders of different exposures face different worlds.
  [[nodiscard]] bool depends_on_exposure() const noexcept {
    return scenario_.effects().depends_on_exposure();
  }

  /// The streams that these wants open.
  [[nodiscard]] Draws draws_behind(Wants wants) const noexcept;
  /// Random words per stream in the chunk filled last, for streams that were opened.
  [[nodiscard]] const std::array<std::uint64_t, kDraws>& words() const noexcept { return words_; }

 private:
  [[nodiscard]] Draws find_draws_behind(std::size_t want_bit) const noexcept;
  [[nodiscard]] Draws latent_draws(Latent latent) const noexcept;
  /// Whether this event of no probability by itself can happen all the same.
  [[nodiscard]] bool is_stirred(WorldMetric metric) const noexcept;
  [[nodiscard]] const Arm::Detector& detector(std::size_t arm) const noexcept;
  /// Draws from those streams that this chunk has not drawn from: for every request, or for some, to the
  /// front of the columns.
  void draw(Draws draws);
  void draw(Draws draws, Places places);
  /// Calls fill(draw, stream) for each of them.
  template <typename Fill>
  void open_streams(Draws draws, Fill fill);
  void draw_users(LaneStream& stream, Places places);
  void draw_all_users(LaneStream& stream);
  void answer_arm(std::size_t arm);
  void answer_some(Places places);
  /// The columns that effects look at where any answer or harm is wanted.
  [[nodiscard]] Wants looked_at(Wants wants) const noexcept;
  void disturb() noexcept;
  /// Sets the part of a law that belongs to `metric`, under `map`.
  void set(ArmLaw& law, WorldMetric metric, const Affine& map) const noexcept;
  [[nodiscard]] Draws event_draws(std::size_t arm, WorldMetric metric) const noexcept;
  [[nodiscard]] Draws flip_draws(std::size_t arm, WorldMetric metric) const noexcept;
  void tie_runs(Draws draws) noexcept;
  void fill_units();
  void fill_input();
  void change_input();
  void fill_harm() noexcept;
  void fill_lengths(std::size_t arm);
  void fill_answers(std::size_t arm, Wants parts);
  /// One normal per request: the latent's own draws, mixed with those of the latents before it.
  [[nodiscard]] const float* mixed(Latent latent, Column<float>& room) const noexcept;
  [[nodiscard]] const float* quality_normals(std::size_t arm, Column<float>& room) const noexcept;
  [[nodiscard]] EffectRows effect_rows() const noexcept {
    return {{columns_.at_seconds, columns_.size}, holding_.data()};
  }
  /// Computes a part of the law: for all requests of the chunk at once, or for each.
  void set(ArmLaw& law, std::size_t arm, WorldMetric metric) noexcept;

  Columns columns_;
  const PreparedScenario& scenario_;
  const WorldTables& tables_;
  const bool recorded_;  ///< token counts come from a trace
  const bool sessions_;  ///< users and sessions come with the arrivals
  std::array<Draws, 64> draws_behind_{};
  RunKey key_;
  std::array<std::uint32_t, 4> scrambled_world_{};  ///< of key_
  DeploymentNoise deployment_noise_;
  WindowNoise window_noise_;
  const PromptNoise prompt_noise_;
  std::array<std::array<Affine, kWorldMetrics>, 2> noise_{};  ///< per arm, of the present window
  std::array<ArmLaw, 2> window_laws_;  ///< per arm, of it, but for what effects act on
  std::vector<WorldMetric> acted_on_;  ///< by effects
  std::array<BurstChain, 2> bursts_;   ///< per arm
  std::array<PriceTable, 2> prices_;   ///< per arm
  std::uint64_t next_window_ = 0;
  std::uint64_t requests_before_ = 0;  ///< the present window
  std::unique_ptr<ArrivalCursor> cursor_;
  ArrivalColumns arrivals_;
  Segmenter segmenter_;
  /// Per AssignmentHash, once asked for.
  std::array<std::optional<Assigner>, kRequestBuckets> assigners_;
  std::array<Column<float>, kDraws> normals_;  ///< as drawn, where a Draw is one
  std::array<Column<Word>, kDraws> uniforms_;  ///< as drawn, where a Draw is uniform
  std::array<Column<float>, 2> room_;          ///< for mixed normals
  std::size_t chunk_ = 0;                      ///< being filled
  Wants wants_ = 0;                            ///< of it
  Draws drawn_ = 0;                            ///< for it so far
  ExposureHistory history_;                    ///< that it is answered after
  Column<Conditions> holding_{};               ///< conditions of effects that hold for each request
  AffineColumns maps_;                         ///< of one metric's effects, while they are applied
  std::unique_ptr<LawColumns> law_columns_ = std::make_unique_for_overwrite<LawColumns>();
  Column<std::uint8_t> in_burst_;
  std::array<std::uint64_t, kDraws> words_{};
};

}  // namespace gatewright::sim
