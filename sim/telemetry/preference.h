// Clicks on interleaved lists: whose answer each was for.
// Used by Field where a probe measures `preference`; draws only what depends on both arms' answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "sim/arms/columns.h"
#include "sim/router/split.h"
#include "sim/run.h"
#include "sim/scenario.h"
#include "sim/telemetry/measurement.h"

namespace gatewright::sim {

/// Team-draft interleaving (Radlinski, Kurup, Joachims, "How does clickthrough data reflect retrieval
/// quality?", CIKM 2008) with one answer per team: a coin says whose comes first, and a click is
/// credited to the team whose answer it was. The coin makes the place cancel, so only the answers
/// count here: a share of users clicks, and a click goes to the candidate's answer with probability
/// Phi((its quality - the baseline's) / scale). Where only one arm has an answer, that arm gets the
/// click; where none has, there is none.
class Preference {
 public:
  explicit Preference(const Interleaving& numbers) : numbers_(numbers) {}
  void start(RunKey key) noexcept { key_ = key; }
  /// Draws the clicks of a chunk, for all of its requests.
  void draw(std::uint64_t window, std::size_t chunk, const Columns& columns);
  /// Adds the credited clicks of interleaved requests: the counts are clicks, the sums those won, so
  /// that the two arms' sums add up to the one count. The answers and qualities of both arms are filled.
  /// `segment`: only of requests of that one.
  void add_chunk(const Columns& columns, const Split& split,
                 const std::optional<std::uint8_t>& segment, Tally& tally) const noexcept;

 private:
  Interleaving numbers_;
  RunKey key_;
  Column<Word> clicks_;   ///< below the share that clicks
  Column<Word> credits_;  ///< below the candidate's probability
};

}  // namespace gatewright::sim
