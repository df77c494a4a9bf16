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
  // Philox of the key, SplitMix64's mixing, then xoshiro256++, worked out by an independent program
  // in Python; every committed fingerprint rests on these words.
  LaneStream stream({7, 3, "baseline.error", 11});
  std::vector<std::uint64_t> words(16);
  stream.fill_long_words(words);
  const std::vector<std::uint64_t> expected{
      0xe9bce357684cca82ULL, 0x68eb82afc0ee1f9fULL, 0xf3ce079f42442addULL, 0x3a7a04b480ad5c25ULL,
      0x6edfd5b02bcb1cf6ULL, 0x848348e0cdc94545ULL, 0x3afbc163f20b3363ULL, 0xe17ace70c5809644ULL,
      0x792566cd4646ff8dULL, 0xce63858fbfbc7c2eULL, 0xf29e588b5a5bf929ULL, 0xb15f17b22ee787b6ULL,
      0xd564df7c41fc5a3dULL, 0x6b483220724e9eaULL,  0x34e2cd8a9ead638cULL, 0xb9c583290bd3cafeULL};
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

TEST(LaneStream, NoTwoKeysOfAGridShareAGenerator) {
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
          for (std::size_t lane = 0; lane < 8; ++lane) seen.insert({words[lane], words[lane + 8]});
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
