#include "policies/nearest.h"

#include <array>

#include <gtest/gtest.h>

namespace gatewright {
namespace {

constexpr std::array<std::string_view, 3> kNames{"latency", "cost", "output_tokens"};

TEST(Nearest, DistanceCountsInsertionsDeletionsAndReplacements) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("flaw", "lawn"), 2U);
}

TEST(Nearest, MisspeltNamesAreRecognised) {
  EXPECT_EQ(nearest("latecny", kNames), "latency");
  EXPECT_EQ(nearest("cots", kNames), "cost");
  EXPECT_EQ(nearest("output_token", kNames), "output_tokens");
}

TEST(Nearest, NothingIsGuessedForAStrangeWord) {
  EXPECT_EQ(nearest("temperature", kNames), "");
  EXPECT_EQ(nearest("x", std::array<std::string_view, 0>{}), "");
}

}  // namespace
}  // namespace gatewright
