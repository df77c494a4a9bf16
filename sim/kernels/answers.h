// From draws to answers, row by row and without branches.
// Used by the kernels' one source. Plain loops, which the compiler turns into vectors of the level;
// each row's arithmetic is the same in a vector and in what is left over.
#pragma once

#include "sim/kernels/kernels.h"
#include "sim/kernels/lanes.h"

namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL {

inline float changed(float value, const LinearMap& map) noexcept {
  const float result = value * map.multiply + map.shift;
  return result > map.least ? result : map.least;
}

inline void linear(const float* in, LinearMap map, float* out, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) out[i] = changed(in[i], map);
}

inline void linear_by_row(LinearMaps maps, float* __restrict values, std::size_t count) noexcept {
  const float* __restrict multiply = maps.multiply;
  const float* __restrict shift = maps.shift;
  for (std::size_t i = 0; i < count; ++i) {
    const float changed = values[i] * multiply[i] + shift[i];
    const bool changes = multiply[i] != 1.0F || shift[i] != 0.0F;
    const float least = changes ? maps.least : changed;
    values[i] = changed > least ? changed : least;
  }
}

inline void latencies(const float* __restrict first_token, const float* __restrict tokens,
                      float per_token, LinearMap map, float* __restrict latency,
                      std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i)
    latency[i] = changed(first_token[i] + per_token * tokens[i], map);
}

inline void mark(const std::uint32_t* __restrict words, Marking marking,
                 std::uint8_t* __restrict events, std::size_t count) noexcept {
  const std::uint32_t from = marking.from;
  const std::uint32_t width = marking.below - marking.from;
  for (std::size_t i = 0; i < count; ++i) {
    const bool inside = words[i] - from < width;
    const bool open = (events[i] & marking.unless) == 0;
    events[i] = static_cast<std::uint8_t>(events[i] | (inside && open ? marking.bits : 0));
  }
}

inline void endings(Ending law, std::uint8_t* __restrict events, float* __restrict latency,
                    std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    const float ratio = (events[i] & law.failed) != 0 ? law.failed_ratio : 1.0F;
    const float ended = latency[i] * ratio;
    const bool late = ended > law.timeout;
    latency[i] = late ? law.timeout : ended;
    events[i] = static_cast<std::uint8_t>(events[i] | (late ? law.late : 0));
  }
}

inline void costs(const float* __restrict input, const float* __restrict output,
                  const std::uint8_t* __restrict events, Billing billing, float* __restrict cost,
                  std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    const float billed = (events[i] & billing.unbilled) != 0 ? 0.0F : output[i];
    cost[i] = changed(input[i] * billing.input + billed * billing.output, billing.map);
  }
}

}  // namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL
