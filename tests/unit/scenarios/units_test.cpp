// Units of text: exact both ways, and strict about dimensions.
#include "scenarios/units.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <limits>

namespace gatewright::scenarios {
namespace {

using namespace std::chrono_literals;

TEST(Units, DecimalsAreShiftedAsTextNotAsNumbers) {
  EXPECT_EQ(parse_decimal("0.3", -2), 0.003);
  EXPECT_EQ(parse_decimal("1.1", -2), 0.011);
  EXPECT_EQ(parse_decimal("0.15", -6), 0.15e-6);
  EXPECT_EQ(parse_decimal("2.5e3"), 2500.0);
  EXPECT_EQ(format_decimal(0.003, 2), "0.3");
  EXPECT_EQ(format_decimal(0.15e-6, 6), "0.15");
  EXPECT_EQ(format_decimal(120.0), "120");
  EXPECT_EQ(format_decimal(-0.05, 2), "-5");
  EXPECT_EQ(format_decimal(0.0), "0");
}

TEST(Units, NumbersThatAreNoneAreRefused) {
  for (const char* text : {"",    "-",    ".",   ".5",   "5.",    "1e",     "1e+",       "nan",
                           "NaN", ".nan", "inf", "-inf", "0x10",  "1_000",  "1,000",     "1 000",
                           " 1",  "1 ",   "--1", "+-1",  "1e999", "-1e999", "1e99999999"})
    EXPECT_FALSE(parse_decimal(text)) << text;
}

TEST(Units, EveryFiniteDoubleSurvivesWritingAndReading) {
  // Claim: exact for all doubles; 100 random ones per unit, no tolerance.
  for (const Unit<double>* unit : {&kSeconds, &kRate, &kShare, &kPoints, &kUsd, &kUsdPerToken,
                                   &kTokens, &kRatio, &kFactor, &kNumber})
    EXPECT_TRUE(
        rc::check(std::string("round trip of ") + std::string(unit->noun), [unit](double value) {
          RC_PRE(std::isfinite(value) && std::abs(value) < 1e290 &&
                 (value == 0.0 || std::abs(value) > 1e-290));
          const std::string text = unit->format(value);
          const std::optional<double> read = unit->parse(text);
          RC_LOG() << text;
          RC_ASSERT(read.has_value());
          RC_ASSERT(*read == value);
        }));
}

TEST(Units, EveryDurationSurvivesWritingAndReading) {
  const bool holds =
      rc::check("round trip of durations", [](std::int32_t nanoseconds, std::uint16_t seconds) {
        const Duration value =
            std::chrono::nanoseconds(nanoseconds) + std::chrono::seconds(seconds);
        RC_ASSERT(kDuration.parse(kDuration.format(value)) == value);
      });
  EXPECT_TRUE(holds);
}

TEST(Units, DurationsReadAsWritten) {
  EXPECT_EQ(kDuration.parse("30m"), 30min);
  EXPECT_EQ(kDuration.parse("1.5h"), 90min);
  EXPECT_EQ(kDuration.parse("2d"), 48h);
  EXPECT_EQ(kDuration.parse("350ms"), 350ms);
  EXPECT_EQ(kDuration.parse("0.1s"), 100ms);
  EXPECT_EQ(kDuration.parse("-5m"), -5min);
  for (const char* text :
       {"30", "30 m", "30min", "m", "half an hour", "14:00", "1.5ns", "1e300h", "400000d"})
    EXPECT_FALSE(kDuration.parse(text)) << text;
  EXPECT_EQ(kDuration.format(90min), "90m");
  EXPECT_EQ(kDuration.format(24h), "24h");
  EXPECT_EQ(kDuration.format(1500ms), "1500ms");
  EXPECT_EQ(kDuration.format(Duration::zero()), "0s");
}

TEST(Units, RatesAreWrittenInTheUnitThatReadsBest) {
  EXPECT_EQ(kRate.parse("354/min"), 5.9);
  EXPECT_EQ(kRate.format(5.9), "5.9/s");
  EXPECT_EQ(kRate.format(*kRate.parse("10/min")), "10/min");
  EXPECT_EQ(kRate.format(*kRate.parse("100/min")), "100/min");
  EXPECT_EQ(kRate.format(*kRate.parse("7/h")), "7/h");
  EXPECT_EQ(kRate.format(40.0), "40/s");
}

TEST(Units, DimensionsAreNeverGuessed) {
  EXPECT_FALSE(kShare.parse("0.25"));
  EXPECT_FALSE(kShare.parse("25 %"));
  EXPECT_FALSE(kPoints.parse("3%"));
  EXPECT_FALSE(kRatio.parse("1.5"));
  EXPECT_FALSE(kUsd.parse("0.001"));
  EXPECT_FALSE(kUsd.parse("$"));
  EXPECT_FALSE(kUsd.parse("$-1"));
  EXPECT_FALSE(kUsdPerToken.parse("$0.15"));
  EXPECT_FALSE(kTokens.parse("20"));
  EXPECT_FALSE(kRate.parse("40"));
  EXPECT_EQ(kFactor.parse("1.25"), 1.25);
  EXPECT_EQ(kFactor.parse("1.25x"), 1.25);
  EXPECT_EQ(kTokens.parse("1 token"), 1.0);
  EXPECT_EQ(kUsd.parse("-$2"), -2.0);
  EXPECT_EQ(kUsdPerToken.parse("$2/ktok"), 0.002);
  EXPECT_EQ(kMinutes.parse("1.5h"), 90.0);
  EXPECT_EQ(kHours.parse("90m"), 1.5);
}

TEST(Units, CountsAreWholeAndFitTheirType) {
  EXPECT_EQ(kCount.parse("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  for (const char* text : {"18446744073709551616", "-1", "1.0", "1e3", "", "ten"})
    EXPECT_FALSE(kCount.parse(text)) << text;
}

}  // namespace
}  // namespace gatewright::scenarios
