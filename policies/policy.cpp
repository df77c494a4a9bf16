#include "policies/policy.h"

namespace gatewright {

std::vector<std::string_view> names_by_weight(const Policy& policy, GateMask gates) {
  std::vector<std::string_view> names;
  const GateMask protective = policy.protective_gates();
  const auto all = policy.gate_names();
  for (const GateMask part : {gates & protective, gates & ~protective})
    for (std::size_t gate = 0; gate < all.size(); ++gate)
      if ((part >> gate & 1) != 0) names.emplace_back(all[gate]);
  return names;
}

}  // namespace gatewright
