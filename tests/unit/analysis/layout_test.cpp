#include "analysis/layout.h"

#include <gtest/gtest.h>

#include <limits>

namespace gatewright::analysis {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Layout, WidthCountsCharactersNotBytes) {
  EXPECT_EQ(width("gate"), 4U);
  EXPECT_EQ(width("Übergang"), 8U);
  EXPECT_EQ(left("ü", 3), "ü  ");
  EXPECT_EQ(right("ü", 3), "  ü");
  EXPECT_EQ(left("longer", 3), "longer");
}

TEST(Layout, CutsAtWholeCharacters) {
  EXPECT_EQ(cut("Übergang", 8, true), "Übergang");
  EXPECT_EQ(cut("Übergang", 3, true), "Üb…");
  EXPECT_EQ(cut("Übergang", 3, false), "Üb~");
  EXPECT_EQ(cut("Übergang", 1, true), "…");
  EXPECT_EQ(cut("Übergang", 0, true), "");
}

TEST(Layout, WrapsWords) {
  EXPECT_EQ(wrapped("one two  three", 7), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrapped("unbreakable a", 4), (std::vector<std::string>{"unbreakable", "a"}));
  EXPECT_TRUE(wrapped("  ", 10).empty());
}

TEST(Layout, ABarShowsEverythingAboveZero) {
  EXPECT_EQ(bar(0.0, 10, true), "");
  EXPECT_EQ(bar(1e-6, 10, true), "▏");
  EXPECT_EQ(bar(1e-6, 10, false), "#");
  EXPECT_EQ(bar(0.25, 10, true), "██▌");
  EXPECT_EQ(bar(1.0, 3, false), "###");
  EXPECT_EQ(bar(7.0, 3, true), "███");
}

TEST(Layout, NumbersHaveSeparators) {
  EXPECT_EQ(number(1234567.891, 1), "1,234,567.9");
  EXPECT_EQ(number(999.0, 0), "999");
  EXPECT_EQ(number(-1234.5, 2), "-1,234.50");
  EXPECT_EQ(number(-0.001, 1), "0.0");
  EXPECT_EQ(number(kInfinity, 1), "-");
  EXPECT_EQ(percent(0.0345, 1), "3.5%");
  EXPECT_EQ(percent(std::numeric_limits<double>::quiet_NaN(), 1), "-");
}

TEST(Layout, DigitsFollowTheInterval) {
  const auto text = [](double value, double lower, double upper) {
    const Estimate estimate{
        .value = value, .lower = lower, .upper = upper, .runs = 9, .method = Method::student_t};
    return value_text(estimate, "min") + " " + interval_text(estimate, "min");
  };
  EXPECT_EQ(text(71.234, 66.1, 75.2), "71 min [66, 75]");
  EXPECT_EQ(text(71.234, 70.0, 72.4), "71.2 min [70.0, 72.4]");
  EXPECT_EQ(text(12345.6, 11000.0, 13000.0), "12,346 min [11,000, 13,000]");
  EXPECT_EQ(text(0.01234, 0.011, 0.0135), "0.0123 min [0.0110, 0.0135]");
  EXPECT_EQ(text(59.8, 48.3, kInfinity), "59.8 min [48.3, -]");
  EXPECT_EQ(text(5.0, 5.0, 5.0), "5.00 min [5.00, 5.00]");
}

TEST(Layout, SharesAreAsFineAsOneRun) {
  EXPECT_EQ(share_decimals(20), 1);
  EXPECT_EQ(share_decimals(1000), 1);
  EXPECT_EQ(share_decimals(10'000), 2);
  const Estimate estimate{.value = 0.5, .lower = 0.25, .upper = 0.75, .runs = 400, .method = {}};
  EXPECT_EQ(value_text(estimate, "%") + " " + interval_text(estimate, "%"), "50.0% [25.0, 75.0]");
}

TEST(Layout, DollarsStandInFront) {
  const Estimate estimate{.value = -0.5, .lower = -0.7, .upper = -0.3, .runs = 9, .method = {}};
  EXPECT_EQ(value_text(estimate, "USD"), "-$0.50");
}

}  // namespace
}  // namespace gatewright::analysis
