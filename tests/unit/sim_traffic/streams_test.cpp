// Philox and xoshiro256++ against their published outputs; keys that must not share a stream.
#include "sim/streams.h"

#include <algorithm>
#include <array>
#include <set>

#include <gtest/gtest.h>

namespace gatewright::sim {
namespace {

using Block = std::array<std::uint32_t, 4>;

TEST(Philox, GivesThePublishedKnownAnswers) {
  // Random123, tests/kat_vectors, philox4x32 10.
  EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}),
            (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(
      philox4x32_10({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
      (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(
      philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
      (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Stream, IsXoshiro256PlusPlus) {
  // The outputs of the reference code (prng.di.unimi.it) from state {1, 2, 3, 4}.
  Stream stream(std::array<std::uint64_t, 4>{1, 2, 3, 4});
  for (const std::uint64_t expected :
       {41943041ULL, 58720359ULL, 3588806011781223ULL, 3591011842654386ULL, 9228616714210784205ULL,
        9973669472204895162ULL, 14011001112246962877ULL, 12406186145184390807ULL,
        15849039046786891736ULL, 10450023813501588000ULL})
    EXPECT_EQ(stream(), expected);
}

TEST(Stream, OfAWordBeginsWhereSplitMix64LeadsFromIt) {
  // Outputs from 1234567, as Vigna's splitmix64.c gives them (published with it at Rosetta Code).
  Stream spread = Stream::of_word(1234567);
  Stream stream(std::array<std::uint64_t, 4>{6457827717110365317ULL, 3203168211198807973ULL,
                                             9817491932198370423ULL, 4593380528125082431ULL});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(spread(), stream());
}

TEST(Stream, IsAFunctionOfItsKeyAlone) {
  Stream first({7, 3, "arrivals", 11});
  Stream again({7, 3, "arrivals", 11});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(first(), again());
}

TEST(Stream, KeepsItsWordsAcrossReleases) {
  // Philox of the key, then xoshiro256++, worked out by an independent program in Python; every
  // committed fingerprint rests on these words.
  Stream stream({7, 3, "arrivals", 11});
  const std::array<std::uint64_t, 4> words{stream(), stream(), stream(), stream()};
  const std::array<std::uint64_t, 4> expected{0x1cd8f5c498278f1ULL, 0xb59f698d3e7f318fULL,
                                              0x88a82078ff01671cULL, 0x44658531ff0ade04ULL};
  EXPECT_EQ(words, expected);
}

TEST(Stream, NoTwoKeysOfAGridShareAState) {
  // Numbers at which sums, products, exclusive ors and cut-off halves of key parts would collide.
  constexpr std::array<std::uint64_t, 7> kNumbers{0, 1, 2, 3, 1ULL << 32, 1ULL << 63, ~0ULL};
  std::set<std::array<std::uint64_t, 2>> seen;
  std::size_t keys = 0;
  for (const std::uint64_t seed : kNumbers)
    for (const std::uint64_t replication : kNumbers)
      for (const std::uint64_t index : kNumbers)
        for (const StreamName name : {StreamName("a"), StreamName("b"), StreamName("users")}) {
          Stream stream({seed, replication, name, index});
          seen.insert({stream(), stream()});
          ++keys;
        }
  EXPECT_EQ(seen.size(), keys);
}

TEST(Stream, UniformNeverReachesAnEnd) {
  // State {0, 0, 0, 0} is stuck at the word 0, the nearest to 0; all ones reach the nearest to 1.
  Stream zeros(std::array<std::uint64_t, 4>{0, 0, 0, 0});
  EXPECT_EQ(zeros.uniform(), 0x1.0p-53);
  // rotl(s0 + s3, 23) + s0 with s0 = 0 is all ones when s3 is.
  Stream ones(std::array<std::uint64_t, 4>{0, 0, 0, ~0ULL});
  EXPECT_EQ(ones.uniform(), 1.0 - 0x1.0p-53);
}

TEST(Stream, CountsItsWords) {
  Stream stream({1, 2, "words", 3});
  EXPECT_EQ(stream.draws(), 0U);
  static_cast<void>(stream());
  static_cast<void>(stream.uniform());
  EXPECT_EQ(stream.draws(), 2U);
  std::vector<double> values(100);
  stream.fill_uniform(values);
  EXPECT_EQ(stream.draws(), 102U);
  stream.fill_normal(values);
  EXPECT_GE(stream.draws(), 202U);
  stream.fill_exponential(values);
  EXPECT_GE(stream.draws(), 302U);
}

TEST(Stream, FillsLikeSingleDraws) {
  Stream one({1, 2, "words", 3});
  Stream many({1, 2, "words", 3});
  std::vector<double> values(1000);
  many.fill_uniform(values);
  for (const double value : values) EXPECT_EQ(value, one.uniform());
}

TEST(StreamName, DiffersWithItsText) {
  EXPECT_NE(StreamName("arrivals").hash(), StreamName("arrivals.block").hash());
  EXPECT_EQ(StreamName("").hash(), 0xcbf29ce484222325ULL);   // FNV-1a of nothing: the offset basis
  EXPECT_EQ(StreamName("a").hash(), 0xaf63dc4c8601ec8cULL);  // draft-eastlake-fnv, test vectors
}

}  // namespace
}  // namespace gatewright::sim
