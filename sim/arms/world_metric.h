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
  error,  ///< from here on: events, but for similarity
  timeout,
  refusal,
  error_or_refusal,
  thumbs_down,
  thumbs_up,
  // Their numbers are part of stream keys: those above keep theirs.
  error_429,
  error_5xx,
  length_collapse,
  hang,  ///< of which telemetry knows only the latency
  agreement,
  similarity,  ///< a score, no event
  cpu,         ///< readings of an arm's servers, not of requests
  memory,
  preference,
  units,  ///< of the assignment: see kAssignedUnits in policies/policy.h
};

inline constexpr std::array<std::string_view, 23> kWorldMetricNames = {"latency",
                                                                       "ttft",
                                                                       "tpot",
                                                                       "input_tokens",
                                                                       "output_tokens",
                                                                       "cost",
                                                                       "quality",
                                                                       "error",
                                                                       "timeout",
                                                                       "refusal",
                                                                       "error_or_refusal",
                                                                       "thumbs_down",
                                                                       "thumbs_up",
                                                                       "error_429",
                                                                       "error_5xx",
                                                                       "length_collapse",
                                                                       "hang",
                                                                       "agreement",
                                                                       "similarity",
                                                                       "cpu",
                                                                       "memory",
                                                                       "preference",
                                                                       "units"};
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

/// One reading per arm and window, where the scenario has servers.
[[nodiscard]] constexpr bool is_gauge(WorldMetric metric) noexcept {
  return metric == WorldMetric::cpu || metric == WorldMetric::memory;
}

/// 0 or 1 per request: effects and noise act on the probability.
[[nodiscard]] constexpr bool is_event(WorldMetric metric) noexcept {
  return metric >= WorldMetric::error && metric != WorldMetric::similarity && !is_gauge(metric) &&
         metric != WorldMetric::units;
}

/// A positive number per request: noise is a factor, logarithms make sense.
[[nodiscard]] constexpr bool is_positive(WorldMetric metric) noexcept {
  return metric < WorldMetric::quality;
}

/// Whether effects and deployment noise can act on it: the others follow from these.
[[nodiscard]] constexpr bool can_differ(WorldMetric metric) noexcept {
  return metric != WorldMetric::input_tokens && metric != WorldMetric::timeout &&
         metric != WorldMetric::error_or_refusal && metric != WorldMetric::error_429 &&
         metric != WorldMetric::error_5xx && !is_gauge(metric) &&
         metric != WorldMetric::preference && metric != WorldMetric::units;
}

/// Whether it compares two answers to one prompt.
[[nodiscard]] constexpr bool is_paired(WorldMetric metric) noexcept {
  return metric == WorldMetric::agreement || metric == WorldMetric::similarity;
}

}  // namespace gatewright::sim
