// The canary of world_bench.cpp without anything around it, for AVX-512.
// Used by reference_bench.cpp as the floor; never by the simulator.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "sim/kernels/kernels.h"

namespace gatewright::sim {

/// What one arm answered in a window.
struct FusedWindow {
  static constexpr std::size_t kRoom = std::size_t{1} << 16;
  float* latencies = nullptr;  ///< room for kRoom
  std::size_t count = 0;
  std::uint64_t errors = 0;
  std::uint64_t thumbs_down = 0;
  double cost = 0.0;
};

/// Adds five minutes of 50 requests a second, 5% of which the candidate answers. Needs AVX-512.
void play_fused_window(LaneState& state, std::array<FusedWindow, 2>& arms) noexcept;

}  // namespace gatewright::sim
