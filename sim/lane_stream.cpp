#include "sim/lane_stream.h"

#include <algorithm>
#include <array>

namespace gatewright::sim {
namespace {

constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15ULL;  // 2^64 / golden ratio

constexpr std::uint64_t mixed(std::uint64_t z) noexcept {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace

LaneStream::LaneStream(const StreamKey& key) noexcept {
  const std::array<std::uint64_t, 4> state = state_of(key);
  for (std::size_t generator = 0; generator < LaneState::kGenerators; ++generator) {
    std::uint64_t any = 0;
    for (std::size_t word = 0; word < state.size(); ++word)
      any |= state_.word[word][generator] = mixed(state[word] + (generator + 1) * kOdd);
    // The one state that xoshiro256++ cannot leave.
    if (any == 0) state_.word[0][generator] = kOdd;
  }
}

/// Whole rows where they belong, the last one beside it.
template <typename T, typename Kernel>
void LaneStream::fill(std::span<T> out, std::size_t row, std::size_t words_per_row,
                      Kernel kernel) noexcept {
  constexpr std::size_t kLongestRow = 2 * kLanes;
  const std::size_t whole = out.size() / row * row;
  kernel(state_, out.data(), whole);
  draws_ += (out.size() + row - 1) / row * words_per_row;
  if (whole == out.size()) return;
  std::array<T, kLongestRow> last;
  kernel(state_, last.data(), row);
  std::copy_n(last.begin(), out.size() - whole, out.data() + whole);
}

void LaneStream::fill_words(std::span<std::uint32_t> out) noexcept {
  fill(out, kLanes, LaneState::kGenerators, kernels().words);
}

void LaneStream::fill_long_words(std::span<std::uint64_t> out) noexcept {
  fill(out, LaneState::kGenerators, LaneState::kGenerators, kernels().long_words);
}

void LaneStream::fill_normal(std::span<float> out) noexcept {
  fill(out, 2 * kLanes, 2 * LaneState::kGenerators, kernels().normals);
}

void LaneStream::fill_exponential(std::span<float> out) noexcept {
  fill(out, kLanes, LaneState::kGenerators, kernels().exponentials);
}

}  // namespace gatewright::sim
