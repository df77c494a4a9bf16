// All that can be told to the engine.
// Used by drivers, gates and the journal; small, copyable, never owns memory.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "policies/exposure.h"
#include "policies/time.h"

namespace gatewright {

/// Index into Policy::probes().
enum class ProbeIndex : std::uint16_t {};

/// Sufficient statistics of a number per request; two of them add up.
struct Summary {
  std::uint64_t count = 0;
  double sum = 0.0;
  double sum_of_squares = 0.0;
  constexpr Summary& operator+=(const Summary& other) noexcept {
    count += other.count;
    sum += other.sum;
    sum_of_squares += other.sum_of_squares;
    return *this;
  }
  friend constexpr bool operator==(const Summary&, const Summary&) = default;
};

/// Sums of a second number per request, beside a Summary's; two of them add up.
struct Covariate {
  double sum = 0.0;
  double sum_of_squares = 0.0;
  double sum_of_products = 0.0;  ///< with the Summary's number
  constexpr Covariate& operator+=(const Covariate& other) noexcept {
    sum += other.sum;
    sum_of_squares += other.sum_of_squares;
    sum_of_products += other.sum_of_products;
    return *this;
  }
  friend constexpr bool operator==(const Covariate&, const Covariate&) = default;
};

struct Covariates {
  Covariate baseline{}, candidate{};
  friend constexpr bool operator==(const Covariates&, const Covariates&) = default;
};

enum class ReadingStatus : std::uint8_t { ok, missing, error };

/// One number from a metrics store. `count` is the number of requests behind it, 0 if unknown.
struct Reading {
  double value = 0.0;
  std::uint64_t count = 0;
  ReadingStatus status = ReadingStatus::missing;
  friend constexpr bool operator==(const Reading&, const Reading&) = default;
};

/// One bin of the fixed grid of histogram.h.
struct HistogramBin {
  std::uint32_t bin = 0;
  std::uint64_t count = 0;
  friend constexpr bool operator==(const HistogramBin&, const HistogramBin&) = default;
};

/// A distribution on the grid of histogram.h: occupied bins in rising order. Borrowed memory, valid
/// during the step only.
using HistogramView = std::span<const HistogramBin>;

struct Tick {
  friend constexpr bool operator==(const Tick&, const Tick&) = default;
};

/// Window `window` of a probe, per arm. Windows of a probe are numbered from 0 and rise.
/// `paired`: both summaries cover the same mirrored requests.
struct Samples {
  ProbeIndex probe{};
  std::uint64_t window = 0;
  bool paired = false;
  Summary baseline{}, candidate{};
  /// Exactly where the probe's statistic names a covariate.
  std::optional<Covariates> covariates{};
  /// Exactly where it asks for pairs: of the two arms' numbers, over the mirrored requests.
  std::optional<double> sum_of_products{};
  friend constexpr bool operator==(const Samples&, const Samples&) = default;
};

struct Distributions {
  ProbeIndex probe{};
  std::uint64_t window = 0;
  HistogramView baseline{}, candidate{};
};

struct Readings {
  ProbeIndex probe{};
  std::uint64_t window = 0;
  Reading baseline{}, candidate{};
  friend constexpr bool operator==(const Readings&, const Readings&) = default;
};

/// What the router says it serves now.
struct ExposureApplied {
  Exposure exposure;
  friend constexpr bool operator==(const ExposureApplied&, const ExposureApplied&) = default;
};

struct OperatorCommand {
  enum class Kind : std::uint8_t { pause, resume, halt, approve };
  Kind kind = Kind::pause;
  friend constexpr bool operator==(const OperatorCommand&, const OperatorCommand&) = default;
};

using Event =
    std::variant<Tick, Samples, Distributions, Readings, ExposureApplied, OperatorCommand>;

/// Sequence numbers rise from 1 and times do not fall; an observation that is repeated or comes too
/// late is refused without a trace, so at-least-once delivery is enough.
struct Observation {
  std::uint64_t sequence = 0;
  Instant at{};
  Event event{};
};

}  // namespace gatewright
