#include "policies/decision.h"

#include "policies/fields.h"

namespace gatewright {

std::string_view to_string(Action action) noexcept { return name_of(action); }
std::string_view to_string(Cause cause) noexcept { return name_of(cause); }
std::string_view to_string(Fault fault) noexcept { return name_of(fault); }

}  // namespace gatewright
