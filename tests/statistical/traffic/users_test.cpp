// Users are drawn by Zipf's law, and buckets are even, independent between replications.
#include "sim/users/population.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "tests/statistical/traffic/intervals.h"

namespace gatewright::sim {
namespace {

using namespace gatewright::testing;

TEST(Population, ActivityFollowsZipf) {
  // Claim: chi-square of the users' counts against k^-s / sum, users merged from the rarest up into
  // cells of at least 10 expected; 99.9%; 4,000,000 draws for each of 10 populations.
  constexpr std::size_t kDraws = 4'000'000;
  std::vector<std::uint32_t> users(kDraws);
  for (const std::uint32_t count : {2U, 1000U, 20'000U, 1'000'000U})
    for (const double zipf : {0.0, 1.1, 2.3}) {
      if (zipf == 0.0 && count == 1'000'000U)
        continue;  // 4 a user: nothing that a cell of 10 shows
      if (zipf == 2.3 && count == 2U) continue;
      const Population population({count, zipf});
      LaneStream stream({41, count, "users", static_cast<std::uint64_t>(10.0 * zipf)});
      population.fill(stream, users);
      std::vector<double> drawn(count);
      for (const std::uint32_t user : users) ++drawn[user];

      double total = 0.0;
      for (std::uint32_t k = count; k > 0; --k) total += std::pow(k, -zipf);
      std::vector<double> observed{0.0};
      std::vector<double> expected{0.0};
      for (std::uint32_t k = count; k > 0; --k) {
        if (expected.back() >= 10.0) {
          observed.push_back(0.0);
          expected.push_back(0.0);
        }
        observed.back() += drawn[k - 1];
        expected.back() += static_cast<double>(kDraws) * std::pow(k, -zipf) / total;
      }
      const double statistic = chi_square(observed, expected);
      EXPECT_TRUE(chi_square_interval(static_cast<double>(expected.size() - 1)).contains(statistic))
          << count << " users, zipf " << zipf << ": " << statistic << " in " << expected.size()
          << " cells";
    }
}

constexpr std::uint32_t kUsers = 1'000'000;
constexpr std::size_t kCells = 100;

/// Pearson's statistic of the buckets of a million users in 100 even cells.
double unevenness(AssignmentHash hash, std::uint64_t replication) {
  Assigner assigner({AssignmentUnit::user, hash}, kUsers, 51, replication);
  std::vector<double> observed(kCells);
  for (std::uint32_t user = 0; user < kUsers; ++user) ++observed[assigner.user_bucket(user) / 100];
  return chi_square(observed, std::vector<double>(kCells, kUsers / static_cast<double>(kCells)));
}

TEST(Assigner, BucketsAreEven) {
  // Claim: chi-square of 1,000,000 users' buckets in 100 even cells; 99.9%; 5 replications a hash.
  for (const AssignmentHash hash : {AssignmentHash::md5, AssignmentHash::murmur3})
    for (std::uint64_t replication = 0; replication < 5; ++replication) {
      const double statistic = unevenness(hash, replication);
      EXPECT_TRUE(chi_square_interval(kCells - 1).contains(statistic))
          << static_cast<int>(hash) << ": " << statistic;
    }
}

TEST(Assigner, Fnv1aIsUnevenOnNumberedUsers) {
  // Claim: the weakness that population.h states is there and no worse: chi-square beyond its upper
  // limit at 99.9% in each of 5 replications of 1,000,000 users, and a share of 10% of 20,000 users
  // covers between 8% and 12.5% of them in each of 40 (measured: 8.3% to 11.9%). Fixed seed, exact.
  for (std::uint64_t replication = 0; replication < 5; ++replication)
    EXPECT_GT(unevenness(AssignmentHash::fnv1a, replication),
              chi_square_interval(kCells - 1).upper);
  constexpr std::uint32_t kFewer = 20'000;
  for (std::uint64_t replication = 0; replication < 40; ++replication) {
    Assigner assigner({AssignmentUnit::user, AssignmentHash::fnv1a}, kFewer, 51, replication);
    int covered = 0;
    for (std::uint32_t user = 0; user < kFewer; ++user)
      covered += assigner.user_bucket(user) < 1000 ? 1 : 0;
    EXPECT_GE(covered, 1600);
    EXPECT_LE(covered, 2500);
  }
}

TEST(Assigner, ReplicationsAreIndependent) {
  // Claim: users exposed at 10% in two replications overlap in 1%; 99.9% (normal approximation of
  // the hypergeometric law); 1,000,000 users, 5 pairs a hash.
  for (const AssignmentHash hash : {AssignmentHash::md5, AssignmentHash::murmur3})
    for (std::uint64_t replication = 0; replication < 5; ++replication) {
      Assigner one({AssignmentUnit::user, hash}, kUsers, 52, replication);
      Assigner other({AssignmentUnit::user, hash}, kUsers, 52, replication + 1);
      double exposed_once = 0.0;
      double exposed_again = 0.0;
      double both = 0.0;
      for (std::uint32_t user = 0; user < kUsers; ++user) {
        const bool a = one.user_bucket(user) < 1000;
        const bool b = other.user_bucket(user) < 1000;
        exposed_once += a ? 1.0 : 0.0;
        exposed_again += b ? 1.0 : 0.0;
        both += a && b ? 1.0 : 0.0;
      }
      const double p = exposed_once / kUsers;
      const double q = exposed_again / kUsers;
      const double sd = std::sqrt(kUsers * p * q * (1.0 - p) * (1.0 - q));
      EXPECT_TRUE(normal_interval(kUsers * p * q, sd).contains(both))
          << static_cast<int>(hash) << ": " << both;
    }
}

}  // namespace
}  // namespace gatewright::sim
