// The same canary in plain C++, request by request, as one would first write it: a priority queue of
// events, the standard's generator and laws, a sort per window. And fused into one loop of vectors, the
// floor for any engine. Run beside bench_world by report.py.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <span>
#include <vector>

#include "sim/kernels/kernels.h"
#include "sim/telemetry/quantile.h"
#include "tests/bench/fused_canary.h"

namespace {

constexpr double kWindowSeconds = 300.0;

struct Window {
  std::vector<double> latencies;
  double cost = 0.0;
  std::uint64_t errors = 0;
  std::uint64_t thumbs_down = 0;

  /// Type 7 of the sorted latencies.
  [[nodiscard]] double quantile(double p) const {
    if (latencies.empty()) return 0.0;
    const double position = static_cast<double>(latencies.size() - 1) * p;
    const auto rank = static_cast<std::size_t>(position);
    const double low = latencies[rank];
    const double high = latencies[std::min(rank + 1, latencies.size() - 1)];
    return low + (high - low) * (position - static_cast<double>(rank));
  }
  [[nodiscard]] double per_request(double total) const {
    return total / static_cast<double>(std::max<std::size_t>(latencies.size(), 1));
  }
  void clear() {
    latencies.clear();
    cost = 0.0;
    errors = thumbs_down = 0;
  }
};

/// How many of five rules object to the candidate.
int objections(std::array<Window, 2>& arms) {
  for (Window& arm : arms) std::sort(arm.latencies.begin(), arm.latencies.end());
  const auto& [baseline, candidate] = arms;
  const auto rate = [](const Window& arm, std::uint64_t count) {
    return arm.per_request(static_cast<double>(count));
  };
  return int{candidate.quantile(0.95) > 1.20 * baseline.quantile(0.95)} +
         int{candidate.quantile(0.99) > 1.25 * baseline.quantile(0.99)} +
         int{rate(candidate, candidate.errors) > rate(baseline, baseline.errors) + 0.01} +
         int{rate(candidate, candidate.thumbs_down) > rate(baseline, baseline.thumbs_down) + 0.02} +
         int{candidate.per_request(candidate.cost) > 1.1 * baseline.per_request(baseline.cost)};
}

void plain_canary(benchmark::State& bench) {
  enum class Kind : std::uint8_t { arrival, close };
  struct Event {
    double at;
    Kind kind;
    bool operator>(const Event& other) const { return at > other.at; }
  };
  std::mt19937_64 words(1);
  std::exponential_distribution<double> gap(50.0);
  std::uniform_real_distribution<double> uniform;
  std::array latency{std::lognormal_distribution<double>(std::log(0.80), 0.6),
                     std::lognormal_distribution<double>(std::log(0.84), 0.6)};
  std::lognormal_distribution<double> input(std::log(300.0), 1.0);
  std::lognormal_distribution<double> output(std::log(200.0), 0.8);
  constexpr std::array kErrors = {0.010, 0.012};
  std::uint64_t requests = 0;
  int hits = 0;
  for (auto _ : bench) {
    std::priority_queue<Event, std::vector<Event>, std::greater<>> queue;
    std::array<Window, 2> arms;
    queue.push({gap(words), Kind::arrival});
    queue.push({kWindowSeconds, Kind::close});
    for (int windows = 0; windows < 48;) {
      const Event event = queue.top();
      queue.pop();
      if (event.kind == Kind::close) {
        hits += objections(arms);
        for (Window& arm : arms) arm.clear();
        queue.push({event.at + kWindowSeconds, Kind::close});
        ++windows;
        continue;
      }
      queue.push({event.at + gap(words), Kind::arrival});
      const std::size_t arm = uniform(words) < 0.05 ? 1 : 0;
      Window& window = arms[arm];
      window.latencies.push_back(latency[arm](words));
      const double tokens_in = std::max(1.0, std::nearbyint(input(words)));
      const double tokens_out = std::max(1.0, std::nearbyint(output(words)));
      window.cost += tokens_in * 3e-6 + tokens_out * 15e-6;
      window.errors += uniform(words) < kErrors[arm] ? 1U : 0U;
      window.thumbs_down += uniform(words) < 0.03 ? 1U : 0U;
      ++requests;
    }
  }
  benchmark::DoNotOptimize(hits);
  bench.counters["requests"] =
      benchmark::Counter(static_cast<double>(requests), benchmark::Counter::kIsRate);
}
BENCHMARK(plain_canary)->Unit(benchmark::kMillisecond);

#if defined(__x86_64__)
void fused_canary(benchmark::State& bench) {
  using namespace gatewright;
  using namespace gatewright::sim;
  if (kernels_at(KernelLevel::avx512) == nullptr) {
    bench.SkipWithError("this machine lacks the level");
    return;
  }
  LaneState state = {.start = 1, .salt = 2};
  std::array<std::vector<float>, 2> latencies;
  std::array<FusedWindow, 2> arms;
  const auto quantile_of = [](const FusedWindow& arm, double p) {
    Statistic statistic;
    statistic.kind = Statistic::Kind::quantile;
    statistic.probability = p;
    return quantile(std::span(arm.latencies, arm.count), statistic);
  };
  std::uint64_t requests = 0;
  int hits = 0;
  for (auto _ : bench) {
    for (std::size_t arm = 0; arm < arms.size(); ++arm) {
      latencies[arm].resize(FusedWindow::kRoom);
      arms[arm] = {.latencies = latencies[arm].data()};
    }
    play_fused_window(state, arms);
    const auto& [baseline, candidate] = arms;
    const auto share = [](const FusedWindow& arm, double total) {
      return total / static_cast<double>(arm.count);
    };
    const auto differ = [share](double of_candidate, double of_baseline, double by) {
      return int{of_candidate > of_baseline + by};
    };
    hits += int{quantile_of(candidate, 0.95) > 1.20 * quantile_of(baseline, 0.95)} +
            int{quantile_of(candidate, 0.99) > 1.25 * quantile_of(baseline, 0.99)} +
            int{share(candidate, candidate.cost) > 1.1 * share(baseline, baseline.cost)} +
            differ(share(candidate, static_cast<double>(candidate.errors)),
                   share(baseline, static_cast<double>(baseline.errors)), 0.01) +
            differ(share(candidate, static_cast<double>(candidate.thumbs_down)),
                   share(baseline, static_cast<double>(baseline.thumbs_down)), 0.02);
    requests += baseline.count + candidate.count;
  }
  benchmark::DoNotOptimize(hits);
  bench.counters["requests"] =
      benchmark::Counter(static_cast<double>(requests), benchmark::Counter::kIsRate);
}
BENCHMARK(fused_canary)->Unit(benchmark::kMicrosecond);
#endif

}  // namespace
