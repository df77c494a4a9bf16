#include "sim/arms/answers.h"

#include <algorithm>
#include <cmath>

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

void lengths(const ArmLaw& law, Span span, ArmColumns& out) noexcept {
  if (law.output_tokens.is_identity()) return;
  apply(law.output_tokens, span, out.output_tokens.data());
  for (std::size_t i = span.begin; i < span.end; ++i)
    out.output_tokens[i] = std::max(1.0F, std::nearbyintf(out.output_tokens[i]));
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
void latencies(const Arm& arm, const ArmLaw& law, const double* uniform, Span span,
               ArmColumns& out) noexcept {
  const auto tpot = static_cast<float>(law.tpot_seconds);
  for (std::size_t i = span.begin; i < span.end; ++i)
    out.latency[i] = out.ttft[i] + tpot * out.output_tokens[i];
  apply(law.latency, span, out.latency.data());
  const auto ratio = static_cast<float>(arm.failed_latency_ratio);
  const auto timeout = static_cast<float>(arm.latency.timeout_seconds);
  for (std::size_t i = span.begin; i < span.end; ++i) {
    const bool failed = uniform[i] < law.error;
    const float latency = failed ? out.latency[i] * ratio : out.latency[i];
    const bool late = latency > timeout;
    out.latency[i] = late ? timeout : latency;
    out.events[i] =
        static_cast<std::uint8_t>((failed || late ? kError : 0) | (late ? kTimeout : 0));
  }
}

/// An error bills its input only.
void costs(const Arm& arm, const ArmLaw& law, const float* input_tokens, Span span,
           ArmColumns& out) noexcept {
  const auto input_price = static_cast<float>(arm.price.input_usd_per_token);
  const auto output_price = static_cast<float>(arm.price.output_usd_per_token);
  for (std::size_t i = span.begin; i < span.end; ++i) {
    const float billed = (out.events[i] & kError) != 0 ? 0.0F : out.output_tokens[i];
    out.cost[i] = input_tokens[i] * input_price + billed * output_price;
  }
  apply(law.cost, span, out.cost.data());
}

void refusals(const ArmLaw& law, const double* uniform, Span span, ArmColumns& out) noexcept {
  for (std::size_t i = span.begin; i < span.end; ++i)
    if (uniform[i] < law.refusal && (out.events[i] & kError) == 0) out.events[i] |= kRefusal;
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
      error = probability(map(arm.error_probability));
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
    case WorldMetric::input_tokens:
    case WorldMetric::timeout:
    case WorldMetric::error_or_refusal:
      break;
  }
}

void answer(const Arm& arm, const ArmLaw& law, const ArmDraws& draws, const float* input_tokens,
            AnswerParts parts, Span span, ArmColumns& out) noexcept {
  lengths(law, span, out);
  first_tokens(arm, law, draws.ttft, span, out);
  latencies(arm, law, draws.error, span, out);
  if (parts.tpot)
    std::fill(out.tpot.begin() + static_cast<std::ptrdiff_t>(span.begin),
              out.tpot.begin() + static_cast<std::ptrdiff_t>(span.end),
              static_cast<float>(law.tpot_seconds));
  if (parts.cost) costs(arm, law, input_tokens, span, out);
  if (parts.refusal) refusals(law, draws.refusal, span, out);
  if (parts.thumbs) thumbs(law, draws.thumbs, span, out);
  if (parts.quality) qualities(arm, law, draws.quality, span, out);
}

}  // namespace gatewright::sim
