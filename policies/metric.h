// The one table of metric names: what each measures, in which unit, on which requests, which way is harm.
// Used by plans, gates, worlds and exports; never holds values.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace gatewright {

enum class MetricKind : std::uint8_t {
  positive,  ///< a positive number per request (seconds, tokens, USD): ratios and logs make sense
  score,     ///< a number per request on a bounded scale (quality, similarity)
  event,     ///< 0 or 1 per request: its mean is a rate
  gauge,     ///< a reading of a metrics store, not per request (cpu, memory)
};

/// Requests a metric is defined on.
enum class MetricScope : std::uint8_t {
  all,          ///< every request the arm answered or tried to answer
  answered,     ///< requests that got an answer: no error
  seen,         ///< requests whose answer a user saw: served ones, never mirrored ones
  paired,       ///< mirrored requests, where both arms answered one prompt
  interleaved,  ///< requests answered by both arms in one list
};

enum class Direction : std::uint8_t { up, down };

struct MetricInfo {
  std::string_view name;
  MetricKind kind;
  MetricScope scope;
  Direction harm;         ///< the direction that hurts users or the bill
  std::string_view unit;  ///< "s", "tokens", "USD", "share", "score"
  std::string_view about;
};

/// All metrics, in the order of reports.
[[nodiscard]] std::span<const MetricInfo> metrics() noexcept;

/// The metric of that name; nullptr if there is none.
[[nodiscard]] const MetricInfo* find_metric(std::string_view name) noexcept;

}  // namespace gatewright
