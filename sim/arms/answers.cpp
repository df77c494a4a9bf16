#include "sim/arms/answers.h"

#include <algorithm>
#include <cmath>

#include "sim/arms/error_bursts.h"

namespace gatewright::sim {
namespace {

/// Positive metrics stay positive whatever an effect takes away, so that logarithms exist.
constexpr float kLeast = 1e-9F;

double probability(double value) noexcept { return std::clamp(value, 0.0, 1.0); }

/// value x multiply + shift on a column of positive numbers.
void apply(const Affine& map, Span span, float* column) noexcept {
  if (map.is_identity()) return;
  const auto multiply = static_cast<float>(map.multiply);
  const auto shift = static_cast<float>(map.shift);
  for (std::size_t i = span.begin; i < span.end; ++i)
    column[i] = std::max(kLeast, column[i] * multiply + shift);
}

void lengths(const Arm& arm, const ArmLaw& law, const double* collapse, Span span,
             ArmColumns& out) noexcept {
  if (!law.output_tokens.is_identity()) {
    apply(law.output_tokens, span, out.output_tokens.data());
    for (std::size_t i = span.begin; i < span.end; ++i)
      out.output_tokens[i] = std::max(1.0F, std::nearbyintf(out.output_tokens[i]));
  }
  if (law.collapse == 0.0) return;
  const auto most = static_cast<float>(arm.collapse.tokens);
  for (std::size_t i = span.begin; i < span.end; ++i)
    if (collapse[i] < law.collapse) out.output_tokens[i] = std::min(most, out.output_tokens[i]);
}

void first_tokens(const Arm& arm, const ArmLaw& law, const double* z, Span span,
                  ArmColumns& out) noexcept {
  const Lognormal& ttft = arm.latency.ttft;
  const auto median = static_cast<float>(ttft.median);
  const auto sigma = static_cast<float>(ttft.sigma);
  if (sigma == 0.0F) {
    for (std::size_t i = span.begin; i < span.end; ++i) out.ttft[i] = median;
  } else {
    for (std::size_t i = span.begin; i < span.end; ++i)
      out.ttft[i] = median * std::exp(sigma * static_cast<float>(z[i]));
  }
  if (ttft.clip > 0.0) {
    const auto clip = static_cast<float>(ttft.clip);
    for (std::size_t i = span.begin; i < span.end; ++i) out.ttft[i] = std::min(clip, out.ttft[i]);
  }
  apply(law.ttft, span, out.ttft.data());
}

/// Latency, errors and timeouts: an error comes early, an answer beyond the timeout is an error.
void latencies(const Arm& arm, const ArmLaw& law, const ArmDraws& draws, Span span,
               ArmColumns& out) noexcept {
  const auto tpot = static_cast<float>(law.tpot_seconds);
  for (std::size_t i = span.begin; i < span.end; ++i)
    out.latency[i] = out.ttft[i] + tpot * out.output_tokens[i];
  apply(law.latency, span, out.latency.data());
  if (law.hang > 0.0) {
    const auto factor = static_cast<float>(arm.hang.factor);
    for (std::size_t i = span.begin; i < span.end; ++i)
      if (draws.hang[i] < law.hang) out.latency[i] *= factor;
  }
  const auto ratio = static_cast<float>(arm.failed_latency_ratio);
  const auto timeout = static_cast<float>(arm.latency.timeout_seconds);
  const auto end = [&](std::size_t i, double error) {
    const bool failed = draws.error[i] < error;
    const float latency = failed ? out.latency[i] * ratio : out.latency[i];
    const bool late = latency > timeout;
    out.latency[i] = late ? timeout : latency;
    out.events[i] =
        static_cast<std::uint8_t>((failed || late ? kError : 0) | (late ? kTimeout : 0));
  };
  if (draws.in_burst == nullptr) {
    for (std::size_t i = span.begin; i < span.end; ++i) end(i, law.error);
  } else {
    for (std::size_t i = span.begin; i < span.end; ++i)
      end(i, draws.in_burst[i] != 0 ? law.error_in_burst : law.error);
  }
  if (law.collapse == 0.0) return;
  for (std::size_t i = span.begin; i < span.end; ++i)
    if (draws.collapse[i] < law.collapse && (out.events[i] & kError) == 0)
      out.events[i] |= kCollapsed;
}

/// Of errors that are no timeouts, some are rejections.
void error_kinds(const Arm& arm, const double* uniform, Span span, ArmColumns& out) noexcept {
  if (arm.rate_limited_share == 0.0) return;
  for (std::size_t i = span.begin; i < span.end; ++i)
    if ((out.events[i] & (kError | kTimeout)) == kError && uniform[i] < arm.rate_limited_share)
      out.events[i] |= kRejected;
}

/// An error bills its input only.
void costs(const ArmLaw& law, const float* input_tokens, Span span, ArmColumns& out) noexcept {
  const Rates& rates = *law.prices;
  const auto bill = [&](std::size_t i, float input_price, float output_price) {
    const float billed = (out.events[i] & kError) != 0 ? 0.0F : out.output_tokens[i];
    out.cost[i] = input_tokens[i] * input_price + billed * output_price;
  };
  for (std::size_t i = span.begin; i < span.end; ++i) bill(i, rates.input, rates.output);
  for (const Rates::Tier& tier : rates.tiers)
    for (std::size_t i = span.begin; i < span.end; ++i)
      if (input_tokens[i] > tier.above_input_tokens) bill(i, tier.input, tier.output);
  apply(law.cost, span, out.cost.data());
}

/// Who refuses, and whom the detector takes for it: of one that errs, each answer is flagged by a
/// draw of its own.
void refusals(const ArmLaw& law, const ArmDraws& draws, Span span, ArmColumns& out) noexcept {
  if (is_perfect(law.detector)) {
    for (std::size_t i = span.begin; i < span.end; ++i)
      if (draws.refusal[i] < law.refusal && (out.events[i] & kError) == 0)
        out.events[i] |= kRefusal | kFlagged;
    return;
  }
  const double flagged_refusal = law.detector.sensitivity;
  const double flagged_answer = 1.0 - law.detector.specificity;
  for (std::size_t i = span.begin; i < span.end; ++i) {
    if ((out.events[i] & kError) != 0) continue;
    const bool refused = draws.refusal[i] < law.refusal;
    const bool flagged = draws.flag[i] < (refused ? flagged_refusal : flagged_answer);
    out.events[i] |= static_cast<std::uint8_t>((refused ? kRefusal : 0) | (flagged ? kFlagged : 0));
  }
}

/// One uniform rates: its low end down, its high end up, so that nobody does both.
void thumbs(const ArmLaw& law, const double* uniform, Span span, ArmColumns& out) noexcept {
  const double up_from = 1.0 - law.thumbs_up;
  for (std::size_t i = span.begin; i < span.end; ++i) {
    const int rating = (uniform[i] < law.thumbs_down ? kThumbsDown : 0) |
                       (uniform[i] >= up_from && uniform[i] >= law.thumbs_down ? kThumbsUp : 0);
    if ((out.events[i] & kError) == 0) out.events[i] |= static_cast<std::uint8_t>(rating);
  }
}

void qualities(const Arm& arm, const ArmLaw& law, const double* z, Span span,
               ArmColumns& out) noexcept {
  const auto mean = static_cast<float>(law.quality(arm.quality.mean));
  const auto sd = static_cast<float>(arm.quality.sd * law.quality.multiply);
  for (std::size_t i = span.begin; i < span.end; ++i)
    out.quality[i] = std::clamp(mean + sd * static_cast<float>(z[i]), 0.0F, 1.0F);
  const auto cap = static_cast<float>(arm.collapse.quality);
  if (law.collapse == 0.0) return;
  for (std::size_t i = span.begin; i < span.end; ++i)
    if ((out.events[i] & kCollapsed) != 0) out.quality[i] = std::min(cap, out.quality[i]);
}

void agreements(const ArmLaw& law, const double* uniform, Span span, ArmColumns& out) noexcept {
  for (std::size_t i = span.begin; i < span.end; ++i)
    out.agreement[i] = uniform[i] < law.agreement ? 1 : 0;
}

void similarities(const ArmLaw& law, const double* z, Span span, ArmColumns& out) noexcept {
  const auto mean = static_cast<float>(law.similarity.mean);
  const auto sd = static_cast<float>(law.similarity.sd);
  for (std::size_t i = span.begin; i < span.end; ++i)
    out.similarity[i] = std::clamp(mean + sd * static_cast<float>(z[i]), 0.0F, 1.0F);
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
