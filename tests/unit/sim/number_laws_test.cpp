// Claims: nets are the points of Boost's Sobol sequence, at normal scores that are right to what floats say;
// laws of an arm's numbers are found once for all that have them.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <boost/random/sobol.hpp>
#include <cmath>
#include <vector>

#include "sim/arms/normal_scores.h"
#include "sim/windows/latent_points.h"
#include "sim/windows/number_laws.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

TEST(LatentPoints, AreThePointsOfTheSequence) {
  const LatentPoints& net = LatentPoints::few();
  const std::size_t count = net.size();
  const std::vector<float> scores = normal_scores(count);
  boost::random::sobol sequence(kLatents);
  sequence.seed(count - 1);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t latent = 0; latent < kLatents; ++latent) {
      const auto cell = static_cast<std::size_t>(sequence() >> (64 - std::countr_zero(count)));
      ASSERT_EQ(net.scores(static_cast<Latent>(latent))[i], scores[cell]) << i << ' ' << latent;
    }
}

/// The distribution function of the neighbouring floats lies on either side of the probability.
TEST(NormalScores, AreTheNearestFloats) {
  for (const std::size_t count : {2U, 33U, 1'000U, 14'176U, 1U << 17U}) {
    const std::vector<float> scores = normal_scores(count);
    for (std::size_t rank = 0; rank < count / 2; ++rank) {
      const double p = (static_cast<double>(rank) + 0.5) / static_cast<double>(count);
      const float below = std::nextafter(scores[rank], -9.0F);
      const float above = std::nextafter(scores[rank], 9.0F);
      ASSERT_LT(normal_cdf(static_cast<double>(below)), p) << count << ' ' << rank;
      ASSERT_GT(normal_cdf(static_cast<double>(above)), p) << count << ' ' << rank;
    }
  }
}

TEST(NumberBook, KnowsAnArmByItsLawAlone) {
  const auto scenario = prepared(quiet_world());
  NumberBook book;
  const std::vector<Measured> measured = {
      {{.metric = WorldMetric::latency, .kind = Measurement::Kind::sum}, {}}};
  const Rates prices{.input = 1e-6F, .output = 2e-6F, .tiers = {}};
  const Rates others{.input = 1e-6F, .output = 3e-6F, .tiers = {}};
  const Rates equal = prices;
  ArmLaw law;
  law.tpot_seconds = 0.01;
  law.error = 0.01;
  law.prices = &prices;
  const auto laws = book.find(*scenario, measured, law, {});
  ArmLaw same = law;
  same.prices = &equal;
  same.error = 0.02;  // says nothing of numbers where no quantile is asked for
  EXPECT_EQ(book.find(*scenario, measured, same, {}), laws);
  ArmLaw slower = law;
  slower.tpot_seconds = 0.02;
  EXPECT_NE(book.find(*scenario, measured, slower, {}), laws);
  ArmLaw dearer = law;
  dearer.prices = &others;
  EXPECT_NE(book.find(*scenario, measured, dearer, {}), laws);
  EXPECT_NE(book.find(*scenario, measured, law, {.multiply = 2.0}), laws);
}

}  // namespace
}  // namespace gatewright::sim
