#include "policies/digest.h"

#include <bit>
#include <cmath>
#include <limits>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "policies/plan_encoding.h"
#include "policies/state.h"
#include "tests/unit/policies/fakes.h"

namespace gatewright {
namespace {

using namespace testing;

template <class... Values>
std::uint64_t digest_of(const Values&... values) {
  Digest digest;
  (digest.add(values), ...);
  return digest.value();
}

TEST(Digest, OrderLengthAndKindOfZeroMatterExactlyWhereTheyShould) {
  using Word = std::uint64_t;
  EXPECT_NE(digest_of(Word{1}, Word{2}), digest_of(Word{2}, Word{1}));
  EXPECT_NE(digest_of(Word{0}), digest_of(Word{0}, Word{0}));
  EXPECT_NE(digest_of(), digest_of(Word{0}));
  EXPECT_EQ(digest_of(0.0), digest_of(-0.0));
  EXPECT_EQ(digest_of(std::nan("1")), digest_of(-std::nan("2")));
  EXPECT_NE(digest_of(std::nan("")), digest_of(std::numeric_limits<double>::infinity()));
  EXPECT_NE(digest_of(std::string_view("ab"), std::string_view("c")),
            digest_of(std::string_view("a"), std::string_view("bc")));
  EXPECT_NE(digest_of(std::string_view("a")), digest_of(std::string_view("a\0", 2)));
}

TEST(Digest, EachInputBitChangesAboutHalfOfTheOutput) {
  int flipped = 0;
  for (int bit = 0; bit < 64; ++bit)
    flipped += std::popcount(digest_of(std::uint64_t{12345}) ^
                             digest_of(std::uint64_t{12345} ^ (std::uint64_t{1} << bit)));
  EXPECT_NEAR(flipped / 64.0, 32.0, 3.0);  // sd of the mean of 64 binomials is 0.5
}

/// Journals on disk hold digests, so these numbers never change.
TEST(Digest, IsTheSameForEver) {
  EXPECT_EQ(digest_of(), 16294208416658607535U);
  EXPECT_EQ(digest_of(std::uint64_t{1}, 0.5, std::string_view("gatewright")),
            15741057145957165226U);
}

TEST(Digest, EveryFieldOfTheStateCounts) {
  RolloutState base;
  base.windows = {1, 2};
  base.memory = {0.5, 1.5};
  std::vector<RolloutState> variants{base};
  const auto vary = [&](auto change) {
    variants.push_back(base);
    change(variants.back());
  };
  vary([](RolloutState& s) { s.plan_digest = 1; });
  vary([](RolloutState& s) { s.sequence = 1; });
  vary([](RolloutState& s) { s.started_at = at(1ns); });
  vary([](RolloutState& s) { s.at = at(1ns); });
  vary([](RolloutState& s) { s.stage_entered_at = at(1ns); });
  vary([](RolloutState& s) { s.dwelling_since = at(1ns); });
  vary([](RolloutState& s) { s.phase = Phase::halted; });
  vary([](RolloutState& s) { s.stage = StageIndex{1}; });
  vary([](RolloutState& s) { s.target.served = 1; });
  vary([](RolloutState& s) { s.target.mirrored = 1; });
  vary([](RolloutState& s) { s.target.interleaved = 1; });
  vary([](RolloutState& s) { s.applied.served = 1; });
  vary([](RolloutState& s) { s.applied.mirrored = 1; });
  vary([](RolloutState& s) { s.applied.interleaved = 1; });
  vary([](RolloutState& s) { s.paused = true; });
  vary([](RolloutState& s) { s.approved = true; });
  vary([](RolloutState& s) { s.windows = {1, 3}; });
  vary([](RolloutState& s) { s.windows = {1, 2, 0}; });
  vary([](RolloutState& s) { s.memory = {0.5, std::nextafter(1.5, 2.0)}; });
  vary([](RolloutState& s) { s.memory = {0.5}; });
  vary([](RolloutState& s) { s.memory.clear(), s.windows = {1, 2, 2}; });
  std::set<std::uint64_t> digests;
  for (const RolloutState& state : variants) digests.insert(digest(state));
  EXPECT_EQ(digests.size(), variants.size());
}

TEST(Digest, OfAPlanIgnoresOnlyWhatItIsAbout) {
  const PlanSpec plan = example_plan();
  PlanSpec other = plan;
  other.about = "something else";
  EXPECT_EQ(plan_digest(plan), plan_digest(other));
  other.gates[0].harm.margin = std::nextafter(1.2, 2.0);
  EXPECT_NE(plan_digest(plan), plan_digest(other));
}

}  // namespace
}  // namespace gatewright
