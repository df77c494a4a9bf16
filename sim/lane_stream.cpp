#include "sim/lane_stream.h"

#include <algorithm>
#include <array>

namespace gatewright::sim {
LaneStream::LaneStream(const StreamKey& key) noexcept {
  const std::uint64_t name = key.name.hash();
  kernels().open({scrambled_world(key.seed, key.replication), key.index}, &name, &state_, 1);
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
