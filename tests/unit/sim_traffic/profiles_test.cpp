// Token laws: the profiles hold what was measured, and the table says what the law says.
#include "sim/traffic/profiles.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <boost/math/distributions/normal.hpp>

namespace gatewright::sim {
namespace {

/// Even steps from `from` to `to`.
std::vector<double> steps(double from, double to, int count) {
  std::vector<double> all;
  all.reserve(static_cast<std::size_t>(count) + 1);
  for (int i = 0; i <= count; ++i) all.push_back(from + (to - from) * i / count);
  return all;
}

double score(double probability) {
  return boost::math::quantile(boost::math::normal(), probability);
}

TEST(Profiles, AreFoundByName) {
  for (const char* name : {"chat", "code", "long_context", "reasoning"}) {
    const Profile* profile = find_profile(name);
    ASSERT_NE(profile, nullptr) << name;
    EXPECT_EQ(profile->name, name);
    EXPECT_GT(profile->rate_per_second(), 0.0);
    EXPECT_LT(std::abs(profile->token_correlation), 1.0);
    EXPECT_FALSE(profile->provenance.empty());
  }
  EXPECT_EQ(find_profile("chats"), nullptr);
}

TEST(Profiles, MakeScenariosThatValidate) {
  for (const Profile& profile : profiles()) {
    Scenario scenario;
    scenario.name = "profile";
    scenario.traffic.profile = profile.name;
    scenario.traffic.arrivals = PoissonArrivals{profile.rate_per_second()};
    scenario.traffic.input_tokens = profile.input_tokens;
    scenario.traffic.output_tokens = profile.output_tokens;
    scenario.traffic.token_correlation = profile.token_correlation;
    for (const Diagnostic& diagnostic : validate(scenario))
      ADD_FAILURE() << profile.name << ": " << diagnostic.path << ": " << diagnostic.message;
  }
}

TEST(Profiles, ChatHasTheQuantilesOfTheAzureConversationTrace) {
  // Azure conv, whole file, 5, 50, 75, 95 and 99%; its clips.
  const Profile& chat = *find_profile("chat");
  const std::vector<double> scores{score(0.05), score(0.50), score(0.75),
                                   score(0.95), score(0.99), 40.0};
  const std::vector<double> input{181, 1020, 1189, 4083, 4142, 14'050};
  const std::vector<double> output{41, 129, 395, 451, 601, 1000};
  for (std::size_t i = 0; i < scores.size(); ++i) {
    EXPECT_EQ(tokens_at(chat.input_tokens, scores[i]), input[i]) << i;
    EXPECT_EQ(tokens_at(chat.output_tokens, scores[i]), output[i]) << i;
  }
  EXPECT_EQ(chat.token_correlation, 0.05);
  EXPECT_DOUBLE_EQ(chat.rate_per_second() * 60.0, 354.0);
}

TEST(Tokens, ALognormalIsItsFormula) {
  const Lognormal law{.median = 350.0, .sigma = 0.8, .clip = 0.0};
  EXPECT_EQ(tokens_at(law, 0.0), 350.0);
  EXPECT_EQ(tokens_at(law, 1.0), std::round(350.0 * std::exp(0.8)));
  EXPECT_EQ(tokens_at(law, -40.0), 1.0) << "no fewer than one token";
  EXPECT_EQ(tokens_at(Lognormal{350.0, 0.8, 1000.0}, 5.0), 1000.0);
}

float tokens_of(const TokenTable& table, double z) {
  const auto score = static_cast<float>(z);
  float tokens = 0.0F;
  table.fill(std::span(&score, 1), &tokens);
  return tokens;
}

TEST(Tokens, AGridIsLogLinearBetweenItsPoints) {
  const QuantileGrid law{{0.0, 0.5, 1.0}, {10.0, 1000.0, 100'000.0}};
  EXPECT_EQ(tokens_at(law, score(0.25)), 100.0);
  EXPECT_EQ(tokens_at(law, 0.0), 1000.0);
  EXPECT_EQ(tokens_at(law, score(0.75)), 10'000.0);
  EXPECT_EQ(tokens_at(law, -40.0), 10.0);
  EXPECT_EQ(tokens_at(law, 40.0), 100'000.0);
}

TEST(Tokens, RiseWithTheScore) {
  for (const Profile& profile : profiles())
    for (const TokenLaw* law : {&profile.input_tokens, &profile.output_tokens}) {
      const TokenTable table(*law);
      double last = 0.0;
      float last_tabulated = 0.0F;
      for (const double z : steps(-8.0, 8.0, 1600)) {
        ASSERT_LE(last, tokens_at(*law, z));
        ASSERT_LE(last_tabulated, tokens_of(table, z));
        last = tokens_at(*law, z);
        last_tabulated = tokens_of(table, z);
      }
    }
}

TEST(TokenTable, AgreesWithTheLaw) {
  // The bound stated in the header, and one token of rounding.
  std::vector<TokenLaw> laws{Lognormal{350.0, 0.8, 0.0}, Lognormal{5000.0, 1.84, 32'768.0},
                             Lognormal{3.0, 0.0, 0.0}};
  for (const Profile& profile : profiles()) {
    laws.push_back(profile.input_tokens);
    laws.push_back(profile.output_tokens);
  }
  for (const TokenLaw& law : laws) {
    const TokenTable table(law);
    for (const double z : steps(-6.0, 6.0, 17'000)) {
      const double exact = tokens_at(law, z);
      ASSERT_NEAR(static_cast<double>(tokens_of(table, z)), exact, 1.0 + 0.003 * exact) << z;
    }
  }
}

TEST(TokenTable, CutsScoresOfAGridToItsReach) {
  const TokenLaw law =
      QuantileGrid{.probabilities = {0.0, 0.5, 1.0}, .values = {1.0, 100.0, 10'000.0}};
  const TokenTable table(law);
  EXPECT_EQ(static_cast<double>(tokens_of(table, 7.0)), tokens_at(law, 6.0));
  EXPECT_EQ(static_cast<double>(tokens_of(table, -1e30)), tokens_at(law, -6.0));
  EXPECT_GE(tokens_of(table, std::numeric_limits<double>::quiet_NaN()), 1.0F)
      << "no score, but no crash";
}

TEST(TokenTable, ComputesALognormalAsFarAsItGoes) {
  const TokenLaw law = Lognormal{100.0, 0.5, 0.0};
  const TokenTable table(law);
  for (const double z : {-20.0, -7.0, -1.0, 0.0, 2.5, 7.0})
    EXPECT_NEAR(static_cast<double>(tokens_of(table, z)), tokens_at(law, z), 1.0) << z;
  EXPECT_EQ(tokens_of(table, -1e30), 1.0F);
  EXPECT_EQ(tokens_of(table, 1e30), 1e9F);
  EXPECT_EQ(tokens_of(TokenTable(Lognormal{100.0, 0.5, 150.0}), 3.0), 150.0F);
  EXPECT_GE(tokens_of(table, std::numeric_limits<double>::quiet_NaN()), 1.0F);
}

}  // namespace
}  // namespace gatewright::sim
