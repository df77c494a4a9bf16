// From draws to answers: the kernels that fill one arm's columns, a column at a time.
// Used by World; a kernel knows the arm's laws at one moment, never an exposure or a policy.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sim/arms/chance.h"
#include "sim/arms/columns.h"
#include "sim/arms/prices.h"
#include "sim/arms/world_metric.h"
#include "sim/effects/effect_table.h"
#include "sim/scenario.h"

namespace gatewright::sim {

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

  /// Sets the part that belongs to `metric`; `map` acts on the arm's own number.
  void set(WorldMetric metric, const Arm& arm, const Affine& map) noexcept;
  /// The same for metrics of two answers to one prompt.
  void set(WorldMetric metric, const SamePrompt& pair, const Affine& map) noexcept;
};

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
