#include "sim/windows/law_book.h"

#include <algorithm>

namespace gatewright::sim {

LawBook::LawBook(const Scenario& scenario)
    : prices_{PriceTable(scenario.baseline.price, scenario.traffic.cached_input),
              PriceTable(scenario.candidate_price.value_or(scenario.baseline.price),
                         scenario.traffic.cached_input)} {}

const WindowLaw& LawBook::find(const PreparedScenario& scenario, std::span<const Measured> measured,
                               const ArmLaws& laws) {
  const std::lock_guard lock(mutex_);
  const auto known = std::ranges::find_if(entries_, [&](const Entry& entry) {
    return std::ranges::equal(entry.measured, measured) && differ_in_events_only(entry.laws, laws);
  });
  if (known != entries_.end()) return *known->law;
  return *entries_
              .emplace_back(Entry{{measured.begin(), measured.end()},
                                  laws,
                                  std::make_unique<const WindowLaw>(scenario, measured, laws)})
              .law;
}

}  // namespace gatewright::sim
