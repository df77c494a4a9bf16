// Users: who is drawn, who is covered by a share of exposure, and that both are repeatable.
#include "sim/users/population.h"

#include <algorithm>
#include <array>
#include <vector>

#include <gtest/gtest.h>

namespace gatewright::sim {
namespace {

std::vector<std::uint32_t> drawn(const Population& population, std::size_t count) {
  Stream stream({1, 0, "users", 0});
  std::vector<std::uint32_t> users(count);
  population.fill(stream, users);
  EXPECT_EQ(stream.draws(), count) << "one word a draw";
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
  Stream words({1, 0, "users", 0});
  for (const std::uint32_t user : drawn(population, 1000))
    EXPECT_EQ(user, static_cast<std::uint32_t>(static_cast<double>(words()) * 0x1.0p-64 * 10.0));
}

TEST(Population, HoldsTenMillionUsers) {
  const Population population({10'000'000, 1.1});
  const std::vector<std::uint32_t> users = drawn(population, 100'000);
  EXPECT_GT(*std::max_element(users.begin(), users.end()), 5'000'000U);
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
