// The metrics that the world produces per request, as indices into its tables and columns.
// Used by arms, effects, noise and telemetry; names, units and scopes stay in policies/metric.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace gatewright::sim {

enum class WorldMetric : std::uint8_t {
  latency,
  ttft,
  tpot,
  input_tokens,
  output_tokens,
  cost,
  quality,
  error,  ///< from here on: events
  timeout,
  refusal,
  error_or_refusal,
  thumbs_down,
  thumbs_up,
};

inline constexpr std::array<std::string_view, 13> kWorldMetricNames = {
    "latency", "ttft",    "tpot",    "input_tokens",     "output_tokens", "cost",     "quality",
    "error",   "timeout", "refusal", "error_or_refusal", "thumbs_down",   "thumbs_up"};
inline constexpr std::size_t kWorldMetrics = kWorldMetricNames.size();

[[nodiscard]] constexpr std::size_t index_of(WorldMetric metric) noexcept {
  return static_cast<std::size_t>(metric);
}

[[nodiscard]] constexpr std::string_view to_string(WorldMetric metric) noexcept {
  return kWorldMetricNames[index_of(metric)];
}

/// The metric of that name; nothing where the world does not produce it.
[[nodiscard]] constexpr std::optional<WorldMetric> world_metric(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kWorldMetrics; ++i)
    if (kWorldMetricNames[i] == name) return static_cast<WorldMetric>(i);
  return std::nullopt;
}

/// 0 or 1 per request: effects and noise act on the probability.
[[nodiscard]] constexpr bool is_event(WorldMetric metric) noexcept {
  return metric >= WorldMetric::error;
}

/// A positive number per request: noise is a factor, logarithms make sense.
[[nodiscard]] constexpr bool is_positive(WorldMetric metric) noexcept {
  return metric < WorldMetric::quality;
}

/// Whether effects and deployment noise can act on it: the others follow from these.
[[nodiscard]] constexpr bool can_differ(WorldMetric metric) noexcept {
  return metric != WorldMetric::input_tokens && metric != WorldMetric::timeout &&
         metric != WorldMetric::error_or_refusal;
}

}  // namespace gatewright::sim
