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
constexpr std::size_t kBlock = kGapsAtOnce;
constexpr std::size_t kWordsAtOnce = kBlock * 6;  // no fewer than a block needs
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
void add_row(Words& words, std::array<F32, 3> z, std::uint32_t arrived,
             std::array<FusedWindow, 2>& arms, std::array<F32, 2>& costs) noexcept {
  const std::uint32_t served = below((U32)words.from(0), 0.05);
  const auto failing = (U32)words.from(kDoubles);
  const std::uint32_t down = below((U32)words.from(2 * kDoubles), 0.03);
  words.pass(3 * kDoubles);
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
    std::array<std::uint32_t, kBlock> units;
    exponentials(state, gaps.data(), kBlock);
    running_totals(gaps.data(), units.data(), kBlock);
    const double left = (kWindowSeconds - at) * kPerSecond / kGapUnit;
    std::size_t arrived = kBlock;
    while (arrived > 0 && static_cast<double>(units[arrived - 1]) >= left) --arrived;
    at += static_cast<double>(units.back()) * kGapUnit / kPerSecond;
    std::array<F32, 2> costs{};
    Words words(state);
    for (std::size_t i = 0; i < arrived; i += 2 * kAbreast * kLanes) {
      std::array<NormalPair<Abreast<F32, kAbreast>>, 3> pairs;
      for (auto& pair : pairs) {
        const auto next = [&words](std::size_t from) {
          return abreast<kAbreast>(
              [&](std::size_t k) { return (U32)words.from((from + k) * kDoubles); });
        };
        pair = normal_pair(next(0), next(kAbreast));
        words.pass(2 * kAbreast * kDoubles);
      }
      const auto add = [&](std::size_t row, const Abreast<F32, kAbreast>(&z)[3]) {
        for (std::size_t k = 0; k < kAbreast; ++k, row += kLanes) {
          const std::size_t some = arrived > row ? arrived - row : 0;
          const std::uint32_t bits = some >= kLanes ? 0xFFFFU : (1U << some) - 1U;
          add_row(words, {z[0].part[k], z[1].part[k], z[2].part[k]}, bits, arms, costs);
        }
      };
      add(i, {pairs[0].first, pairs[1].first, pairs[2].first});
      add(i + kAbreast * kLanes, {pairs[0].second, pairs[1].second, pairs[2].second});
    }
    state.drawn += kWordsAtOnce;
    for (std::size_t arm = 0; arm < arms.size(); ++arm)
      for (std::size_t lane = 0; lane < kLanes; ++lane)
        arms[arm].cost += static_cast<double>(costs[arm][lane]);
  }
}

}  // namespace gatewright::sim
