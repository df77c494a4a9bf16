// Text form of plans: canonical JSON, one object; and the digest that ties a state to its plan.
// Used by stdio_controller, which has no YAML, and by compile; people write YAML instead.
// Never validates what a plan says: that is compile's work.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "policies/encoding.h"
#include "policies/plan.h"

namespace gatewright {

/// Number of the plan encoding's format; raised when a field is added or changes meaning.
inline constexpr std::uint64_t kPlanFormat = 1;

[[nodiscard]] std::string encode(const PlanSpec& plan);
[[nodiscard]] std::variant<PlanSpec, DecodeError> decode_plan(std::string_view text);

/// Of everything the plan says but `about`.
[[nodiscard]] std::uint64_t plan_digest(const PlanSpec& plan);

}  // namespace gatewright
