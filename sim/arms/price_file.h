// Token prices from a file in the genai-prices format, plain or gzip: tiers, cached input, dates.
// Used by prepare(), which puts numbers in the place of a file's name; never fetches anything.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "policies/diagnostic.h"
#include "policies/time.h"
#include "sim/scenario.h"

namespace gatewright::sim {

/// What is asked of a price file.
struct PriceQuestion {
  std::string file{};   ///< to be opened as it stands
  std::string model{};  ///< its id in the file; with `provider/` in front where several sell it
  std::optional<std::chrono::sys_seconds>
      starts_at{};  ///< nothing: the last price holds throughout
  Duration horizon{};
  std::string path{};  ///< of the price in the scenario, for findings: "baseline.price"
};

struct PriceAnswer {
  Arm::Price price{};  ///< in numbers, with tiers and the changes within the horizon
  std::string note{};  ///< which price, of whom, at what time
  Diagnostics diagnostics{};
};

/// The format of github.com/pydantic/genai-prices: of several conditional prices the last one whose
/// constraint holds counts; `start_date` holds from midnight UTC on, `start_time` and `end_time` every
/// day between them; a tier's price holds for the whole request once its prompt is longer than `start`.
[[nodiscard]] PriceAnswer find_price(const PriceQuestion& question);

/// Puts the prices in the place of the files that a scenario names; one note per file's price.
void resolve_prices(Scenario& scenario, std::vector<std::string>& notes, Diagnostics& diagnostics);

}  // namespace gatewright::sim
