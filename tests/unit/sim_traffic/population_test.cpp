// Users: who is drawn, who is covered by a share of exposure, and that both are repeatable.
#include "sim/users/population.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace gatewright::sim {
namespace {

std::vector<std::uint32_t> drawn(const Population& population, std::size_t count) {
  LaneStream stream({1, 0, "users", 0});
  std::vector<std::uint32_t> users(count);
  population.fill(stream, users);
  EXPECT_EQ(stream.draws(), (count + 7) / 8 * 8) << "one word a draw, in rows of eight";
  return users;
}

TEST(Population, DrawsOnlyItsUsers) {
  for (const std::uint32_t count : {1U, 2U, 3U, 1000U, 20'000U})
    for (const double zipf : {0.0, 0.5, 1.1, 3.0}) {
      const Population population({count, zipf});
      EXPECT_EQ(population.count(), count);
      for (const std::uint32_t user : drawn(population, 1000)) ASSERT_LT(user, count);
    }
}

TEST(Population, OfOneUserIsThatUser) {
  for (const std::uint32_t user : drawn(Population({1, 1.1}), 100)) EXPECT_EQ(user, 0U);
}

TEST(Population, WithoutPreferenceDrawsBySlot) {
  // zipf 0 keeps every slot whole, so a user is floor(word x count / 2^64).
  const Population population({10, 0.0});
  std::vector<std::uint64_t> words(1000);
  LaneStream({1, 0, "users", 0}).fill_long_words(words);
  const std::vector<std::uint32_t> users = drawn(population, words.size());
  for (std::size_t i = 0; i < words.size(); ++i)
    EXPECT_EQ(users[i],
              static_cast<std::uint32_t>(static_cast<double>(words[i]) * 0x1.0p-64 * 10.0));
}

TEST(Population, HoldsTenMillionUsers) {
  const Population population({10'000'000, 1.1});
  const std::vector<std::uint32_t> users = drawn(population, 100'000);
  EXPECT_GT(*std::max_element(users.begin(), users.end()), 5'000'000U);
}

TEST(Tenants, HaveContiguousEvenPartsOfTheUsers) {
  for (const std::uint32_t users : {7U, 100U, 20'000U})
    for (const std::uint32_t tenants : {1U, 3U, 7U}) {
      const Population population({users, 1.1}, {.count = tenants});
      std::vector<std::uint32_t> size(tenants);
      for (std::uint32_t user = 0; user < users; ++user) {
        const std::uint32_t tenant = population.tenant_of(user);
        ASSERT_GE(tenant, 1U);
        ASSERT_LE(tenant, tenants);
        ASSERT_GE(tenant, population.tenant_of(user == 0 ? 0 : user - 1));
        ++size[tenant - 1];
      }
      for (const std::uint32_t n : size) {
        EXPECT_GE(n, users / tenants);
        EXPECT_LE(n, users / tenants + 1);
      }
    }
}

TEST(Tenants, SharesSumToOneAndTheLargestIsAsSaid) {
  const std::vector<double> plain = tenant_shares({.count = 50, .zipf = 1.1});
  EXPECT_NEAR(std::reduce(plain.begin(), plain.end()), 1.0, 1e-12);
  EXPECT_NEAR(plain[0] / plain[9], std::pow(10.0, 1.1), 1e-9);
  const std::vector<double> half = tenant_shares({.count = 50, .zipf = 1.1, .largest = 0.5});
  EXPECT_DOUBLE_EQ(half[0], 0.5);
  EXPECT_NEAR(std::reduce(half.begin(), half.end()), 1.0, 1e-12);
  EXPECT_NEAR(half[1] / half[3], std::pow(2.0, 1.1), 1e-9) << "the others by zipf, from the second";
  EXPECT_TRUE(tenant_shares({}).empty());
  EXPECT_DOUBLE_EQ(tenant_shares({.count = 1, .largest = 0.5}).front(), 1.0);
}

TEST(Tenants, UsersDrawnWithinOneBelongToIt) {
  const Population population({103, 1.1}, {.count = 7});
  Stream stream({1, 0, "users", 0});
  for (std::uint32_t tenant = 1; tenant <= 7; ++tenant)
    for (int i = 0; i < 1000; ++i)
      ASSERT_EQ(population.tenant_of(population.user_within(tenant, stream())), tenant);
}

TEST(Population, WithoutTenantsNobodyBelongsToOne) {
  const Population population({10, 1.1});
  EXPECT_EQ(population.tenant_of(9), 0U);
  EXPECT_TRUE(population.shares().empty());
}

TEST(Segmenter, RemembersWithinAReplicationAndDrawsAnewInTheNext) {
  const std::vector<Segment> segments{{"free", 0.5}, {"premium", 0.5}};
  Segmenter segmenter(segments, 1000);
  const auto all = [&segmenter](std::uint64_t replication) {
    segmenter.start(7, replication);
    std::vector<std::uint8_t> found;
    for (std::uint32_t user = 0; user < 1000; ++user) found.push_back(segmenter.segment_of(user));
    for (std::uint32_t user = 0; user < 1000; ++user)
      EXPECT_EQ(segmenter.segment_of(user), found[user]);
    return found;
  };
  const std::vector<std::uint8_t> first = all(0);
  EXPECT_NE(first, all(1));
  EXPECT_EQ(first, all(0));
  EXPECT_EQ(Segmenter({}, 10).segment_of(3), 0);
}

TEST(Segmenter, SegmentsAreFoundByName) {
  Traffic traffic;
  traffic.segments = {{"free", 0.8}, {"premium", 0.2}};
  EXPECT_EQ(segment_index(traffic, "premium"), 1);
  EXPECT_EQ(segment_index(traffic, "gold"), std::nullopt);
}

TEST(Assigner, RemembersAndAgreesWithBucket) {
  Assigner assigner({AssignmentUnit::user, AssignmentHash::md5}, 20'000, 7, 3);
  EXPECT_EQ(assigner.user_bucket(42), bucket(AssignmentHash::md5, "7.3", "42"));
  EXPECT_EQ(assigner.user_bucket(42), assigner.user_bucket(42));
  EXPECT_EQ(assigner.user_bucket(19'999), bucket(AssignmentHash::md5, "7.3", "19999"));
}

TEST(Assigner, ReplicationsAndSeedsAssignAnew) {
  constexpr std::uint32_t kUsers = 1000;
  const Assignment assignment{AssignmentUnit::user, AssignmentHash::murmur3};
  Assigner first(assignment, kUsers, 7, 3);
  Assigner other_replication(assignment, kUsers, 7, 4);
  Assigner other_seed(assignment, kUsers, 73, 0);
  int equal = 0;
  for (std::uint32_t user = 0; user < kUsers; ++user) {
    equal += first.user_bucket(user) == other_replication.user_bucket(user) ? 1 : 0;
    equal += first.user_bucket(user) == other_seed.user_bucket(user) ? 1 : 0;
  }
  EXPECT_LE(equal, 5);  // 0.2 expected
}

TEST(Assigner, AGrowingShareNeverLosesAUser) {
  for (const AssignmentHash hash :
       {AssignmentHash::md5, AssignmentHash::murmur3, AssignmentHash::fnv1a}) {
    constexpr std::uint32_t kUsers = 5000;
    Assigner assigner({AssignmentUnit::user, hash}, kUsers, 1, 2);
    std::vector<bool> exposed(kUsers, false);
    for (const std::uint16_t share :
         std::array<std::uint16_t, 7>{0, 1, 100, 1000, 2500, 9999, 10'000})
      for (std::uint32_t user = 0; user < kUsers; ++user) {
        const bool now = assigner.user_bucket(user) < share;
        ASSERT_TRUE(now || !exposed[user]);
        ASSERT_TRUE(share > 0 || !now) << "nobody at 0%";
        ASSERT_TRUE(share < 10'000 || now) << "everybody at 100%";
        exposed[user] = now;
      }
  }
}

}  // namespace
}  // namespace gatewright::sim
