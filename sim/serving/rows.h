// One request's row of columns, moved from chunk to chunk.
// Used by ServedRequests, which keeps rows while their requests are answered; a column that is added
// to a chunk does not compile until it is named here.
#pragma once

#include <cstddef>
#include <tuple>
#include <utility>

#include "sim/arms/columns.h"

namespace gatewright::sim {

/// All columns of one arm.
template <typename Arm>
[[nodiscard]] auto columns_of_arm(Arm& arm) noexcept {
  auto& [output_tokens, ttft, tpot, latency, cost, quality, events, agreement, similarity] = arm;
  return std::tie(output_tokens, ttft, tpot, latency, cost, quality, events, agreement, similarity);
}

/// The columns that are no arm's and stay of use once the request's way is known.
template <typename Chunk>
[[nodiscard]] auto columns_of_request(Chunk& chunk) noexcept {
  auto& [size, at_seconds, input_tokens, user, tenant, session, segment, harmed, rating_due, mirror,
         bucket, arm] = chunk;
  return std::tie(input_tokens, user, segment, harmed, rating_due);
}

/// Copies row `i` of one chunk to row `j` of another, but for its arrival time and assignment.
inline void copy_row(const Columns& from, std::size_t i, Columns& to, std::size_t j) noexcept {
  const auto copy = [i, j](const auto& sources, const auto& targets) {
    [&]<std::size_t... column>(std::index_sequence<column...>) {
      ((std::get<column>(targets)[j] = std::get<column>(sources)[i]), ...);
    }
    (std::make_index_sequence<std::tuple_size_v<std::remove_cvref_t<decltype(sources)>>>{});
  };
  copy(columns_of_request(from), columns_of_request(to));
  for (const std::size_t arm : {kBaselineArm, kCandidateArm})
    copy(columns_of_arm(from.arm[arm]), columns_of_arm(to.arm[arm]));
}

}  // namespace gatewright::sim
