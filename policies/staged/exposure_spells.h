// When the exposure stood still: the spell that lasts, and the one before it for late windows.
// Used by the staged policy, in its memory; never asks a router, only remembers what it was told.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "policies/exposure.h"
#include "policies/time.h"

namespace gatewright {

/// A spell begins when the router reports another exposure, and ends when it does so again or when
/// the engine wants another one: from the wish to the report nobody knows what is served.
class ExposureSpells {
 public:
  static constexpr std::size_t kSlots = 4;

  /// `slots` may hold anything, as a damaged snapshot does: then no window is within a spell.
  explicit ExposureSpells(std::span<double, kSlots> slots) noexcept : slots_(slots) {}

  /// Nothing is known yet.
  void clear() noexcept;
  /// The router reports what it serves. Times are since the rollout's start.
  void report(const Exposure& applied, Duration now) noexcept;
  /// The engine wants an exposure that is not the one reported last.
  void end(Duration now) noexcept;

  /// When the spell that lasts began, in nanoseconds since the rollout's start; nothing while none
  /// does.
  [[nodiscard]] std::optional<double> since() const noexcept;

  /// Whether the exposure stood still from `start` to `end`, in nanoseconds since the rollout's
  /// start. False also where it may have, but longer ago than is remembered.
  [[nodiscard]] bool hold(double start, double end) const noexcept;

 private:
  std::span<double, kSlots> slots_;
};

}  // namespace gatewright
