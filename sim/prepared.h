// A scenario made ready to play: traces read, tables built, correlations factored.
// Used by World and Field; immutable, shared by threads and by the healthy twin.
#pragma once

#include <memory>
#include <optional>

#include "sim/arms/latents.h"
#include "sim/arms/recorded_lengths.h"
#include "sim/effects/effect_table.h"
#include "sim/run.h"
#include "sim/scenario.h"
#include "sim/traffic/arrivals.h"
#include "sim/traffic/profiles.h"
#include "sim/users/bucket_book.h"
#include "sim/users/population.h"

namespace gatewright::sim {

class NumberBook;

/// What is costly to build and the same with and without effects.
struct WorldTables {
  std::unique_ptr<const ArrivalProcess> arrivals;
  Population population;
  TokenTable input_tokens;
  TokenTable output_tokens;
  RecordedLengths recorded;  ///< empty unless a trace supplies the tokens
  Mixing mixing;
  std::unique_ptr<BucketBook> buckets = std::make_unique<BucketBook>();
  std::shared_ptr<NumberBook> numbers;  ///< of windows; empty where nobody plays them
};

class LawBook;

class PreparedScenario {
 public:
  PreparedScenario(Scenario scenario, std::shared_ptr<const WorldTables> tables);

  [[nodiscard]] const Scenario& scenario() const noexcept { return scenario_; }
  [[nodiscard]] const WorldTables& tables() const noexcept { return *tables_; }
  [[nodiscard]] const std::shared_ptr<const WorldTables>& shared_tables() const noexcept {
    return tables_;
  }
  [[nodiscard]] const EffectTable& effects() const noexcept { return effects_; }
  /// What was found out about windows so far; empty where nobody plays windows.
  [[nodiscard]] LawBook& law_book() const noexcept { return *law_book_; }

 private:
  Scenario scenario_;
  std::shared_ptr<const WorldTables> tables_;
  EffectTable effects_;
  std::shared_ptr<LawBook> law_book_;
};

}  // namespace gatewright::sim
