// Columns of keyed draws: whose words they are, and that no place depends on how many are asked for.
#include "sim/lane_stream.h"

#include <array>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "sim/arms/chance.h"

namespace gatewright::sim {
namespace {

TEST(LaneStream, KeepsItsWordsAcrossReleases) {
  // Philox of the key, then SplitMix64 with a salt, worked out by an independent program in Python;
  // every committed fingerprint rests on these words.
  LaneStream stream({7, 3, "baseline.error", 11});
  std::vector<std::uint64_t> words(16);
  stream.fill_long_words(words);
  const std::vector<std::uint64_t> expected{
      0xf23951970ead213bULL, 0x329d5a41b6ebfea2ULL, 0xa666eba0b8e07544ULL, 0xc2306f5d328bcfeaULL,
      0xbd024d2844ae7660ULL, 0x1cf175d6d415c593ULL, 0xd8ad0cc88c2dc88dULL, 0x22836f70b8c41996ULL,
      0x017cba013d6fce25ULL, 0x4d84ab1999d2d65eULL, 0x7f8f55590ca2f7eaULL, 0x2bd4cf12f93bda24ULL,
      0x198b235d19f4575dULL, 0x2f856d94cadf2e1fULL, 0x264cd05dcab248c2ULL, 0x869abe05bd7c3133ULL};
  EXPECT_EQ(words, expected);
}

TEST(LaneStream, APlaceDoesNotDependOnHowManyAreAskedFor) {
  const StreamKey key{1, 2, "lanes", 3};
  std::vector<float> all(1024);
  LaneStream(key).fill_normal(all);
  for (const std::size_t count : {0U, 1U, 15U, 16U, 31U, 32U, 33U, 1'000U}) {
    std::vector<float> some(count);
    LaneStream(key).fill_normal(some);
    for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(some[i], all[i]) << count;
  }
}

TEST(LaneStream, GoesOnWhereItWas) {
  const StreamKey key{1, 2, "lanes", 3};
  std::vector<std::uint32_t> once(64);
  LaneStream(key).fill_words(once);
  LaneStream stream(key);
  std::vector<std::uint32_t> rows;
  for (int row = 0; row < 4; ++row) {
    std::array<std::uint32_t, 16> words;
    stream.fill_words(words);
    rows.insert(rows.end(), words.begin(), words.end());
  }
  EXPECT_EQ(rows, once);
}

TEST(LaneStream, CountsTheWordsOfWholeRows) {
  LaneStream stream({1, 2, "lanes", 3});
  std::vector<std::uint32_t> words(17);
  stream.fill_words(words);
  EXPECT_EQ(stream.draws(), 16U);
  std::vector<float> normals(33);
  stream.fill_normal(normals);
  EXPECT_EQ(stream.draws(), 16U + 32U);
  std::vector<std::uint64_t> long_words(9);
  stream.fill_long_words(long_words);
  EXPECT_EQ(stream.draws(), 16U + 32U + 16U);
}

TEST(LaneStream, WhatIsDrawnAtSomePlacesIsWhatStandsThereAndCountsAsAll) {
  constexpr std::size_t kCount = 1'000;  // no whole rows
  const StreamKey key{1, 2, "lanes", 3};
  const std::vector<std::uint16_t> places{0, 1, 15, 16, 47, 500, 998, 999};
  std::vector<float> all_normals(kCount);
  std::vector<std::uint32_t> all_words(kCount);
  std::vector<std::uint64_t> all_long_words(kCount);
  std::vector<float> normals(places.size());
  std::vector<std::uint32_t> words(places.size());
  std::vector<std::uint64_t> long_words(places.size());
  LaneStream all(key);
  LaneStream some(key);
  all.fill_normal(all_normals);
  some.normals_at(places, kCount, normals.data());
  EXPECT_EQ(some.draws(), all.draws());
  all.fill_words(all_words);
  some.words_at(places, kCount, words.data());
  EXPECT_EQ(some.draws(), all.draws());
  all.fill_long_words(all_long_words);
  some.long_words_at(places, kCount, long_words.data());
  EXPECT_EQ(some.draws(), all.draws());
  for (std::size_t i = 0; i < places.size(); ++i) {
    EXPECT_EQ(normals[i], all_normals[places[i]]);
    EXPECT_EQ(words[i], all_words[places[i]]);
    EXPECT_EQ(long_words[i], all_long_words[places[i]]);
  }
}

TEST(LaneStream, NoTwoKeysOfAGridShareAPairOfWords) {
  // As for Stream: numbers at which sums, products, exclusive ors and cut-off halves would collide.
  constexpr std::array<std::uint64_t, 7> kNumbers{0, 1, 2, 3, 1ULL << 32, 1ULL << 63, ~0ULL};
  std::set<std::array<std::uint64_t, 2>> seen;
  std::size_t keys = 0;
  for (const std::uint64_t seed : kNumbers)
    for (const std::uint64_t replication : kNumbers)
      for (const std::uint64_t index : kNumbers)
        for (const StreamName name : {StreamName("a"), StreamName("b"), StreamName("users")}) {
          std::array<std::uint64_t, 16> words;
          LaneStream({seed, replication, name, index}).fill_long_words(words);
          for (std::size_t i = 0; i < 8; ++i) seen.insert({words[i], words[i + 8]});
          keys += 8;
        }
  EXPECT_EQ(seen.size(), keys);
}

TEST(Chance, IsExactAtItsEnds) {
  EXPECT_EQ(bound_of(0.0), 0U);
  EXPECT_EQ(bound_of(-1.0), 0U);
  EXPECT_EQ(bound_of(1.0), kWords);
  EXPECT_EQ(bound_of(2.0), kWords);
  EXPECT_EQ(bound_of(0.5), kWords / 2);
  EXPECT_EQ(word_of(1.0), kWords - 1);
}

TEST(Chance, AWordComesBackFromItsUniform) {
  for (const Word word : {0U, 1U, 12'345U, kWords / 2, kWords - 1})
    EXPECT_EQ(word_of(uniform_of(word)), word);
}

}  // namespace
}  // namespace gatewright::sim
