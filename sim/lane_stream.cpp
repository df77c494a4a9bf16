#include "sim/lane_stream.h"

#include <algorithm>
#include <array>

namespace gatewright::sim {
namespace {

constexpr std::size_t kLongestRow = 2 * kLanes;

constexpr std::size_t in_rows(std::size_t count, std::size_t row) noexcept {
  return (count + row - 1) / row * row;
}

}  // namespace

LaneStream::LaneStream(const StreamKey& key) noexcept {
  const std::uint64_t name = key.name.hash();
  kernels().open({scrambled_world(key.seed, key.replication), key.index}, &name, &state_, 1);
}

/// Whole rows where they belong, the last one beside it.
template <typename T, typename Kernel>
void LaneStream::fill(std::span<T> out, std::size_t row, Kernel kernel) noexcept {
  const std::size_t whole = out.size() / row * row;
  kernel(state_, out.data(), whole);
  if (whole == out.size()) return;
  std::array<T, kLongestRow> last;
  kernel(state_, last.data(), row);
  std::copy_n(last.begin(), out.size() - whole, out.data() + whole);
}

void LaneStream::fill_words(std::span<std::uint32_t> out) noexcept {
  fill(out, kLanes, kernels().words);
}

void LaneStream::fill_long_words(std::span<std::uint64_t> out) noexcept {
  fill(out, kLanes / 2, kernels().long_words);
}

void LaneStream::fill_normal(std::span<float> out) noexcept {
  fill(out, kLongestRow, kernels().normals);
}

void LaneStream::fill_exponential(std::span<float> out) noexcept {
  fill(out, kLanes, kernels().exponentials);
}

void LaneStream::words_at(Places places, std::size_t count, std::uint32_t* out) noexcept {
  kernels().words_at(state_, places.data(), out, places.size());
  state_.drawn += in_rows(count, kLanes) / 2;
}

void LaneStream::long_words_at(Places places, std::size_t count, std::uint64_t* out) noexcept {
  kernels().long_words_at(state_, places.data(), out, places.size());
  state_.drawn += in_rows(count, kLanes / 2);
}

void LaneStream::normals_at(Places places, std::size_t count, float* out) noexcept {
  kernels().normals_at(state_, places.data(), out, places.size());
  state_.drawn += in_rows(count, kLongestRow) / 2;
}

}  // namespace gatewright::sim
