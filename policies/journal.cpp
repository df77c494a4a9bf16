#include "policies/journal.h"

#include <algorithm>

#include "policies/canonical_json.h"
#include "policies/digest.h"

namespace gatewright {
namespace {

struct Leaf {
  std::string field;
  std::string text;
};

/// Every single value of `value`, in declared order, with its path.
template <class T>
void collect(const std::string& path, const T& value, std::vector<Leaf>& leaves) {
  if constexpr (Listed<const T>) {
    fields(value, [&](std::string_view name, const auto& field) {
      collect(path + '.' + std::string(name), field, leaves);
    });
  } else {
    leaves.push_back({path, canonical_json::to_text(value)});
  }
}

[[nodiscard]] std::vector<Leaf> leaves_of(const Decision& decision, std::uint64_t digest) {
  std::vector<Leaf> leaves;
  collect("decision", decision, leaves);
  collect("digest", digest, leaves);
  return leaves;
}

}  // namespace

void Journal::append(const Observation& observation, const Decision& decision,
                     std::uint64_t digest) {
  entries_.push_back({observation, decision, digest});
  auto* distributions = std::get_if<Distributions>(&entries_.back().observation.event);
  if (distributions == nullptr) return;
  for (HistogramView* view : {&distributions->baseline, &distributions->candidate}) {
    auto bins = std::make_unique<HistogramBin[]>(view->size());
    std::ranges::copy(*view, bins.get());
    *view = {bins.get(), view->size()};
    bins_.push_back(std::move(bins));
  }
}

std::optional<Divergence> replay(const Engine& engine, const Journal& journal,
                                 std::optional<RolloutState> start, ReplayOf what) {
  if (journal.empty()) return std::nullopt;
  RolloutState state =
      start ? *std::move(start) : engine.initial_state(journal.entries().front().observation.at);
  for (std::size_t i = 0; i < journal.entries().size(); ++i) {
    const JournalEntry& entry = journal.entries()[i];
    const Decision decision = engine.step(state, entry.observation);
    const std::uint64_t replayed_digest =
        what == ReplayOf::decisions ? entry.digest : digest(state);
    if (decision == entry.decision && replayed_digest == entry.digest) continue;
    const auto recorded = leaves_of(entry.decision, entry.digest);
    const auto replayed = leaves_of(decision, replayed_digest);
    const auto [left, right] =
        std::ranges::mismatch(recorded, replayed, {}, &Leaf::text, &Leaf::text);
    return Divergence{
        .index = i, .field = left->field, .recorded = left->text, .replayed = right->text};
  }
  return std::nullopt;
}

}  // namespace gatewright
