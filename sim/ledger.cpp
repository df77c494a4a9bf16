#include "sim/ledger.h"

#include <algorithm>

namespace gatewright::sim {

Ledger::Ledger(std::span<const Probe> probes, const PreparedScenario& scenario)
    : asked_(probes),
      probes_(probes, scenario.scenario().telemetry.window),
      impact_(scenario.scenario(), scenario.effects()) {}

void Ledger::start() noexcept {
  probes_.start();
  impact_.start();
  totals_ = {};
}

void Ledger::add_words(const std::array<std::uint64_t, kDraws>& words, Draws draws) noexcept {
  for (std::size_t i = 0; i < kDraws; ++i)
    if ((draws >> i & 1) != 0) totals_.words[i] += words[i];
}

void Ledger::add_requests(const Columns& columns, const Split& split, Buckets buckets,
                          const ChunkCosts& costs, const Ways& ways) {
  totals_.requests += split.requests();
  totals_.candidate_requests += split.served().size() + split.mirrored().size();
  impact_.add_requests(columns, split, costs, ways.history);
  if (ways.cold) impact_.add_cold(columns, buckets, split.requests(), *ways.cold);
}

void Ledger::add_window(const WindowCounts& counts) noexcept {
  totals_.requests += counts.requests;
  totals_.candidate_requests += counts.candidate_requests;
  impact_.add(counts.impact);
}

bool Ledger::close_window(const Closing& closing, std::span<const Tally* const> tallies,
                          const Ways& ways) {
  ++totals_.windows;
  totals_.arrival_words += closing.arrival_words;
  impact_.add_exposure(ways.timeline, std::min(ways.until, closing.end), ways.history);
  return probes_.close(closing.k, tallies, closing.wanted);
}

LedgerTotals Ledger::totals() const noexcept {
  LedgerTotals totals = totals_;
  totals.impact = impact_.impact();
  return totals;
}

}  // namespace gatewright::sim
