// Window laws that were built before: one per set of measurements and laws of the arms.
// Used by WindowWorld through PreparedScenario, shared by its threads and replications.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "sim/arms/prices.h"
#include "sim/windows/window_law.h"

namespace gatewright::sim {

class LawBook {
 public:
  explicit LawBook(const Scenario& scenario);

  /// The prices that hold at an arm; laws refer to them.
  [[nodiscard]] const PriceTable& prices(std::size_t arm) const noexcept { return prices_[arm]; }
  /// The law of those measurements under laws of the arms that differ from `laws` in events only; built
  /// where there is none yet. It stays as long as the book.
  [[nodiscard]] const WindowLaw& find(const PreparedScenario& scenario,
                                      std::span<const Measured> measured, const ArmLaws& laws);

 private:
  struct Entry {
    std::vector<Measured> measured;
    ArmLaws laws;
    std::unique_ptr<const WindowLaw> law;
  };
  std::array<PriceTable, 2> prices_;
  std::mutex mutex_;
  std::vector<Entry> entries_;
};

}  // namespace gatewright::sim
