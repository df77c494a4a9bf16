#include "sim/serving/first_of.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/streams.h"

namespace gatewright::sim {
namespace {

TEST(FirstOf, IsTheFirstOfTheLeastWhateverChanges) {
  for (const std::size_t size : {1U, 2U, 3U, 7U, 8U, 9U, 33U, 64U, 65U, 700U}) {
    Stream stream({7, size, "test", 0});
    std::vector<int> keys(size, 9);
    FirstOf<int> first;
    first.assign(size, 9);
    EXPECT_EQ(first.first(), 0U);
    for (int change = 0; change < 500; ++change) {
      const auto i = static_cast<std::size_t>(stream.uniform() * static_cast<double>(size));
      keys[i] = static_cast<int>(stream.uniform() * 9.0);
      first.set(i, keys[i]);
      const auto least = std::ranges::min_element(keys);
      ASSERT_EQ(first.first(), static_cast<std::size_t>(least - keys.begin()));
      ASSERT_EQ(first[i], keys[i]);
      ASSERT_EQ(first.least(), *least);
    }
  }
}

}  // namespace
}  // namespace gatewright::sim
