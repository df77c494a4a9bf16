// From draws to answers: the kernels that fill one arm's columns, a column at a time.
// Used by World; a kernel knows the arm's laws at one moment, never an exposure or a policy.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "sim/arms/chance.h"
#include "sim/arms/columns.h"
#include "sim/arms/prices.h"
#include "sim/arms/world_metric.h"
#include "sim/effects/effect_table.h"
#include "sim/scenario.h"

namespace gatewright::sim {

/// Those numbers of an arm's law that are each request's own, as columns beside the draws; null: the
/// law's number holds for all.
struct LawRows {
  struct Map {
    const float* multiply = nullptr;
    const float* shift = nullptr;
  };
  struct Score {
    const float* mean = nullptr;
    const float* sd = nullptr;
  };
  Map output_tokens, ttft, latency, cost;
  const float* tpot_seconds = nullptr;
  Score quality, similarity;
  /// Words below these: see chance.h.
  const Word *error = nullptr, *error_in_burst = nullptr, *refusal = nullptr;
  const Word *thumbs_down = nullptr, *thumbs_up = nullptr;
  const Word *collapse = nullptr, *hang = nullptr, *agreement = nullptr;
};

/// An arm's laws at one moment, noise and effects included.
struct ArmLaw {
  Affine output_tokens, ttft, latency, cost, quality;  ///< on what the baseline's law draws
  double tpot_seconds = 0.0;
  double error = 0.0, refusal = 0.0;  ///< probabilities; of errors outside bursts
  double error_in_burst = 0.0;
  double thumbs_down = 0.0, thumbs_up = 0.0;  ///< that an answer seen is rated, and so
  double collapse = 0.0, hang = 0.0;
  double agreement = 1.0;   ///< with the baseline's answer to the same prompt
  Arm::Score similarity{};  ///< to it
  Arm::Detector detector{};
  const Rates* prices = nullptr;  ///< those that hold; needed where cost is wanted
  LawRows rows{};

  /// Sets the part that belongs to `metric`; `map` acts on the arm's own number.
  void set(WorldMetric metric, const Arm& arm, const Affine& map) noexcept;
  /// The same for metrics of two answers to one prompt.
  void set(WorldMetric metric, const SamePrompt& pair, const Affine& map) noexcept;
};

/// What the map of an event metric acts on: the arm's own probability of it, outside bursts.
[[nodiscard]] double event_probability(WorldMetric metric, const Arm& arm) noexcept;
/// A probability that effects have not carried beyond [0, 1].
[[nodiscard]] constexpr double cut_probability(double value) noexcept {
  return std::clamp(value, 0.0, 1.0);
}
/// Positive metrics stay positive whatever an effect takes away, so that logarithms exist.
inline constexpr float kLeastPositive = 1e-9F;
[[nodiscard]] constexpr double positive_seconds(double value) noexcept {
  return std::max(static_cast<double>(kLeastPositive), value);
}

/// The draws behind one arm's answers, one per request. Null where not wanted.
struct ArmDraws {
  const float* ttft = nullptr;     ///< standard normal
  const float* quality = nullptr;  ///< standard normal
  const Word* error = nullptr;     ///< uniform, as all below
  const Word* refusal = nullptr;
  const Word* thumbs = nullptr;
  const Word* error_kind = nullptr;
  const Word* flag = nullptr;
  const Word* collapse = nullptr;
  const Word* hang = nullptr;
  const Word* agreement = nullptr;
  const float* similarity = nullptr;       ///< standard normal
  const std::uint8_t* in_burst = nullptr;  ///< whether errors come in a burst; null: there are none
};

/// Whether what it flags is the truth: then nothing needs to be drawn.
[[nodiscard]] constexpr bool is_perfect(const Arm::Detector& detector) noexcept {
  return detector.sensitivity >= 1.0 && detector.specificity >= 1.0;
}

/// Which columns beyond output tokens, time to first token, latency and errors are wanted.
struct AnswerParts {
  bool tpot = false;
  bool cost = false;
  bool refusal = false;
  bool thumbs = false;
  bool quality = false;
  bool error_kind = false;
  bool agreement = false;
  bool similarity = false;
};

/// Whether effects on `metric` can show in what is wanted.
[[nodiscard]] constexpr bool shows(WorldMetric metric, const AnswerParts& parts) noexcept {
  switch (metric) {
    case WorldMetric::cost:
      return parts.cost;
    case WorldMetric::refusal:
      return parts.refusal;
    case WorldMetric::thumbs_down:
    case WorldMetric::thumbs_up:
      return parts.thumbs;
    case WorldMetric::quality:
      return parts.quality;
    case WorldMetric::agreement:
      return parts.agreement;
    case WorldMetric::similarity:
      return parts.similarity;
    default:
      return true;
  }
}

/// Requests begin..end-1 of a chunk.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
  [[nodiscard]] constexpr std::size_t size() const noexcept { return end - begin; }
};

/// Fills `out` for the requests of `span`; out.output_tokens holds the lengths drawn, which the law
/// then acts on.
void answer(const Arm& arm, const ArmLaw& law, const ArmDraws& draws, const float* input_tokens,
            AnswerParts parts, Span span, ArmColumns& out) noexcept;

}  // namespace gatewright::sim
