// The journal of a rollout: observation, decision, state digest, in order; and its replay.
// Used by drivers (append before acting), audits and tests; text in, text out, no files here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/decision.h"
#include "policies/engine.h"
#include "policies/observation.h"
#include "policies/state.h"

namespace gatewright {

struct JournalEntry {
  Observation observation;  ///< histogram bins, if any, are owned by the journal it stands in
  Decision decision{};
  std::uint64_t digest = 0;  ///< of the state after the decision
};

/// Entries in order, with the memory their observations borrow.
class Journal {
 public:
  void append(const Observation& observation, const Decision& decision, std::uint64_t digest);
  [[nodiscard]] const std::vector<JournalEntry>& entries() const noexcept { return entries_; }
  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

 private:
  std::vector<JournalEntry> entries_;
  std::vector<std::unique_ptr<HistogramBin[]>> bins_;
};

/// Where a replay first differs from the record.
struct Divergence {
  std::size_t index = 0;  ///< of the entry
  std::string field;      ///< "decision.exposure.served", "digest", ...
  std::string recorded, replayed;
};

/// What a replay compares. States of different plans never have equal digests.
enum class ReplayOf : std::uint8_t { decisions_and_digests, decisions };

/// Replays from `start`, or from initial_state at the first observation's time. Honest only up to
/// the first decision that differs: after it the world would have answered differently.
[[nodiscard]] std::optional<Divergence> replay(const Engine& engine, const Journal& journal,
                                               std::optional<RolloutState> start = std::nullopt,
                                               ReplayOf what = ReplayOf::decisions_and_digests);

}  // namespace gatewright
