// The canary fused into one loop: nothing leaves the registers but the latencies, and nothing can be
// configured. Draws and transforms by the kernels' own functions, so that what it takes is the floor for
// the engine of columns. Compiled for AVX-512; only play_fused_window() leaves it.
#include "tests/bench/fused_canary.h"

#include "sim/arms/chance.h"
#include "sim/kernels/functions.h"
#include "sim/kernels/lanes.h"
#include "sim/kernels/variates.h"

namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL {
namespace {

constexpr double kWindowSeconds = 300.0;
constexpr double kPerSecond = 50.0;
constexpr std::size_t kBlock = 512;
constexpr std::array<float, 2> kMedians = {0.80F, 0.84F};
constexpr std::array<double, 2> kErrors = {0.010, 0.012};

std::uint32_t below(U32 words, double share) noexcept {
  const Word bound = bound_of(share);
  return static_cast<std::uint32_t>(bits_of((I32)((words >> 1) < bound)));
}

std::uint64_t count(std::uint32_t bits) noexcept {
  return static_cast<std::uint64_t>(__builtin_popcount(bits));
}

F32 tokens(F32 z, float median, float sigma) noexcept {
  const F32 value = exp(z * sigma) * median + 0.5F;
  return larger(to_float(to_whole(value)), all(1.0F));
}

/// Sixteen requests, of which `arrived` are in the window.
void add_row(Generators& generators, std::array<F32, 3> z, std::uint32_t arrived,
             std::array<FusedWindow, 2>& arms, std::array<F32, 2>& costs) noexcept {
  const std::uint32_t served = below((U32)generators.next(), 0.05);
  const auto failing = (U32)generators.next();
  const std::uint32_t down = below((U32)generators.next(), 0.03);
  const F32 latency = exp(z[0] * 0.6F) * chosen(served, all(kMedians[1]), all(kMedians[0]));
  const F32 cost = tokens(z[1], 300.0F, 1.0F) * 3e-6F + tokens(z[2], 200.0F, 0.8F) * 15e-6F;
  for (std::size_t arm = 0; arm < arms.size(); ++arm) {
    FusedWindow& window = arms[arm];
    const std::uint32_t here = arrived & (arm == 0 ? ~served : served);
    window.count += write_chosen(here, latency, window.latencies + window.count);
    window.errors += count(here & below(failing, kErrors[arm]));
    window.thumbs_down += count(here & down);
    costs[arm] += chosen(here, cost, F32{});
  }
}

}  // namespace
}  // namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL

namespace gatewright::sim {

void play_fused_window(LaneState& state, std::array<FusedWindow, 2>& arms) noexcept {
  using namespace GATEWRIGHT_KERNEL_LEVEL;
  double at = 0.0;
  while (at < kWindowSeconds) {
    std::array<float, kBlock> gaps;
    std::array<double, kBlock> times;
    exponentials(state, gaps.data(), kBlock);
    const double end = running_totals(gaps.data(), at * kPerSecond, times.data(), kBlock);
    std::size_t arrived = kBlock;
    while (arrived > 0 && times[arrived - 1] >= kWindowSeconds * kPerSecond) --arrived;
    at = end / kPerSecond;
    std::array<F32, 2> costs{};
    with_generators(state, [&](Generators& generators, std::size_t /*lane*/) {
      for (std::size_t i = 0; i < arrived; i += 2 * kLanes) {
        std::array<NormalPair, 3> pairs;
        for (NormalPair& pair : pairs) {
          const auto length = (U32)generators.next();
          pair = normal_pair(length, (U32)generators.next());
        }
        const std::uint64_t bits =
            arrived - i >= 2 * kLanes ? ~std::uint64_t{0} : (std::uint64_t{1} << (arrived - i)) - 1;
        add_row(generators, {pairs[0].first, pairs[1].first, pairs[2].first},
                static_cast<std::uint32_t>(bits & 0xFFFFU), arms, costs);
        add_row(generators, {pairs[0].second, pairs[1].second, pairs[2].second},
                static_cast<std::uint32_t>(bits >> kLanes & 0xFFFFU), arms, costs);
      }
    });
    for (std::size_t arm = 0; arm < arms.size(); ++arm)
      for (std::size_t lane = 0; lane < kLanes; ++lane)
        arms[arm].cost += static_cast<double>(costs[arm][lane]);
  }
}

}  // namespace gatewright::sim
