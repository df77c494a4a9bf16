// Every kernel at every level: against double precision, and to the byte against the portable level.
#include "sim/kernels/kernels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/streams.h"

namespace gatewright::sim {
namespace {

LaneState some_state(std::uint64_t seed) {
  Stream stream({seed, 0, "test.lanes", 0});
  return {.start = stream(), .salt = stream()};
}

/// Word `number` of a stream, from 1, as it is defined.
std::uint64_t word_of(const LaneState& state, std::uint64_t number) {
  std::uint64_t z = state.start + number * 0x9e3779b97f4a7c15ULL;
  z = ((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL) ^ state.salt;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

/// Lane by lane, 32 bits each.
std::vector<std::uint32_t> lanes_of(const LaneState& state, std::size_t count) {
  std::vector<std::uint32_t> lanes;
  for (std::uint64_t number = 1; lanes.size() < count; ++number) {
    const std::uint64_t word = word_of(state, number);
    lanes.push_back(static_cast<std::uint32_t>(word));
    lanes.push_back(static_cast<std::uint32_t>(word >> 32));
  }
  return lanes;
}

double unit_of(std::uint32_t lane) { return (static_cast<double>(lane >> 1) + 0.5) * 0x1p-31; }

class EveryLevel : public ::testing::TestWithParam<KernelLevel> {
 protected:
  void SetUp() override {
    kernels_ = kernels_at(GetParam());
    if (kernels_ == nullptr) GTEST_SKIP() << "this machine lacks the level";
  }
  const Kernels* kernels_ = nullptr;
};
std::string name_of(const ::testing::TestParamInfo<KernelLevel>& level) {
  constexpr std::array kNames = {"portable", "avx2", "avx512"};
  return kNames[static_cast<std::size_t>(level.param)];
}
INSTANTIATE_TEST_SUITE_P(Kernels, EveryLevel, ::testing::ValuesIn(kKernelLevels), name_of);

TEST_P(EveryLevel, WordsWithoutSaltAreThoseOfSplitMix) {
  // The published outputs for 1234567 (splitmix64.c of Vigna, checked by many ports of it).
  LaneState state{.start = 1'234'567};
  std::vector<std::uint64_t> words(8);
  kernels_->long_words(state, words.data(), words.size());
  words.resize(5);
  EXPECT_EQ(words, (std::vector<std::uint64_t>{6457827717110365317ULL, 3203168211198807973ULL,
                                               9817491932198370423ULL, 4593380528125082431ULL,
                                               16408922859458223821ULL}));
}

TEST_P(EveryLevel, WordsAreFunctionsOfTheirNumbers) {
  LaneState state = some_state(1);
  const std::vector<std::uint32_t> lanes = lanes_of(state, 1600);
  std::vector<std::uint32_t> words(800);
  for (std::size_t half = 0; half < 2; ++half) {  // the state goes on where it was
    kernels_->words(state, words.data(), words.size());
    for (std::size_t i = 0; i < words.size(); ++i)
      ASSERT_EQ(words[i], lanes[half * words.size() + i] >> 1) << i;
  }
  EXPECT_EQ(state.drawn, 800U);
  LaneState other = some_state(1);
  std::vector<std::uint64_t> long_words(80);
  kernels_->long_words(other, long_words.data(), long_words.size());
  for (std::size_t i = 0; i < long_words.size(); ++i)
    ASSERT_EQ(long_words[i], (std::uint64_t{lanes[2 * i + 1]} << 32) | lanes[2 * i]) << i;
}

TEST_P(EveryLevel, NormalsAreBoxAndMullersOfTheirWords) {
  // In double precision from the same words. A float's error of u moves the radius by 2^-25 / radius;
  // the rest is 5 units in the last place of a radius up to 6.7.
  constexpr std::size_t kDraws = 320'000;
  LaneState state = some_state(2);
  const std::vector<std::uint32_t> lanes = lanes_of(state, kDraws);
  std::vector<float> z(kDraws);
  kernels_->normals(state, z.data(), z.size());
  for (std::size_t row = 0; row < kDraws; row += 2 * kLanes)
    for (std::size_t i = row; i < row + kLanes; ++i) {
      const double radius = std::sqrt(-2.0 * std::log(unit_of(lanes[i])));
      const double angle = 2.0 * std::numbers::pi *
                           static_cast<double>(static_cast<std::int32_t>(lanes[i + kLanes])) *
                           0x1p-33;
      const double side = (lanes[i] & 1U) == 0 ? 1.0 : -1.0;
      const double error = 0x1p-25 / radius + 5.0 * 0x1p-24 * std::max(1.0, radius);
      ASSERT_NEAR(static_cast<double>(z[i]), radius * std::sin(angle), error);
      ASSERT_NEAR(static_cast<double>(z[i + kLanes]), side * radius * std::cos(angle), error);
    }
}

TEST_P(EveryLevel, ExponentialsAreLogarithmsOfTheirWords) {
  // A float's error of u is at most 2^-25 near 1 and relative elsewhere.
  constexpr std::size_t kDraws = 320'000;
  LaneState state = some_state(3);
  const std::vector<std::uint32_t> lanes = lanes_of(state, kDraws);
  std::vector<float> drawn(kDraws);
  kernels_->exponentials(state, drawn.data(), drawn.size());
  for (std::size_t i = 0; i < kDraws; ++i) {
    const double exact = -std::log(unit_of(lanes[i]));
    ASSERT_NEAR(static_cast<double>(drawn[i]), exact, 0x1p-24 * (1.0 + 2.0 * exact));
  }
}

TEST_P(EveryLevel, ExponentialAndLogarithmAreWithinTwoUnitsInTheLastPlace) {
  constexpr std::size_t kSteps = 1'000'000;
  constexpr double kUnits = 2.0 * 0x1p-24;
  std::vector<float> in(kSteps);
  std::vector<float> out(kSteps);
  for (std::size_t i = 0; i < kSteps; ++i)
    in[i] = static_cast<float>(-87.0 + 175.0 * static_cast<double>(i) / kSteps);
  kernels_->exp(in.data(), out.data(), kSteps);
  for (std::size_t i = 0; i < kSteps; ++i) {
    const double exact = std::exp(static_cast<double>(in[i]));
    ASSERT_NEAR(static_cast<double>(out[i]), exact, kUnits * exact) << in[i];
  }
  // Over all exponents, and closely around 1, where the logarithm is small.
  for (std::size_t i = 0; i < kSteps; ++i)
    in[i] = i % 2 == 0 ? out[i] : static_cast<float>(0.9 + 0.2 * static_cast<double>(i) / kSteps);
  kernels_->log(in.data(), out.data(), kSteps);
  for (std::size_t i = 0; i < kSteps; ++i) {
    const double exact = std::log(static_cast<double>(in[i]));
    ASSERT_NEAR(static_cast<double>(out[i]), exact, kUnits * std::abs(exact)) << in[i];
  }
}

TEST_P(EveryLevel, KnowsTheLogarithmOfOneAndTheExponentialOfNothing) {
  float one = 1.0F;
  float zero = 0.0F;
  kernels_->log(&one, &one, 1);
  kernels_->exp(&zero, &zero, 1);
  EXPECT_EQ(one, 0.0F);
  EXPECT_EQ(zero, 1.0F);
}

TEST_P(EveryLevel, QuantilesOfALognormalAreRightToAMillionth) {
  // P50, P90, P95, P99 and P99.9 of median 0.3, sigma up to 1: the kernel at the normal quantiles
  // (published to 16 digits) against exp in double precision. What the draws themselves add is
  // bounded by NormalsAreBoxAndMullersOfTheirWords.
  const std::vector<double> quantiles{0.0, 1.2815515655446004, 1.6448536269514722,
                                      2.3263478740408408, 3.0902323061678132};
  for (const double sigma : {0.1, 0.5, 1.0}) {
    std::vector<float> z(quantiles.begin(), quantiles.end());
    kernels_->lognormals(z.data(), {0.3F, static_cast<float>(sigma), 1e9F}, z.data(), z.size());
    for (std::size_t i = 0; i < quantiles.size(); ++i) {
      const double exact = 0.3 * std::exp(sigma * quantiles[i]);
      EXPECT_NEAR(static_cast<double>(z[i]), exact, 1e-6 * exact) << sigma << ' ' << quantiles[i];
    }
  }
}

TEST_P(EveryLevel, LognormalsEndAtTheirGreatest) {
  std::vector<float> z(100, 3.0F);
  kernels_->lognormals(z.data(), {0.5F, 1.0F, 2.0F}, z.data(), z.size());
  EXPECT_EQ(z, std::vector<float>(100, 2.0F));
}

TEST_P(EveryLevel, WholeNumbersLieOnTheGridAndNotBeyond) {
  // A straight line is its own interpolation: 100 at -6, 10 a step of one sixteenth.
  std::vector<float> values(193);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = 100.0F + 10.0F * static_cast<float>(i);
  const Grid grid{.values = values.data(), .points = values.size(), .reach = 6.0F};
  std::vector<float> z;
  std::vector<float> expected;
  for (int step = -40; step <= 232; ++step) {
    z.push_back(-6.0F + static_cast<float>(step) / 16.0F);
    expected.push_back(100.0F + 10.0F * static_cast<float>(std::clamp(step, 0, 192)));
    z.push_back(z.back() + 0.3F / 16.0F);
    expected.push_back(step < 0 ? 100.0F : step >= 192 ? 2'020.0F : expected.back() + 3.0F);
  }
  kernels_->whole_numbers(z.data(), grid, z.data(), z.size());
  EXPECT_EQ(z, expected);
}

TEST_P(EveryLevel, SumsOfWholeNumbersAreExact) {
  // Small enough for doubles to be exact in any order.
  std::vector<float> column(1024);
  std::iota(column.begin(), column.end(), 1.0F);
  std::vector<std::uint16_t> places;
  double values = 0.0;
  double squares = 0.0;
  for (std::uint16_t place = 0; place < 1024; place = static_cast<std::uint16_t>(place + 1)) {
    const Sums sums = kernels_->sums_at(column.data(), places.data(), places.size());
    ASSERT_EQ(sums.values, values) << places.size();
    ASSERT_EQ(sums.squares, squares) << places.size();
    places.push_back(static_cast<std::uint16_t>(1023 - place));
    values += static_cast<double>(1024 - place);
    squares += static_cast<double>((1024 - place) * (1024 - place));
  }
}

TEST_P(EveryLevel, SumsOfLogarithmsAreThoseOfDoublePrecision) {
  std::vector<float> column(1000);
  LaneState state = some_state(4);
  std::vector<float> drawn(1024);
  kernels_->exponentials(state, drawn.data(), drawn.size());
  std::copy_n(drawn.begin(), column.size(), column.begin());
  std::vector<std::uint16_t> places(column.size());
  std::iota(places.begin(), places.end(), std::uint16_t{0});
  double values = 0.0;
  double squares = 0.0;
  double sizes = 0.0;
  for (const float value : column) {
    const double logarithm = std::log(static_cast<double>(value));
    values += logarithm;
    squares += logarithm * logarithm;
    sizes += std::abs(logarithm);
  }
  const Sums sums = kernels_->log_sums_at(column.data(), places.data(), places.size());
  EXPECT_NEAR(sums.values, values, 2.0 * 0x1p-24 * sizes);
  EXPECT_NEAR(sums.squares, squares, 4.0 * 0x1p-24 * squares);
}

TEST_P(EveryLevel, WhatIsDrawnAtSomePlacesIsWhatStandsThere) {
  constexpr std::size_t kAll = 1024;
  const LaneState before{.start = 7, .salt = 8, .drawn = 48};
  std::vector<float> normals(kAll);
  std::vector<std::uint32_t> words(kAll);
  std::vector<std::uint64_t> long_words(kAll);
  LaneState state = before;
  kernels_->normals(state, normals.data(), kAll);
  kernels_->words(state = before, words.data(), kAll);
  kernels_->long_words(state = before, long_words.data(), kAll);
  for (const std::size_t step : {1U, 3U, 31U, 1'000U}) {
    std::vector<std::uint16_t> places;
    for (std::size_t i = step / 2; i < kAll; i += step)
      places.push_back(static_cast<std::uint16_t>(i));
    const std::size_t count = places.size();
    std::vector<float> some_normals(count);
    std::vector<std::uint32_t> some_words(count);
    std::vector<std::uint64_t> some_long_words(count);
    kernels_->normals_at(before, places.data(), some_normals.data(), count);
    kernels_->words_at(before, places.data(), some_words.data(), count);
    kernels_->long_words_at(before, places.data(), some_long_words.data(), count);
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(some_normals[i], normals[places[i]]) << step;
      ASSERT_EQ(some_words[i], words[places[i]]) << step;
      ASSERT_EQ(some_long_words[i], long_words[places[i]]) << step;
    }
  }
}

TEST_P(EveryLevel, PicksBySlotAndFraction) {
  // Of five slots by 128-bit arithmetic; counts that end within a vector, words at a slot's ends.
  const std::array<AliasSlot, 5> slots{
      {{0x80000000U, 4}, {0xFFFFFFFFU, 1}, {0, 3}, {1, 0}, {0x7FFFFFFFU, 2}}};
  LaneState state = some_state(12);
  std::vector<std::uint64_t> words(1024);
  kernels_->long_words(state, words.data(), words.size());
  const std::uint64_t fifth = ~std::uint64_t{0} / 5;
  words.insert(words.end(), {0, fifth, fifth + 1, 3 * fifth, 3 * fifth + 1, ~std::uint64_t{0}});
  for (const std::size_t count : {std::size_t{0}, std::size_t{3}, words.size()}) {
    std::vector<std::uint32_t> picked(count + 1, 99);
    kernels_->pick(words.data(), slots.data(), slots.size(), picked.data(), count);
    for (std::size_t i = 0; i < count; ++i) {
      __extension__ using Wide = unsigned __int128;
      const Wide scaled = Wide{words[i]} * slots.size();
      const auto slot = static_cast<std::uint32_t>(scaled >> 64);
      const bool keeps = static_cast<std::uint32_t>(scaled >> 32) < slots[slot].keep;
      ASSERT_EQ(picked[i], keeps ? slot : slots[slot].alias) << words[i];
    }
    EXPECT_EQ(picked[count], 99U);
  }
}

TEST_P(EveryLevel, ScalesWordsWithoutRounding) {
  std::vector<std::uint32_t> words{0, 1, 214'748, 214'749, (1U << 31) - 1};
  LaneState state = some_state(8);
  words.resize(1024 + 5);
  kernels_->words(state, words.data() + 5, 1024);
  std::vector<std::uint16_t> scaled(words.size());
  kernels_->scaled(words.data(), 10'000, scaled.data(), words.size());
  for (std::size_t i = 0; i < words.size(); ++i)
    ASSERT_EQ(scaled[i], (std::uint64_t{words[i]} * 10'000) >> 31) << words[i];
}

TEST_P(EveryLevel, RunningTotalsAreSumsOfWholeUnits) {
  // Exact, the longest gaps that can be drawn included.
  LaneState state = some_state(9);
  for (const float longest : {0.0F, 22.2F}) {
    std::vector<float> gaps(kGapsAtOnce, longest);
    if (longest == 0.0F) kernels_->exponentials(state, gaps.data(), gaps.size());
    std::vector<std::uint32_t> totals(gaps.size());
    kernels_->running_totals(gaps.data(), totals.data(), totals.size());
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < gaps.size(); ++i) {
      sum += std::llround(static_cast<double>(gaps[i]) / kGapUnit);
      ASSERT_EQ(totals[i], sum) << i;
    }
    ASSERT_LT(totals.back(), std::uint32_t{1} << 31);
  }
}

TEST_P(EveryLevel, MomentsAreTimesOfTheirTotals) {
  std::vector<std::uint32_t> totals(37);
  for (std::size_t i = 0; i < totals.size(); ++i)
    totals[i] = static_cast<std::uint32_t>(i * 0x3000000);
  const TimeMap map{.from = 3.0, .before = 1e6, .total = 1e6 - 7.0, .step = 0.5, .most = 500.0};
  std::vector<double> moments(totals.size() + 1, -1.0);
  kernels_->moments(totals.data(), map, moments.data(), totals.size());
  for (std::size_t i = 0; i < totals.size(); ++i)
    EXPECT_EQ(moments[i], std::min(500.0, 6.5 + 96.0 * static_cast<double>(i))) << i;
  EXPECT_EQ(moments.back(), -1.0);
}

TEST_P(EveryLevel, MixesTermByTerm) {
  const std::vector<float> a(37, 3.0F);
  const std::vector<float> b(37, 5.0F);
  std::vector<float> mixed(37);
  const std::array terms{Term{a.data(), 0.5F}, Term{b.data(), -2.0F}, Term{a.data(), 1.0F}};
  kernels_->mix(terms.data(), terms.size(), mixed.data(), mixed.size());
  EXPECT_EQ(mixed, std::vector<float>(37, -5.5F));
}

TEST_P(EveryLevel, FindsCountsKeepsAndSumsTheRowsOfASet) {
  // One by one, on lengths that end within a vector and within a word of bits.
  constexpr std::size_t kRows = 1024;
  LaneState state = some_state(10);
  std::vector<std::uint32_t> words(kRows);
  kernels_->words(state, words.data(), kRows);
  std::vector<std::uint16_t> shorts(kRows);
  std::vector<std::uint8_t> bytes(kRows);
  std::vector<float> values(kRows);
  for (std::size_t i = 0; i < kRows; ++i) {
    shorts[i] = static_cast<std::uint16_t>(words[i] >> 3);
    bytes[i] = static_cast<std::uint8_t>(words[i] >> 11);
    values[i] = static_cast<float>(1 + words[i] % 1'000);
  }
  using Bits = std::array<std::uint64_t, kRows / 64>;
  const auto has = [](const Bits& bits, std::size_t i) {
    return (bits[i / 64] >> (i % 64) & 1) != 0;
  };
  for (const std::size_t count : {0U, 1U, 63U, 64U, 65U, 300U, 1'000U, 1'024U}) {
    Bits below_16{};
    Bits below_32{};
    Bits with{};
    kernels_->rows_below_16(shorts.data(), 50'000, below_16.data(), count);
    kernels_->rows_below_32(words.data(), 1U << 30, below_32.data(), count);
    kernels_->rows_with(bytes.data(), {.of = 0x91, .value = 0x81}, with.data(), count);
    std::size_t found = 0;
    double sum = 0.0;
    double squares = 0.0;
    std::vector<float> kept;
    for (std::size_t i = 0; i < kRows; ++i) {
      ASSERT_EQ(has(below_16, i), i < count && shorts[i] < 50'000) << i;
      ASSERT_EQ(has(below_32, i), i < count && words[i] < 1U << 30) << i;
      ASSERT_EQ(has(with, i), i < count && (bytes[i] & 0x91) == 0x81) << i;
      if (!has(below_16, i)) continue;
      ++found;
      kept.push_back(values[i]);
      sum += static_cast<double>(values[i]);
      squares += static_cast<double>(values[i]) * static_cast<double>(values[i]);
    }
    EXPECT_EQ(kernels_->count_rows(below_16.data(), below_16.size()), found);
    std::vector<float> out(kRows);
    out.resize(kernels_->keep_rows(values.data(), below_16.data(), count, out.data()));
    EXPECT_EQ(out, kept);
    const Sums sums = kernels_->sums_where(values.data(), below_16.data(), count);
    EXPECT_EQ(sums.values, sum);
    EXPECT_EQ(sums.squares, squares);
    double logs = 0.0;
    for (const float value : kept) logs += std::log(static_cast<double>(value));
    const Sums log_sums = kernels_->log_sums_where(values.data(), below_16.data(), count);
    EXPECT_NEAR(log_sums.values, logs, 2.0 * 0x1p-24 * logs);
  }
}

TEST_P(EveryLevel, OrdersAreThoseOfTheSortedValues) {
  LaneState state = some_state(11);
  std::vector<float> drawn(1024);
  kernels_->normals(state, drawn.data(), drawn.size());
  for (const std::size_t count : {1U, 15U, 17U, 1'000U}) {
    std::vector<float> sorted(drawn.begin(), drawn.begin() + static_cast<std::ptrdiff_t>(count));
    std::ranges::sort(sorted);
    for (std::size_t rank = 0; rank < count; rank += 7) {
      EXPECT_EQ(kernels_->count_at_most(drawn.data(), sorted[rank], count), rank + 1);
      const float next = kernels_->least_above(drawn.data(), sorted[rank], count);
      EXPECT_EQ(next, rank + 1 < count ? sorted[rank + 1] : std::numeric_limits<float>::infinity());
    }
    std::vector<float> kept(count + kLanes);
    const Bracket bracket{.above = sorted.front(), .most = sorted[count / 2]};
    const Kept found =
        kernels_->keep_between(drawn.data(), bracket, kept.data(), kept.size(), count);
    EXPECT_EQ(found.below, 1U);
    EXPECT_EQ(found.inside, count / 2);
    kept.resize(found.inside);
    std::ranges::sort(kept);
    EXPECT_EQ(kept,
              std::vector<float>(sorted.begin() + 1,
                                 sorted.begin() + 1 + static_cast<std::ptrdiff_t>(count / 2)));
    std::vector<float> room(count + kLanes);
    EXPECT_GT(
        kernels_->keep_between(drawn.data(), {-9.0F, 9.0F}, room.data(), count - 1, count).inside,
        count - 1)
        << "there is too little room";
  }
}

TEST_P(EveryLevel, FindsWhatStandsAtARankAmongFew) {
  LaneState state = some_state(12);
  std::vector<float> drawn(64);
  kernels_->normals(state, drawn.data(), drawn.size());
  for (std::size_t i = 5; i < 20; ++i) drawn[i] = drawn[4];  // some are equal
  for (std::size_t count = 1; count <= drawn.size(); ++count) {
    std::vector<float> sorted(drawn.begin(), drawn.begin() + static_cast<std::ptrdiff_t>(count));
    std::vector<float> padded = sorted;
    padded.resize((count + kLanes - 1) / kLanes * kLanes, std::numeric_limits<float>::infinity());
    std::ranges::sort(sorted);
    for (std::size_t rank = 0; rank < count; ++rank) {
      const std::size_t next = std::min(rank + 1, count - 1);
      const auto [first, second] = kernels_->at_ranks(padded.data(), count, rank, next);
      EXPECT_EQ(first, sorted[rank]) << count << ' ' << rank;
      EXPECT_EQ(second, sorted[next]) << count << ' ' << rank;
    }
  }
}

TEST_P(EveryLevel, AddsUpRowsNumberByNumber) {
  // Whole numbers, so that sums are exact; an even and an odd number of rows, and none.
  constexpr std::size_t kStride = 24, kSummed = 17;
  std::vector<float> table(100 * kStride);
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = static_cast<float>(i * 7 % 1'000);
  for (const std::size_t count : {0U, 1U, 12U, 37U}) {
    std::vector<std::uint32_t> rows;
    for (std::size_t i = 0; i < count; ++i)
      rows.push_back(static_cast<std::uint32_t>(i * 13 % 100));
    std::vector<double> sums(kStride, -1.0);
    kernels_->sums_of_rows({.numbers = table.data(), .stride = kStride, .summed = kSummed},
                           rows.data(), count, sums.data());
    for (std::size_t j = 0; j < kSummed; ++j) {
      double exact = 0.0;
      for (const std::uint32_t row : rows) exact += table[row * kStride + j];
      EXPECT_EQ(sums[j], exact) << count << ' ' << j;
    }
  }
}

TEST_P(EveryLevel, AddsUpColumnsAboutACentre) {
  // Halves of whole numbers, so that sums are exact; counts that end within a vector and a word of bits.
  std::vector<float> column(300);
  for (std::size_t i = 0; i < column.size(); ++i)
    column[i] = 0.5F * static_cast<float>(i * 31 % 97) - 10.0F;
  const std::vector<std::uint64_t> bits(5, 0xF0F0'1234'5678'9ABC);
  for (const std::size_t count : {0U, 1U, 16U, 77U, 300U}) {
    for (const bool is_of_all : {true, false}) {
      const std::uint64_t* const set = is_of_all ? nullptr : bits.data();
      Sums exact;
      std::vector<float> farthest(count, 3.0F), expected;
      for (std::size_t i = 0; i < count; ++i) {
        const double away = static_cast<double>(column[i]) - 1.5;
        expected.push_back(std::max(3.0F, static_cast<float>(std::fabs(away) * 0.25)));
        if (set != nullptr && (set[i / 64] >> (i % 64) & 1) == 0) continue;
        exact.values += away;
        exact.squares += away * away;
      }
      const Sums sums = kernels_->sums_about(column.data(), set, 1.5F, count);
      EXPECT_EQ(sums.values, exact.values) << count;
      EXPECT_EQ(sums.squares, exact.squares) << count;
      kernels_->farthest(column.data(), 1.5F, 0.25F, farthest.data(), count);
      EXPECT_EQ(farthest, expected) << count;
    }
  }
}

TEST_P(EveryLevel, AddsUpPowersAndProductsOfRows) {
  // Halves of whole numbers, so that sums are exact; a block of rows that is full, and what is left over.
  constexpr std::size_t kStride = 16, kSummed = 13;
  std::vector<float> table(50 * kStride);
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = static_cast<float>(i * 7 % 100);
  std::vector<double> centre(kStride), per_unit(kStride);
  for (std::size_t j = 0; j < kSummed; ++j) {
    centre[j] = static_cast<double>(j);
    per_unit[j] = j == 5 ? 0.0 : 0.5;
  }
  for (const std::size_t count : {0U, 1U, 16U, 50U}) {
    std::vector<double> first(kStride, -1.0), third(kStride, -1.0);
    std::vector<double> products(kStride * kStride, -1.0);
    kernels_->power_sums({.numbers = table.data(), .stride = kStride, .summed = kSummed},
                         {.centre = centre.data(), .per_unit = per_unit.data()}, count,
                         {first.data(), third.data(), products.data()});
    for (std::size_t i = 0; i < kSummed; ++i) {
      const auto z = [&](std::size_t r, std::size_t j) {
        return (static_cast<double>(table[r * kStride + j]) - centre[j]) * per_unit[j];
      };
      double of_first = 0.0, of_third = 0.0;
      for (std::size_t r = 0; r < count; ++r) {
        of_first += z(r, i);
        of_third += z(r, i) * z(r, i) * z(r, i);
      }
      EXPECT_EQ(first[i], of_first) << count << ' ' << i;
      EXPECT_EQ(third[i], of_third) << count << ' ' << i;
      for (std::size_t j = 0; j <= i; ++j) {
        double product = 0.0;
        for (std::size_t r = 0; r < count; ++r) product += z(r, i) * z(r, j);
        EXPECT_EQ(products[i * kStride + j], product) << count << ' ' << i << ' ' << j;
      }
    }
  }
}

/// As the comment of BentSums says; where there is no skewness sums are linear in the normal numbers.
TEST_P(EveryLevel, BendsNormalNumbersToTheirSkewness) {
  constexpr std::size_t kWidth = 16, kSummed = 9;
  std::vector<double> mean(2 * kWidth), variance(2 * kWidth), skewness(kWidth), fresh(kSummed);
  std::vector<double> factor(kSummed * kWidth), sums(kWidth);
  for (std::size_t j = 0; j < kSummed; ++j) {
    mean[j] = static_cast<double>(j);
    mean[kWidth + j] = 0.5;
    variance[j] = 1.0 + static_cast<double>(j);
    variance[kWidth + j] = 0.25;
    skewness[j] = j < 4 ? 0.0 : 0.3 * static_cast<double>(j);
    fresh[j] = static_cast<double>(j) - 3.5;
    factor[j * kWidth + j] = 0.6;
    for (std::size_t i = j + 1; i < kSummed; ++i) factor[j * kWidth + i] = 0.1;
  }
  const std::array counts{CellCount{30.0, 1}, CellCount{70.0, 0}};
  kernels_->bent_sums({.mean = mean.data(),
                       .variance = variance.data(),
                       .skewness = skewness.data(),
                       .factor = factor.data(),
                       .width = kWidth,
                       .summed = kSummed},
                      counts.data(), counts.size(), fresh.data(), sums.data());
  double before = 0.0;
  for (std::size_t j = 0; j < kSummed; ++j) {
    const double z = 0.1 * before + 0.6 * fresh[j];
    before += fresh[j];
    const double bend = skewness[j] / (6.0 * std::sqrt(100.0));
    const double sd = std::sqrt((70.0 * variance[j] + 30.0 * 0.25) / (1.0 + 2.0 * bend * bend));
    const double exact = 70.0 * mean[j] + 30.0 * 0.5 + sd * (z + bend * (z * z - 1.0));
    EXPECT_NEAR(sums[j], exact, 1e-12 * std::fabs(exact)) << j;
  }
}

TEST_P(EveryLevel, MarksWhatLiesBetweenUnlessItMayNot) {
  // Twenty rows, so that some are left over at every level; the bound 2^31 holds every word.
  std::vector<std::uint32_t> words(20);
  std::iota(words.begin(), words.end(), 0U);
  words.back() = (1U << 31) - 1;
  std::vector<std::uint8_t> events(words.size(), 0);
  kernels_->mark(words.data(), {.from = 3, .below = 7, .bits = 4}, events.data(), events.size());
  kernels_->mark(words.data(), {.from = 5, .below = 1U << 31, .bits = 1, .unless = 4},
                 events.data(), events.size());
  kernels_->mark(words.data(), {.from = 2, .below = 2, .bits = 8}, events.data(), events.size());
  for (std::size_t i = 0; i < words.size(); ++i)
    EXPECT_EQ(events[i], i < 3 ? 0 : i < 7 ? 4 : 1) << i;
}

TEST_P(EveryLevel, EndsAnswersEarlyOrAtTheTimeout) {
  std::vector<float> latency(20, 8.0F);
  std::vector<std::uint8_t> events(latency.size(), 0);
  latency[1] = 12.0F;
  latency[18] = 200.0F;
  for (const std::size_t failed : {2U, 18U, 19U}) events[failed] = 1;
  kernels_->endings({.failed_ratio = 0.5F, .timeout = 10.0F, .failed = 1, .late = 3}, events.data(),
                    latency.data(), latency.size());
  EXPECT_EQ(latency[0], 8.0F);
  EXPECT_EQ(events[0], 0);
  EXPECT_EQ(latency[1], 10.0F);
  EXPECT_EQ(events[1], 3);
  EXPECT_EQ(latency[2], 4.0F);
  EXPECT_EQ(events[2], 1);
  EXPECT_EQ(latency[18], 10.0F) << "it failed, and half of it was still too late";
  EXPECT_EQ(events[18], 3);
  EXPECT_EQ(latency[19], 4.0F);
}

TEST_P(EveryLevel, BillsTheOutputOfAnswersOnly) {
  const std::vector<float> input(20, 100.0F);
  const std::vector<float> output(20, 10.0F);
  std::vector<std::uint8_t> events(20, 2);
  events[17] = 1;
  std::vector<float> cost(20);
  kernels_->costs(input.data(), output.data(), events.data(),
                  {.input = 1.0F, .output = 3.0F, .unbilled = 1, .map = {2.0F, 1.0F, 250.0F}},
                  cost.data(), cost.size());
  EXPECT_EQ(cost[0], 261.0F);
  EXPECT_EQ(cost[17], 250.0F) << "201, but no less than the least";
}

TEST_P(EveryLevel, MapsEachRowByItsOwn) {
  // 35 rows: some are left over at every level. Where nothing is changed, what is less stays less.
  std::vector<float> values(35, 4.0F);
  std::vector<float> multiply(values.size(), 1.0F);
  std::vector<float> shift(values.size(), 0.0F);
  multiply[1] = 2.0F;
  shift[2] = -1.0F;
  multiply[33] = 0.0F;
  multiply[34] = 0.5F;
  shift[34] = 1.0F;
  values[3] = 0.25F;
  kernels_->linear_by_row({multiply.data(), shift.data(), 0.5F}, values.data(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(values[i], i == 1    ? 8.0F
                         : i == 2  ? 3.0F
                         : i == 3  ? 0.25F
                         : i == 33 ? 0.5F
                         : i == 34 ? 3.0F
                                   : 4.0F)
        << i;
}

/// What every kernel makes of one state and length, as bytes.
std::vector<unsigned char> bytes_of_all(const Kernels& kernels, LaneState state,
                                        std::size_t count) {
  constexpr std::size_t kRoom = 1024;
  std::vector<unsigned char> bytes;
  const auto keep = [&bytes](const void* data, std::size_t size) {
    const auto* first = static_cast<const unsigned char*>(data);
    bytes.insert(bytes.end(), first, first + size);
  };
  std::array<std::uint32_t, kRoom> words{};
  std::array<std::uint64_t, kRoom> long_words{};
  std::array<float, kRoom> z{};
  std::array<float, kRoom> positive{};
  std::array<float, kRoom> out{};
  kernels.words(state, words.data(), kRoom);
  kernels.long_words(state, long_words.data(), kRoom);
  kernels.normals(state, z.data(), kRoom);
  kernels.exponentials(state, positive.data(), kRoom);
  keep(&state, sizeof state);
  keep(words.data(), sizeof words);
  keep(long_words.data(), sizeof long_words);
  keep(z.data(), sizeof z);
  keep(positive.data(), sizeof positive);
  kernels.exp(z.data(), out.data(), count);
  keep(out.data(), sizeof out);
  kernels.log(positive.data(), out.data(), count);
  keep(out.data(), sizeof out);
  kernels.lognormals(z.data(), {0.7F, 0.8F, 5.0F}, out.data(), count);
  keep(out.data(), sizeof out);
  kernels.whole_numbers(z.data(), {positive.data(), 256, 2.0F}, out.data(), count);
  keep(out.data(), sizeof out);
  std::array<std::uint8_t, kRoom> events{};
  std::array<float, kRoom> latency{};
  kernels.mark(words.data(), {.from = 1U << 28, .below = 1U << 30, .bits = 5}, events.data(),
               count);
  kernels.mark(words.data(), {.below = 1U << 29, .bits = 8, .unless = 1}, events.data(), count);
  kernels.latencies(positive.data(), z.data(), 0.1F, {1.1F, 0.2F, 1e-9F}, latency.data(), count);
  kernels.endings({.failed_ratio = 0.3F, .timeout = 2.0F, .failed = 1, .late = 3}, events.data(),
                  latency.data(), count);
  kernels.costs(positive.data(), z.data(), events.data(),
                {.input = 0.1F, .output = 0.7F, .unbilled = 1, .map = {1.1F, 0.2F, 0.3F}},
                out.data(), count);
  keep(events.data(), sizeof events);
  keep(latency.data(), sizeof latency);
  keep(out.data(), sizeof out);
  kernels.linear(z.data(), {0.7F, 0.1F, -1.0F}, out.data(), count);
  keep(out.data(), sizeof out);
  kernels.linear_by_row({positive.data(), z.data(), -1.0F}, out.data(), count);
  keep(out.data(), sizeof out);
  std::uint32_t blocks[16][kTexts];
  std::array<std::uint32_t, kTexts> digests{};
  for (std::size_t word = 0; word < 16; ++word)
    for (std::size_t lane = 0; lane < kTexts; ++lane) blocks[word][lane] = words[16 * word + lane];
  kernels.md5(blocks, digests.data());
  keep(digests.data(), sizeof digests);
  std::array<std::uint16_t, kRoom> places{};
  for (std::size_t i = 0; i < count; ++i) places[i] = static_cast<std::uint16_t>(i * 37 % kRoom);
  const Sums sums = kernels.sums_at(positive.data(), places.data(), count);
  const Sums log_sums = kernels.log_sums_at(positive.data(), places.data(), count);
  keep(&sums, sizeof sums);
  keep(&log_sums, sizeof log_sums);
  std::array<std::uint64_t, kRoom / 64> bits{};
  kernels.rows_below_32(words.data(), 1U << 30, bits.data(), count);
  const Sums sums_where = kernels.sums_where(positive.data(), bits.data(), count);
  const Sums log_sums_where = kernels.log_sums_where(positive.data(), bits.data(), count);
  keep(&sums_where, sizeof sums_where);
  keep(&log_sums_where, sizeof log_sums_where);
  std::array<std::uint32_t, kGapsAtOnce> totals{};
  std::array<double, kGapsAtOnce> moments{};
  kernels.running_totals(positive.data(), totals.data(), totals.size());
  keep(totals.data(), sizeof totals);
  kernels.moments(totals.data(),
                  {.from = 0.1, .before = 0.5, .total = 0.7, .step = 0.3, .most = 90.0},
                  moments.data(), count % kGapsAtOnce);
  keep(moments.data(), sizeof moments);
  kernels.normals_at(state, places.data(), out.data(), count);
  keep(out.data(), sizeof out);
  const std::array terms{Term{z.data(), 0.3F}, Term{positive.data(), 0.7F}};
  kernels.mix(terms.data(), terms.size(), out.data(), count);
  keep(out.data(), sizeof out);
  std::array<std::uint32_t, 50> rows{};
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = words[i] % (kRoom / 16);
  std::array<double, 16> row_sums{};
  kernels.sums_of_rows({.numbers = z.data(), .stride = 16, .summed = 11}, rows.data(), count % 50,
                       row_sums.data());
  keep(row_sums.data(), sizeof row_sums);
  std::array<double, kRoom> numbers{};
  std::ranges::copy(positive, numbers.begin());
  const std::array counts{CellCount{20.0, 0}, CellCount{static_cast<double>(count), 2}};
  kernels.bent_sums({.mean = &numbers[0],
                     .variance = &numbers[100],
                     .skewness = &numbers[200],
                     .factor = &numbers[300],
                     .width = 16,
                     .summed = 11},
                    counts.data(), counts.size(), &numbers[600], row_sums.data());
  const Sums about = kernels.sums_about(z.data(), bits.data(), 0.3F, count);
  const Sums of_all = kernels.sums_about(z.data(), nullptr, 0.3F, count);
  keep(&about, sizeof about);
  keep(&of_all, sizeof of_all);
  kernels.farthest(z.data(), 0.3F, 1.7F, out.data(), count);
  keep(out.data(), sizeof out);
  std::array<double, 16> third{};
  std::array<double, 16 * 16> products{};
  std::array<double, 16> power_sums{};
  kernels.power_sums({.numbers = z.data(), .stride = 16, .summed = 11},
                     {.centre = &numbers[0], .per_unit = &numbers[100]}, count / 16,
                     {power_sums.data(), third.data(), products.data()});
  keep(power_sums.data(), sizeof power_sums);
  keep(third.data(), sizeof third);
  keep(products.data(), 8 * 16 * sizeof(double));  // of the first numbers: others stand beside
  keep(row_sums.data(), 11 * sizeof(double));      // what stands behind them is no sum
  return bytes;
}

TEST_P(EveryLevel, GivesTheBytesOfThePortableLevel) {
  // 40 states; lengths that end within a vector.
  const Kernels& portable = *kernels_at(KernelLevel::portable);
  for (std::uint64_t seed = 0; seed < 40; ++seed)
    ASSERT_EQ(bytes_of_all(*kernels_, some_state(seed), 1024 - seed),
              bytes_of_all(portable, some_state(seed), 1024 - seed))
        << seed;
}

}  // namespace
}  // namespace gatewright::sim
