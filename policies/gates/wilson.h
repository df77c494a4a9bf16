// Bounds on one rate by Wilson's interval, and on a difference of two by Newcombe's.
// Used through the catalogue; the intervals are open for tests and documentation.
// Never leaves [0, 1], and never has width 0, however few the events.
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

struct RateLimits {
  double lower = 0.0, upper = 1.0;
};

/// Events among `count` > 0 requests.
struct RateSeen {
  double events = 0.0, count = 1.0;
};

/// Wilson, JASA 22 (1927) 209: the rates whose score test at `z` does not reject what was seen.
[[nodiscard]] RateLimits wilson_limits(const RateSeen& seen, double z) noexcept;

/// Of candidate - baseline: the hybrid score interval, method 10 of Newcombe, Statistics in Medicine
/// 17 (1998) 873.
[[nodiscard]] RateLimits newcombe_limits(const RateSeen& baseline, const RateSeen& candidate,
                                         double z) noexcept;

[[nodiscard]] GateTestInfo wilson_info();

}  // namespace gatewright
