#include "policies/text.h"

#include <limits>

#include <gtest/gtest.h>

namespace gatewright {
namespace {

using namespace std::chrono_literals;

TEST(Text, DurationsTakeTheLargestUnitThatStaysWhole) {
  EXPECT_EQ(duration_text(0s), "0s");
  EXPECT_EQ(duration_text(24h), "24h");
  EXPECT_EQ(duration_text(90min), "90m");
  EXPECT_EQ(duration_text(-90s), "-90s");
  EXPECT_EQ(duration_text(1500ms), "1500ms");
  EXPECT_EQ(duration_text(1us), "1000ns");
}

TEST(Text, NumbersAreShort) {
  EXPECT_EQ(number_text(1.2), "1.2");
  EXPECT_EQ(number_text(1.0 / 3.0), "0.333333");
  EXPECT_EQ(share_text(0.0123), "1.23%");
  EXPECT_EQ(number_text(std::numeric_limits<double>::quiet_NaN()), "nan");
}

}  // namespace
}  // namespace gatewright
