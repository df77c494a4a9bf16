// Rows of requests, copied from chunk to chunk, column by column.
// Used by ServedRequests, which keeps chunks while their requests are answered; a column that is added
// to a chunk does not compile until it is named here.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
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

/// Calls `copy` with each column of one chunk and the same one of another, but for arrival times and
/// assignments.
template <typename Copy>
void for_each_column(const Columns& from, Columns& to, Copy copy) {
  const auto copy_all = [&copy](const auto& sources, const auto& targets) {
    [&]<std::size_t... column>(std::index_sequence<column...>) {
      (copy(std::get<column>(sources), std::get<column>(targets)), ...);
    }
    (std::make_index_sequence<std::tuple_size_v<std::remove_cvref_t<decltype(sources)>>>{});
  };
  copy_all(columns_of_request(from), columns_of_request(to));
  for (const std::size_t arm : {kBaselineArm, kCandidateArm})
    copy_all(columns_of_arm(from.arm[arm]), columns_of_arm(to.arm[arm]));
}

/// The first `n` rows.
inline void copy_rows(const Columns& from, std::size_t n, Columns& to) noexcept {
  for_each_column(from, to, [n](const auto& source, auto& target) {
    std::copy_n(source.begin(), n, target.begin());
  });
}

/// The rows at `places`, one after the other from row `first` on.
inline void gather_rows(const Columns& from, std::span<const std::uint16_t> places, Columns& to,
                        std::size_t first) noexcept {
  for_each_column(from, to, [places, first](const auto& source, auto& target) {
    for (std::size_t i = 0; i < places.size(); ++i) target[first + i] = source[places[i]];
  });
}

}  // namespace gatewright::sim
