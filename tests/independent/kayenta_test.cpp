// Kayenta's judgement against the vectors of its own unit tests and of the classifier when run.
//
// K: Kayenta's ClassifierSuite and MannWhitneySuite; "run": the real classifier, executed at its
// production constants (controllers.md 1.C.7 and 1.C.8). MannWhitneySuite's numbers are R's
// `wilcox.test(conf.int = TRUE)`.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "policies/gates/kayenta_judgement.h"
#include "tests/independent/random_worlds.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

using Values = std::vector<double>;
using Class = KayentaClass;
using Dir = KayentaSettings::Direction;

/// K's settings: tolerance .10 and confidence .95.
KayentaSettings unit_settings(Dir direction = Dir::either) {
  return {.direction = direction, .tolerance = 0.10, .confidence = 0.95};
}

KayentaJudgement judged(const Values& control, const Values& experiment,
                        const KayentaSettings& settings) {
  return judge({.control = control, .experiment = experiment}, settings);
}

const Values kLow{1, 2.2, 1.1, 2.5, 3};
const Values kHigh{20, 22, 21, 25, 30};

TEST(Kayenta, EffectSizesOfItsUnitTests) {
  KayentaSettings settings = unit_settings();
  settings.allowed_decrease = 0.8;
  settings.allowed_increase = 1.2;
  KayentaJudgement judgement = judged(kLow, kHigh, settings);
  EXPECT_EQ(judgement.result, Class::high);
  EXPECT_FALSE(judgement.critical);
  EXPECT_NEAR(judgement.ratio, 12.0408, 5e-5);
  EXPECT_NEAR(judgement.lower, 17.80004, 5e-6);
  EXPECT_NEAR(judgement.upper, 27.79994, 5e-6);
  EXPECT_NEAR(judgement.estimate, 20.0, 1e-4);

  settings = unit_settings();
  settings.critical = true;
  settings.critical_increase = 1.2;
  EXPECT_TRUE(judged(kLow, kHigh, settings).critical);
  settings.allowed_increase = 5;
  settings.critical_increase = 13;
  EXPECT_EQ(judged(kLow, kHigh, settings).result, Class::high);
  EXPECT_FALSE(judged(kLow, kHigh, settings).critical);
  settings.allowed_increase = 13;
  settings.critical_increase = 15;
  EXPECT_EQ(judged(kLow, kHigh, settings).result, Class::pass);
  EXPECT_FALSE(judged(kLow, kHigh, settings).critical);
  settings = unit_settings();
  settings.critical = true;
  EXPECT_TRUE(judged(kLow, kHigh, settings).critical);
}

TEST(Kayenta, FallsOfItsUnitTests) {
  KayentaSettings settings = unit_settings();
  settings.allowed_decrease = 0.5;
  KayentaJudgement judgement = judged(kHigh, {10, 12.2, 10.1, 12.5, 23}, settings);
  EXPECT_EQ(judgement.result, Class::pass);
  EXPECT_NEAR(judgement.lower, -17.79996, 5e-6);
  EXPECT_NEAR(judgement.upper, 0.99995, 5e-6);
  EXPECT_NEAR(judgement.estimate, -10.78, 5e-3);

  settings = unit_settings();
  settings.critical = true;
  settings.critical_decrease = 1.2;
  judgement = judged({10, 20.2, 10.1, 20.5, 30}, {2, 2, 2, 2, 3}, settings);
  EXPECT_EQ(judgement.result, Class::low);
  EXPECT_TRUE(judgement.critical);
  EXPECT_NEAR(judgement.lower, -28.0, 1e-3);
  EXPECT_NEAR(judgement.upper, -8.0, 1e-3);
  EXPECT_NEAR(judgement.estimate, -18.075, 5e-3);
}

TEST(Kayenta, TiesAndConstantsOfItsUnitTests) {
  const KayentaSettings either = unit_settings();
  EXPECT_EQ(judged({1, 1}, {1, 1, 1}, either).result, Class::pass);
  EXPECT_EQ(judged({1, 2, 3, 4, 5}, {5, 3, 1, 4, 2}, either).result, Class::pass);
  EXPECT_EQ(judged(Values(5, 1.0), {0, 1, 1, 1, 1}, unit_settings(Dir::decrease)).result,
            Class::pass);
  EXPECT_EQ(judged(Values(5, 1.0), {1, 1, 1, 1, 10}, either).result, Class::pass);
  EXPECT_EQ(judged(Values(5, 1.0), Values(5, 10.0), either).result, Class::high);
  EXPECT_EQ(judged(Values(5, 0.0), Values(5, 10.0), either).result, Class::high);
  EXPECT_TRUE(std::isnan(judged(Values(5, 0.0), Values(5, 10.0), either).ratio));
  KayentaSettings settings = either;
  settings.allowed_decrease = 0.8;
  settings.allowed_increase = 1.2;
  const Values about_55{54.9, 54.5, 55.1, 55.6, 57.4};
  EXPECT_EQ(judged(Values(5, 0.0), about_55, settings).result, Class::high);
  EXPECT_EQ(judged(about_55, Values(5, 0.0), settings).result, Class::low);
  EXPECT_TRUE(std::isnan(judged(about_55, Values(5, 0.0), settings).ratio));
  EXPECT_EQ(judged(Values(7, 0.0), Values(7, 0.0), either).result, Class::pass);
  EXPECT_EQ(judged(Values(7, 0.0), Values(7, 0.0), either).ratio, 1.0);
  settings = either;
  settings.critical = true;
  settings.critical_decrease = 0.8;
  settings.critical_increase = 1.2;
  const KayentaJudgement from_zero =
      judged(Values(10, 0.0),
             {.05, .05, .016667, .016667, .016667, .05, .033333, .05, .05, .133333}, settings);
  EXPECT_EQ(from_zero.result, Class::high);
  EXPECT_TRUE(from_zero.critical);
  EXPECT_EQ(judged({1, 2}, {}, settings).result, Class::no_data);
  EXPECT_TRUE(judged({1, 2}, {}, settings).critical);
}

const Values kA{9.7767,  10.5871, 7.8376,  9.3243,  8.3775,  8.9359,  8.2708,  9.7484,
                11.6237, 9.2753,  8.1538,  10.5620, 13.4981, 11.0544, 6.9539,  12.5210,
                9.0216,  4.9235,  11.2514, 11.5984, 8.4352,  11.1102, 10.7006, 8.9213,
                10.0862, 11.4211, 9.3792,  7.7980,  10.6234, 11.9096};
const Values kB{11.1454, 9.9618,  7.0686, 7.3013,  9.7945,  9.6038,  6.1868,  12.3456,
                10.3719, 8.6094,  9.9132, 10.3614, 14.2068, 10.9462, 10.2159, 11.7398,
                10.9076, 12.8234, 8.1019, 8.4982,  12.1134, 13.2722, 10.1146, 6.9464,
                6.2105,  10.1604, 8.3458, 8.3838,  7.0020,  10.7558};
const Values kH{20.8784, 21.7855, 19.7083, 15.8599, 19.5101, 19.3920, 22.9265, 17.1565,
                18.6551, 23.4226, 24.0558, 22.6269, 21.9795, 21.6593, 20.0677, 22.1196,
                16.4404, 21.5596, 21.0002, 17.7794, 17.8060, 18.5372, 20.5556, 19.5529,
                21.7711, 21.8096, 20.9618, 20.9776, 19.1063, 16.9769};
const Values kD{20.7581, 22.8021, 20.6123, 20.9733, 23.4692, 21.5313, 21.7674, 18.3081,
                19.0621, 25.8795, 18.9826, 19.3879, 18.9954, 24.2284, 20.0510, 18.2340,
                17.8705, 23.0581, 18.4003, 16.9714, 19.4675, 17.9047, 17.5539, 16.1046,
                24.3817, 15.9193, 20.4794, 19.0831, 17.4558, 18.8538};

TEST(Kayenta, ThirtyReadingsOfItsUnitTests) {
  EXPECT_EQ(judged(kB, kA, unit_settings()).result, Class::pass);
  EXPECT_EQ(judged(kB, kH, unit_settings()).result, Class::high);
  EXPECT_EQ(judged(kB, kH, unit_settings(Dir::increase)).result, Class::high);
  EXPECT_EQ(judged(kB, kH, unit_settings(Dir::decrease)).result, Class::pass);
  EXPECT_EQ(judged(kD, kA, unit_settings()).result, Class::low);
  EXPECT_EQ(judged(kD, kA, unit_settings(Dir::decrease)).result, Class::low);
  EXPECT_EQ(judged(kD, kA, unit_settings(Dir::increase)).result, Class::pass);
}

Values repeated(std::initializer_list<std::pair<double, int>> counts) {
  Values values;
  for (const auto& [value, count] : counts)
    values.insert(values.end(), static_cast<std::size_t>(count), value);
  std::ranges::sort(values);
  return values;
}

TEST(Kayenta, IntervalsAreThoseOfR) {
  const Values control = repeated({{1.5, 2},
                                   {2, 16},
                                   {2.5, 18},
                                   {3, 16},
                                   {3.5, 10},
                                   {4, 8},
                                   {4.5, 4},
                                   {5, 6},
                                   {5.5, 2},
                                   {6, 5},
                                   {8, 1},
                                   {15.5, 1},
                                   {54.5, 1}});
  const Values experiment = repeated({{1.5, 9},
                                      {2, 16},
                                      {2.5, 22},
                                      {3, 17},
                                      {3.5, 9},
                                      {4, 5},
                                      {4.5, 1},
                                      {5, 3},
                                      {5.5, 1},
                                      {6, 2},
                                      {6.5, 2},
                                      {7, 1},
                                      {7.5, 1},
                                      {16.5, 1}});
  ShiftInterval interval = shift_interval(experiment, control, 0.95);
  ASSERT_TRUE(interval.exists);
  EXPECT_NEAR(interval.lower, -0.500002521696696, 1e-6);
  EXPECT_NEAR(interval.upper, -3.486287505871302e-5, 1e-6);
  EXPECT_NEAR(interval.estimate, -0.4999393907, 1e-4);

  const Values many = repeated({{0, 1},
                                {.5, 7},
                                {1, 32},
                                {1.5, 70},
                                {2, 33},
                                {2.5, 22},
                                {3, 6},
                                {3.5, 2},
                                {4, 3},
                                {4.5, 1},
                                {5.5, 1},
                                {7, 1},
                                {7.5, 1}});
  const Values fewer = repeated({{.5, 20},
                                 {1, 41},
                                 {1.5, 67},
                                 {2, 37},
                                 {2.5, 3},
                                 {3, 2},
                                 {3.5, 3},
                                 {4, 1},
                                 {5, 1},
                                 {5.5, 3},
                                 {8.5, 1},
                                 {19, 1}});
  interval = shift_interval(fewer, many, 0.98);
  ASSERT_TRUE(interval.exists);
  EXPECT_NEAR(interval.lower, -0.4999173250549087, 1e-6);
  EXPECT_NEAR(interval.upper, -6.912685789769486e-6, 1e-6);
  EXPECT_NEAR(interval.estimate, -3.45044e-5, 1e-4);
}

TEST(Kayenta, BehavesAsTheClassifierWhenRun) {
  const KayentaSettings production;
  EXPECT_EQ(judged({3}, {5}, production).result, Class::error);
  for (const int n : {2, 3, 4, 5, 6}) {
    Values control, experiment;
    for (int i = 0; i < n; ++i) {
      control.push_back(1.0 + 0.1 * i);
      experiment.push_back(10.0 + 0.1 * i);
    }
    EXPECT_EQ(judged(control, experiment, production).result, Class::high) << n;
  }
  EXPECT_EQ(judged(Values(10, 10.0), Values(10, 11.0), production).result, Class::high);
  // The ratio of two negative means inverts: a fall from -10 to -11 is a ratio of 1.1.
  EXPECT_EQ(judged(Values(10, -10.0), Values(10, -11.0), production).result, Class::pass);
  const Values base{100, 101, 99, 102, 98, 103, 97, 104, 96, 105};
  const auto moved = [&](double by, double scale) {
    Values values = base;
    for (double& value : values) value = (value + by) * scale;
    return values;
  };
  for (const double by : {2.0, 4.0, 5.0})
    EXPECT_EQ(judged(base, moved(by, 1.0), production).result, Class::pass) << by;
  for (const double by : {6.0, 8.0})
    EXPECT_EQ(judged(base, moved(by, 1.0), production).result, Class::high) << by;
  const KayentaJudgement by_six = judged(base, moved(6.0, 1.0), production);
  EXPECT_NEAR(by_six.lower, 2.0, 1e-4);
  EXPECT_NEAR(by_six.upper, 10.0, 1e-4);
  EXPECT_NEAR(by_six.estimate, 6.0, 1e-4);
  // The same data in other units: the root's absolute tolerance swallows them.
  for (const double scale : {1e-6, 1e-7})
    EXPECT_EQ(judged(moved(0.0, scale), moved(6.0, scale), production).result, Class::pass)
        << scale;
  Values outlier = base;
  outlier.back() = 1000.0;
  EXPECT_EQ(judged(base, outlier, production).result, Class::pass);
}

// Claim: without any difference the verdict is not pass as often as with the real classifier, which
// was run on 2,000 pairs of series of each kind ("run"). As many here: the two shares differ by at
// most 3.5 standard errors (99.95%), for 13 kinds of series.
TEST(Kayenta, ErrsWithoutADifferenceAsOftenAsTheClassifier) {
  struct Row {
    double correlation;  ///< from reading to reading
    int count;
    double published;
  };
  constexpr int kSeries = 2'000;
  for (const Row& row :
       {Row{0.0, 2, 0.242}, Row{0.0, 3, 0.043}, Row{0.0, 4, 0.011}, Row{0.0, 5, 0.002},
        Row{0.0, 30, 0.004}, Row{0.3, 30, 0.019}, Row{0.5, 30, 0.076}, Row{0.7, 30, 0.198},
        Row{0.9, 30, 0.495}, Row{0.3, 60, 0.016}, Row{0.5, 60, 0.060}, Row{0.7, 60, 0.183},
        Row{0.9, 60, 0.476}}) {
    int failed = 0;
    for (int series = 0; series < kSeries; ++series) {
      Random random(71, static_cast<std::uint64_t>(series));
      const auto draw = [&] {
        Values values;
        double deviation = random.normal();
        for (int i = 0; i < row.count; ++i) {
          values.push_back(100.0 + 10.0 * deviation);
          deviation = row.correlation * deviation +
                      std::sqrt(1.0 - row.correlation * row.correlation) * random.normal();
        }
        return values;
      };
      const Values control = draw();
      const Class result = judged(control, draw(), {}).result;
      failed += result == Class::high || result == Class::low;
    }
    const double share = static_cast<double>(failed) / kSeries;
    const double pooled = std::max(0.5 * (share + row.published), 1.0 / kSeries);
    std::printf("correlation %.1f, %2d readings: %.4f fail, published %.3f\n", row.correlation,
                row.count, share, row.published);
    EXPECT_NEAR(share, row.published, 3.5 * std::sqrt(2.0 * pooled * (1.0 - pooled) / kSeries));
  }
}

TEST(Kayenta, TheGateJudgesItsReadings) {
  GatePlayer player(
      gate("latency", harm(Relation::ratio, 1.0), "kayenta", {{"from", 10.0}, {"lookback", 10.0}}));
  const Values base{100, 101, 99, 102, 98, 103, 97, 104, 96, 105};
  const auto readings = [](double control, double experiment) {
    return Readings{.baseline = {.value = control, .count = 1, .status = ReadingStatus::ok},
                    .candidate = {.value = experiment, .count = 1, .status = ReadingStatus::ok}};
  };
  Evidence evidence;
  for (std::size_t i = 0; i < base.size(); ++i) {
    evidence = player.look(readings(base[i], base[i] + 6.0));
    EXPECT_EQ(evidence.enough, i == 9);
  }
  EXPECT_EQ(evidence.harm, 1.0);
  for (const double value : base) evidence = player.look(readings(value, value + 2.0));
  EXPECT_EQ(evidence.harm, 0.0) << "older readings leave the lookback";
  EXPECT_EQ(evidence.safety, 1.0);
}

}  // namespace
}  // namespace gatewright::testing
