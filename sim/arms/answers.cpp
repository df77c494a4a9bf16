#include "sim/arms/answers.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/arms/error_bursts.h"
#include "sim/kernels/kernels.h"

namespace gatewright::sim {
namespace {

/// Positive metrics stay positive whatever an effect takes away, so that logarithms exist.
constexpr float kLeast = 1e-9F;

double probability(double value) noexcept { return std::clamp(value, 0.0, 1.0); }

/// The map on positive numbers.
LinearMap positive(const Affine& map) noexcept {
  return {.multiply = static_cast<float>(map.multiply),
          .shift = static_cast<float>(map.shift),
          .least = map.is_identity() ? 0.0F : kLeast};
}

void apply(const Affine& map, Span span, float* column) noexcept {
  if (map.is_identity()) return;
  kernels().linear(column + span.begin, positive(map), column + span.begin, span.size());
}

void lengths(const Arm& arm, const ArmLaw& law, const Word* collapse, Span span,
             ArmColumns& out) noexcept {
  if (!law.output_tokens.is_identity()) {
    apply(law.output_tokens, span, out.output_tokens.data());
    for (std::size_t i = span.begin; i < span.end; ++i)
      out.output_tokens[i] = std::max(1.0F, std::nearbyintf(out.output_tokens[i]));
  }
  if (law.collapse == 0.0) return;
  const auto most = static_cast<float>(arm.collapse.tokens);
  const Word collapses = bound_of(law.collapse);
  for (std::size_t i = span.begin; i < span.end; ++i)
    if (collapse[i] < collapses) out.output_tokens[i] = std::min(most, out.output_tokens[i]);
}

void first_tokens(const Arm& arm, const ArmLaw& law, const float* z, Span span,
                  ArmColumns& out) noexcept {
  const Lognormal& ttft = arm.latency.ttft;
  const LognormalScale scale{
      .median = static_cast<float>(ttft.median),
      .sigma = static_cast<float>(ttft.sigma),
      .most = ttft.clip > 0.0 ? static_cast<float>(ttft.clip) : std::numeric_limits<float>::max()};
  float* first = out.ttft.data() + span.begin;
  if (scale.sigma == 0.0F)
    std::fill_n(first, span.size(), std::min(scale.most, scale.median));
  else
    kernels().lognormals(z + span.begin, scale, first, span.size());
  apply(law.ttft, span, out.ttft.data());
}

/// Latency, errors and timeouts: an error comes early, an answer beyond the timeout is an error.
void latencies(const Arm& arm, const ArmLaw& law, const ArmDraws& draws, Span span,
               ArmColumns& out) noexcept {
  float* latency = out.latency.data() + span.begin;
  std::uint8_t* events = out.events.data() + span.begin;
  kernels().latencies(out.ttft.data() + span.begin, out.output_tokens.data() + span.begin,
                      static_cast<float>(law.tpot_seconds), positive(law.latency), latency,
                      span.size());
  if (law.hang > 0.0) {
    const auto factor = static_cast<float>(arm.hang.factor);
    const Word hangs = bound_of(law.hang);
    for (std::size_t i = span.begin; i < span.end; ++i)
      if (draws.hang[i] < hangs) out.latency[i] *= factor;
  }
  const Word error = bound_of(law.error);
  if (draws.in_burst == nullptr) {
    std::fill_n(events, span.size(), std::uint8_t{0});
    kernels().mark(draws.error + span.begin, {.below = error, .bits = kError}, events, span.size());
  } else {
    const Word in_burst = bound_of(law.error_in_burst);
    for (std::size_t i = span.begin; i < span.end; ++i)
      out.events[i] = draws.error[i] < (draws.in_burst[i] != 0 ? in_burst : error) ? kError : 0;
  }
  kernels().endings({.failed_ratio = static_cast<float>(arm.failed_latency_ratio),
                     .timeout = static_cast<float>(arm.latency.timeout_seconds),
                     .failed = kError,
                     .late = kError | kTimeout},
                    events, latency, span.size());
  if (law.collapse == 0.0) return;
  const Word collapses = bound_of(law.collapse);
  for (std::size_t i = span.begin; i < span.end; ++i)
    if (draws.collapse[i] < collapses && (out.events[i] & kError) == 0) out.events[i] |= kCollapsed;
}

/// Of errors that are no timeouts, some are rejections.
void error_kinds(const Arm& arm, const Word* words, Span span, ArmColumns& out) noexcept {
  if (arm.rate_limited_share == 0.0) return;
  const Word rejected = bound_of(arm.rate_limited_share);
  for (std::size_t i = span.begin; i < span.end; ++i)
    if ((out.events[i] & (kError | kTimeout)) == kError && words[i] < rejected)
      out.events[i] |= kRejected;
}

/// An error bills its input only.
void costs(const ArmLaw& law, const float* input_tokens, Span span, ArmColumns& out) noexcept {
  const Rates& rates = *law.prices;
  if (rates.tiers.empty()) {
    kernels().costs(input_tokens + span.begin, out.output_tokens.data() + span.begin,
                    out.events.data() + span.begin,
                    {.input = rates.input,
                     .output = rates.output,
                     .unbilled = kError,
                     .map = positive(law.cost)},
                    out.cost.data() + span.begin, span.size());
    return;
  }
  for (std::size_t i = span.begin; i < span.end; ++i) {
    const PromptRates of_prompt = rates.of(input_tokens[i]);
    const float billed = (out.events[i] & kError) != 0 ? 0.0F : out.output_tokens[i];
    out.cost[i] = input_tokens[i] * of_prompt.input + billed * of_prompt.output;
  }
  apply(law.cost, span, out.cost.data());
}

/// Who refuses, and whom the detector takes for it: of one that errs, each answer is flagged by a
/// draw of its own.
void refusals(const ArmLaw& law, const ArmDraws& draws, Span span, ArmColumns& out) noexcept {
  const Word refuses = bound_of(law.refusal);
  if (is_perfect(law.detector)) {
    kernels().mark(draws.refusal + span.begin,
                   {.below = refuses, .bits = kRefusal | kFlagged, .unless = kError},
                   out.events.data() + span.begin, span.size());
    return;
  }
  const Word flagged_refusal = bound_of(law.detector.sensitivity);
  const Word flagged_answer = bound_of(1.0 - law.detector.specificity);
  for (std::size_t i = span.begin; i < span.end; ++i) {
    if ((out.events[i] & kError) != 0) continue;
    const bool refused = draws.refusal[i] < refuses;
    const bool flagged = draws.flag[i] < (refused ? flagged_refusal : flagged_answer);
    out.events[i] |= static_cast<std::uint8_t>((refused ? kRefusal : 0) | (flagged ? kFlagged : 0));
  }
}

/// One word rates: its low end down, its high end up, so that nobody does both.
void thumbs(const ArmLaw& law, const Word* words, Span span, ArmColumns& out) noexcept {
  const Word down = bound_of(law.thumbs_down);
  const Word up_from = std::max(down, kWords - bound_of(law.thumbs_up));
  std::uint8_t* events = out.events.data() + span.begin;
  kernels().mark(words + span.begin, {.below = down, .bits = kThumbsDown, .unless = kError}, events,
                 span.size());
  kernels().mark(words + span.begin,
                 {.from = up_from, .below = kWords, .bits = kThumbsUp, .unless = kError}, events,
                 span.size());
}

void qualities(const Arm& arm, const ArmLaw& law, const float* z, Span span,
               ArmColumns& out) noexcept {
  const auto mean = static_cast<float>(law.quality(arm.quality.mean));
  const auto sd = static_cast<float>(arm.quality.sd * law.quality.multiply);
  for (std::size_t i = span.begin; i < span.end; ++i)
    out.quality[i] = std::clamp(mean + sd * z[i], 0.0F, 1.0F);
  const auto cap = static_cast<float>(arm.collapse.quality);
  if (law.collapse == 0.0) return;
  for (std::size_t i = span.begin; i < span.end; ++i)
    if ((out.events[i] & kCollapsed) != 0) out.quality[i] = std::min(cap, out.quality[i]);
}

void agreements(const ArmLaw& law, const Word* words, Span span, ArmColumns& out) noexcept {
  const Word agrees = bound_of(law.agreement);
  for (std::size_t i = span.begin; i < span.end; ++i) out.agreement[i] = words[i] < agrees ? 1 : 0;
}

void similarities(const ArmLaw& law, const float* z, Span span, ArmColumns& out) noexcept {
  const auto mean = static_cast<float>(law.similarity.mean);
  const auto sd = static_cast<float>(law.similarity.sd);
  for (std::size_t i = span.begin; i < span.end; ++i)
    out.similarity[i] = std::clamp(mean + sd * z[i], 0.0F, 1.0F);
}

}  // namespace

void ArmLaw::set(WorldMetric metric, const Arm& arm, const Affine& map) noexcept {
  switch (metric) {
    case WorldMetric::latency:
      latency = map;
      break;
    case WorldMetric::ttft:
      ttft = map;
      break;
    case WorldMetric::tpot:
      tpot_seconds =
          std::max(static_cast<double>(kLeast), map(arm.latency.per_output_token_seconds));
      break;
    case WorldMetric::output_tokens:
      output_tokens = map;
      break;
    case WorldMetric::cost:
      cost = map;
      break;
    case WorldMetric::quality:
      quality = map;
      break;
    case WorldMetric::error:
      error = probability(map(quiet_error_probability(arm)));
      if (arm.error_bursts) error_in_burst = probability(map(arm.error_bursts->burst_probability));
      break;
    case WorldMetric::refusal:
      refusal = probability(map(arm.refusal_probability));
      break;
    case WorldMetric::thumbs_down:
      thumbs_down = probability(map(arm.thumbs.down * arm.thumbs.rate_given));
      break;
    case WorldMetric::thumbs_up:
      thumbs_up = probability(map(arm.thumbs.up * arm.thumbs.rate_given));
      break;
    case WorldMetric::length_collapse:
      collapse = probability(map(arm.collapse.probability));
      break;
    case WorldMetric::hang:
      hang = probability(map(arm.hang.probability));
      break;
    case WorldMetric::input_tokens:
    case WorldMetric::timeout:
    case WorldMetric::error_or_refusal:
    case WorldMetric::error_429:
    case WorldMetric::error_5xx:
    case WorldMetric::agreement:
    case WorldMetric::similarity:
    case WorldMetric::cpu:
    case WorldMetric::memory:
    case WorldMetric::preference:
    case WorldMetric::units:
      break;
  }
}

void ArmLaw::set(WorldMetric metric, const SamePrompt& pair, const Affine& map) noexcept {
  if (metric == WorldMetric::agreement) agreement = probability(map(pair.agreement));
  if (metric == WorldMetric::similarity)
    similarity = {map(pair.similarity.mean), pair.similarity.sd * map.multiply};
}

void answer(const Arm& arm, const ArmLaw& law, const ArmDraws& draws, const float* input_tokens,
            AnswerParts parts, Span span, ArmColumns& out) noexcept {
  lengths(arm, law, draws.collapse, span, out);
  first_tokens(arm, law, draws.ttft, span, out);
  latencies(arm, law, draws, span, out);
  if (parts.error_kind) error_kinds(arm, draws.error_kind, span, out);
  if (parts.tpot)
    std::fill(out.tpot.begin() + static_cast<std::ptrdiff_t>(span.begin),
              out.tpot.begin() + static_cast<std::ptrdiff_t>(span.end),
              static_cast<float>(law.tpot_seconds));
  if (parts.cost) costs(law, input_tokens, span, out);
  if (parts.refusal) refusals(law, draws, span, out);
  if (parts.thumbs) thumbs(law, draws.thumbs, span, out);
  if (parts.quality) qualities(arm, law, draws.quality, span, out);
  if (parts.agreement) agreements(law, draws.agreement, span, out);
  if (parts.similarity) similarities(law, draws.similarity, span, out);
}

}  // namespace gatewright::sim
