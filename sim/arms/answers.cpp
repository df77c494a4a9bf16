#include "sim/arms/answers.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/arms/error_bursts.h"
#include "sim/kernels/kernels.h"

namespace gatewright::sim {
namespace {

/// A number of the law: the same for all rows, or each row's own.
template <typename T>
struct Number {
  T all{};
  const T* own = nullptr;
  T operator[](std::size_t row) const noexcept { return own != nullptr ? own[row] : all; }
};

Number<Word> chance(double probability, const Word* own) noexcept {
  return {bound_of(probability), own};
}

/// Whether it can happen at all.
bool is_possible(double probability, const Word* own) noexcept {
  return own != nullptr || probability > 0.0;
}

/// The map on positive numbers.
LinearMap positive(const Affine& map) noexcept {
  return {.multiply = static_cast<float>(map.multiply),
          .shift = static_cast<float>(map.shift),
          .least = map.is_identity() ? 0.0F : kLeastPositive};
}

/// The map of all rows where they have none of their own.
LinearMap positive(const Affine& map, const LawRows::Map& own) noexcept {
  return own.multiply == nullptr ? positive(map) : LinearMap{};
}

void apply(const LawRows::Map& own, Span span, float* column) noexcept {
  if (own.multiply == nullptr) return;
  kernels().linear_by_row({.multiply = own.multiply + span.begin,
                           .shift = own.shift + span.begin,
                           .least = kLeastPositive},
                          column + span.begin, span.size());
}

void apply(const Affine& map, const LawRows::Map& own, Span span, float* column) noexcept {
  apply(own, span, column);
  if (own.multiply != nullptr || map.is_identity()) return;
  kernels().linear(column + span.begin, positive(map), column + span.begin, span.size());
}

/// The nearest whole number, half to even, of what is not negative.
float whole(float value) noexcept {
  constexpr float kAllAreWhole = 0x1p23F;
  const float rounded = (value + kAllAreWhole) - kAllAreWhole;
  return value < kAllAreWhole ? rounded : value;
}

void lengths(const Arm& arm, const ArmLaw& law, const Word* collapse, Span span,
             ArmColumns& out) noexcept {
  const LawRows::Map& own = law.rows.output_tokens;
  apply(law.output_tokens, own, span, out.output_tokens.data());
  const Number<float> multiply{static_cast<float>(law.output_tokens.multiply), own.multiply};
  const Number<float> shift{static_cast<float>(law.output_tokens.shift), own.shift};
  if (own.multiply != nullptr || !law.output_tokens.is_identity())
    for (std::size_t i = span.begin; i < span.end; ++i) {
      const bool is_changed = multiply[i] != 1.0F || shift[i] != 0.0F;
      const float changed = std::max(1.0F, whole(out.output_tokens[i]));
      out.output_tokens[i] = is_changed ? changed : out.output_tokens[i];
    }
  if (!is_possible(law.collapse, law.rows.collapse)) return;
  const auto most = static_cast<float>(arm.collapse.tokens);
  const Number<Word> collapses = chance(law.collapse, law.rows.collapse);
  for (std::size_t i = span.begin; i < span.end; ++i)
    if (collapse[i] < collapses[i]) out.output_tokens[i] = std::min(most, out.output_tokens[i]);
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
  apply(law.ttft, law.rows.ttft, span, out.ttft.data());
}

/// Sets the marking's bits where a word is below the row's bound.
void mark(const Word* words, const Number<Word>& below, Marking marking, Span span,
          std::uint8_t* events) noexcept {
  if (below.own == nullptr) {
    if (below.all == 0) return;
    marking.below = below.all;
    kernels().mark(words + span.begin, marking, events + span.begin, span.size());
    return;
  }
  for (std::size_t i = span.begin; i < span.end; ++i) {
    const bool happens = words[i] < below.own[i] && (events[i] & marking.unless) == 0;
    events[i] = static_cast<std::uint8_t>(events[i] | (happens ? marking.bits : 0));
  }
}

/// Normal, cut to [0, 1].
void scores(const Number<float>& mean, const Number<float>& sd, const float* z, Span span,
            float* out) noexcept {
  for (std::size_t i = span.begin; i < span.end; ++i)
    out[i] = std::clamp(mean[i] + sd[i] * z[i], 0.0F, 1.0F);
}

/// Latency, errors and timeouts: an error comes early, an answer beyond the timeout is an error.
void latencies(const Arm& arm, const ArmLaw& law, const ArmDraws& draws, Span span,
               ArmColumns& out) noexcept {
  float* latency = out.latency.data() + span.begin;
  std::uint8_t* events = out.events.data() + span.begin;
  if (const float* tpot = law.rows.tpot_seconds) {
    for (std::size_t i = span.begin; i < span.end; ++i)
      out.latency[i] = out.ttft[i] + tpot[i] * out.output_tokens[i];
    apply(law.latency, law.rows.latency, span, out.latency.data());
  } else {
    kernels().latencies(out.ttft.data() + span.begin, out.output_tokens.data() + span.begin,
                        static_cast<float>(law.tpot_seconds),
                        positive(law.latency, law.rows.latency), latency, span.size());
    apply(law.rows.latency, span, out.latency.data());
  }
  if (is_possible(law.hang, law.rows.hang)) {
    const auto factor = static_cast<float>(arm.hang.factor);
    const Number<Word> hangs = chance(law.hang, law.rows.hang);
    for (std::size_t i = span.begin; i < span.end; ++i)
      out.latency[i] *= draws.hang[i] < hangs[i] ? factor : 1.0F;
  }
  const Number<Word> error = chance(law.error, law.rows.error);
  if (draws.in_burst != nullptr) {
    const Number<Word> in_burst = chance(law.error_in_burst, law.rows.error_in_burst);
    for (std::size_t i = span.begin; i < span.end; ++i)
      out.events[i] =
          draws.error[i] < (draws.in_burst[i] != 0 ? in_burst[i] : error[i]) ? kError : 0;
  } else {
    std::fill_n(events, span.size(), std::uint8_t{0});
    mark(draws.error, error, {.bits = kError}, span, out.events.data());
  }
  kernels().endings({.failed_ratio = static_cast<float>(arm.failed_latency_ratio),
                     .timeout = static_cast<float>(arm.latency.timeout_seconds),
                     .failed = kError,
                     .late = kError | kTimeout},
                    events, latency, span.size());
  if (!is_possible(law.collapse, law.rows.collapse)) return;
  const Number<Word> collapses = chance(law.collapse, law.rows.collapse);
  for (std::size_t i = span.begin; i < span.end; ++i)
    if (draws.collapse[i] < collapses[i] && (out.events[i] & kError) == 0)
      out.events[i] |= kCollapsed;
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
                     .map = positive(law.cost, law.rows.cost)},
                    out.cost.data() + span.begin, span.size());
    apply(law.rows.cost, span, out.cost.data());
    return;
  }
  for (std::size_t i = span.begin; i < span.end; ++i) {
    const PromptRates of_prompt = rates.of(input_tokens[i]);
    const float billed = (out.events[i] & kError) != 0 ? 0.0F : out.output_tokens[i];
    out.cost[i] = input_tokens[i] * of_prompt.input + billed * of_prompt.output;
  }
  apply(law.cost, law.rows.cost, span, out.cost.data());
}

/// Who refuses, and whom the detector takes for it: of one that errs, each answer is flagged by a
/// draw of its own.
void refusals(const ArmLaw& law, const ArmDraws& draws, Span span, ArmColumns& out) noexcept {
  const Number<Word> refuses = chance(law.refusal, law.rows.refusal);
  if (is_perfect(law.detector)) {
    mark(draws.refusal, refuses, {.bits = kRefusal | kFlagged, .unless = kError}, span,
         out.events.data());
    return;
  }
  const Word flagged_refusal = bound_of(law.detector.sensitivity);
  const Word flagged_answer = bound_of(1.0 - law.detector.specificity);
  for (std::size_t i = span.begin; i < span.end; ++i) {
    if ((out.events[i] & kError) != 0) continue;
    const bool refused = draws.refusal[i] < refuses[i];
    const bool flagged = draws.flag[i] < (refused ? flagged_refusal : flagged_answer);
    out.events[i] |= static_cast<std::uint8_t>((refused ? kRefusal : 0) | (flagged ? kFlagged : 0));
  }
}

/// One word rates: its low end down, its high end up, so that nobody does both.
void thumbs(const ArmLaw& law, const Word* words, Span span, ArmColumns& out) noexcept {
  const Number<Word> down = chance(law.thumbs_down, law.rows.thumbs_down);
  const Number<Word> up = chance(law.thumbs_up, law.rows.thumbs_up);
  mark(words, down, {.bits = kThumbsDown, .unless = kError}, span, out.events.data());
  if (down.own == nullptr && up.own == nullptr) {
    const Word up_from = std::max(down.all, kWords - up.all);
    if (up_from == kWords) return;
    kernels().mark(words + span.begin,
                   {.from = up_from, .below = kWords, .bits = kThumbsUp, .unless = kError},
                   out.events.data() + span.begin, span.size());
    return;
  }
  for (std::size_t i = span.begin; i < span.end; ++i) {
    const bool inside = words[i] >= std::max(down[i], kWords - up[i]);
    const bool is_up = inside && (out.events[i] & kError) == 0;
    out.events[i] = static_cast<std::uint8_t>(out.events[i] | (is_up ? kThumbsUp : 0));
  }
}

void qualities(const Arm& arm, const ArmLaw& law, const float* z, Span span,
               ArmColumns& out) noexcept {
  scores({static_cast<float>(law.quality(arm.quality.mean)), law.rows.quality.mean},
         {static_cast<float>(arm.quality.sd * law.quality.multiply), law.rows.quality.sd}, z, span,
         out.quality.data());
  if (!is_possible(law.collapse, law.rows.collapse)) return;
  const auto cap = static_cast<float>(arm.collapse.quality);
  for (std::size_t i = span.begin; i < span.end; ++i)
    if ((out.events[i] & kCollapsed) != 0) out.quality[i] = std::min(cap, out.quality[i]);
}

void agreements(const ArmLaw& law, const Word* words, Span span, ArmColumns& out) noexcept {
  const Number<Word> agrees = chance(law.agreement, law.rows.agreement);
  for (std::size_t i = span.begin; i < span.end; ++i)
    out.agreement[i] = words[i] < agrees[i] ? 1 : 0;
}

void similarities(const ArmLaw& law, const float* z, Span span, ArmColumns& out) noexcept {
  scores({static_cast<float>(law.similarity.mean), law.rows.similarity.mean},
         {static_cast<float>(law.similarity.sd), law.rows.similarity.sd}, z, span,
         out.similarity.data());
}

}  // namespace

double event_probability(WorldMetric metric, const Arm& arm) noexcept {
  switch (metric) {
    case WorldMetric::error:
      return quiet_error_probability(arm);
    case WorldMetric::refusal:
      return arm.refusal_probability;
    case WorldMetric::thumbs_down:
      return arm.thumbs.down * arm.thumbs.rate_given;
    case WorldMetric::thumbs_up:
      return arm.thumbs.up * arm.thumbs.rate_given;
    case WorldMetric::length_collapse:
      return arm.collapse.probability;
    case WorldMetric::hang:
      return arm.hang.probability;
    default:
      return 0.0;
  }
}

void ArmLaw::set(WorldMetric metric, const Arm& arm, const Affine& map) noexcept {
  const double probability = cut_probability(map(event_probability(metric, arm)));
  switch (metric) {
    case WorldMetric::latency:
      latency = map;
      break;
    case WorldMetric::ttft:
      ttft = map;
      break;
    case WorldMetric::tpot:
      tpot_seconds = positive_seconds(map(arm.latency.per_output_token_seconds));
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
      error = probability;
      if (arm.error_bursts)
        error_in_burst = cut_probability(map(arm.error_bursts->burst_probability));
      break;
    case WorldMetric::refusal:
      refusal = probability;
      break;
    case WorldMetric::thumbs_down:
      thumbs_down = probability;
      break;
    case WorldMetric::thumbs_up:
      thumbs_up = probability;
      break;
    case WorldMetric::length_collapse:
      collapse = probability;
      break;
    case WorldMetric::hang:
      hang = probability;
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
  if (metric == WorldMetric::agreement) agreement = cut_probability(map(pair.agreement));
  if (metric == WorldMetric::similarity)
    similarity = {map(pair.similarity.mean), pair.similarity.sd * map.multiply};
}

void answer(const Arm& arm, const ArmLaw& law, const ArmDraws& draws, const float* input_tokens,
            AnswerParts parts, Span span, ArmColumns& out) noexcept {
  lengths(arm, law, draws.collapse, span, out);
  first_tokens(arm, law, draws.ttft, span, out);
  latencies(arm, law, draws, span, out);
  if (parts.error_kind) error_kinds(arm, draws.error_kind, span, out);
  if (parts.tpot) {
    const Number<float> tpot{static_cast<float>(law.tpot_seconds), law.rows.tpot_seconds};
    for (std::size_t i = span.begin; i < span.end; ++i) out.tpot[i] = tpot[i];
  }
  if (parts.cost) costs(law, input_tokens, span, out);
  if (parts.refusal) refusals(law, draws, span, out);
  if (parts.thumbs) thumbs(law, draws.thumbs, span, out);
  if (parts.quality) qualities(arm, law, draws.quality, span, out);
  if (parts.agreement) agreements(law, draws.agreement, span, out);
  if (parts.similarity) similarities(law, draws.similarity, span, out);
}

}  // namespace gatewright::sim
