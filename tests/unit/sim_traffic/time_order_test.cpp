#include "sim/traffic/time_order.h"

#include <algorithm>
#include <compare>
#include <vector>

#include <gtest/gtest.h>

#include "sim/streams.h"

namespace gatewright::sim {
namespace {

struct Row {
  double at_seconds;
  int number;
  [[nodiscard]] int tie() const noexcept { return number; }
  friend auto operator<=>(const Row&, const Row&) = default;
};

TEST(TimeOrder, IsThatOfAnySort) {
  // Even times, bursts of hundreds at one moment or within a thousandth, and edges; 200 sets.
  Stream stream({4, 0, "test.times", 0});
  TimeOrder<Row> order;
  for (int set = 0; set < 200; ++set) {
    std::vector<Row> rows(static_cast<std::size_t>(600.0 * stream.uniform()));
    const double share_in_burst = set % 2 == 0 ? 0.0 : stream.uniform();
    const double burst_lasts = set % 4 == 1 ? 0.0 : 0.001;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const bool in_burst = stream.uniform() < share_in_burst;
      const double at = in_burst ? 0.3 + burst_lasts * stream.uniform() : stream.uniform();
      rows[i] = {100.0 + 10.0 * at, static_cast<int>(10.0 * stream.uniform())};
    }
    if (rows.size() > 1) rows[0].at_seconds = 110.0;
    std::vector<Row> expected = rows;
    std::ranges::sort(expected);
    order.sort(rows, 100.0, 110.0);
    ASSERT_EQ(rows, expected);
  }
}

}  // namespace
}  // namespace gatewright::sim
