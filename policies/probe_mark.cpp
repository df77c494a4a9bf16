#include "policies/probe_mark.h"

namespace gatewright {

void count_probes(bool on) noexcept {
  for (ProbeMark* mark = ProbeMark::first; on && mark != nullptr; mark = mark->next_)
    mark->reached_.store(0, std::memory_order_relaxed);
  ProbeMark::is_counting.store(on, std::memory_order_relaxed);
}

std::vector<ProbeCount> probe_counts() {
  std::vector<ProbeCount> counts;
  for (const ProbeMark* mark = ProbeMark::first; mark != nullptr; mark = mark->next_)
    counts.push_back({mark->reason_, mark->reached_.load(std::memory_order_relaxed)});
  std::ranges::sort(counts, {}, &ProbeCount::reason);
  return counts;
}

}  // namespace gatewright
