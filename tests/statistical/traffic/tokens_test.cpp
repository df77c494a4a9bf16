// Tokens drawn from the profiles have the quantiles that were measured on the traces.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/lane_stream.h"
#include "sim/traffic/profiles.h"
#include "tests/statistical/traffic/intervals.h"

namespace gatewright::sim {
namespace {

using namespace gatewright::testing;

constexpr std::size_t kDraws = 1'000'000;
constexpr double kProbabilities[] = {0.05, 0.50, 0.75, 0.95, 0.99};

/// Quantiles 5, 50, 75, 95, 99% of the whole trace files.
struct Measured {
  const char* profile;
  bool output;
  double quantiles[5];
};
constexpr Measured kMeasured[] = {
    {"chat", false, {181, 1'020, 1'189, 4'083, 4'142}},
    {"chat", true, {41, 129, 395, 451, 601}},
    {"code", false, {75, 1'469, 2'745, 7'303, 7'436}},
    {"code", true, {6, 13, 24, 90, 252}},
    {"long_context", false, {901, 6'909, 15'367, 39'551, 85'400}},
    {"long_context", true, {10, 350, 472, 698, 1'119}},
    {"reasoning", false, {13, 208, 482, 6'714, 23'423}},
    {"reasoning", true, {225, 792, 1'499, 5'701, 12'607}},
};

std::vector<float> scores() {
  std::vector<float> values(kDraws);
  LaneStream({31, 0, "tokens", 0}).fill_normal(values);
  return values;
}

std::vector<double> drawn(const TokenTable& table) {
  const std::vector<float> z = scores();
  std::vector<float> tokens(z.size());
  table.fill(z, tokens.data());
  return {tokens.begin(), tokens.end()};
}

TEST(Tokens, HaveTheMeasuredQuantiles) {
  // Claim: each measured quantile lies between the order statistics of the draws that the binomial
  // law names; 99.9% each; 1 run of 1,000,000 draws a law. All five probabilities are points of the
  // grid, so nothing is interpolated and no tolerance is needed.
  const std::vector<float> z = scores();
  for (const Measured& measured : kMeasured) {
    const Profile& profile = *find_profile(measured.profile);
    const TokenLaw& law = measured.output ? profile.output_tokens : profile.input_tokens;
    std::vector<double> tokens;
    tokens.reserve(z.size());
    for (const float score : z) tokens.push_back(tokens_at(law, static_cast<double>(score)));
    std::sort(tokens.begin(), tokens.end());
    for (std::size_t i = 0; i < 5; ++i) {
      const Interval interval = quantile_interval(tokens, kProbabilities[i]);
      EXPECT_TRUE(interval.contains(measured.quantiles[i]))
          << measured.profile << (measured.output ? " output " : " input ") << kProbabilities[i]
          << ": " << measured.quantiles[i] << " not in " << interval;
    }
  }
}

TEST(Tokens, OfTheTableHaveThemToo) {
  // Claim: as above for the table that the world draws with; 99.9% each; 1 run of 1,000,000 draws.
  // The interval is widened by 0.3%, the table's stated error where a grid bends, and one token of
  // rounding.
  for (const Measured& measured : kMeasured) {
    const Profile& profile = *find_profile(measured.profile);
    const TokenTable table(measured.output ? profile.output_tokens : profile.input_tokens);
    std::vector<double> tokens = drawn(table);
    std::sort(tokens.begin(), tokens.end());
    for (std::size_t i = 0; i < 5; ++i) {
      Interval interval = quantile_interval(tokens, kProbabilities[i]);
      interval.lower -= 0.003 * interval.lower + 1.0;
      interval.upper += 0.003 * interval.upper + 1.0;
      EXPECT_TRUE(interval.contains(measured.quantiles[i]))
          << measured.profile << (measured.output ? " output " : " input ") << kProbabilities[i]
          << ": " << measured.quantiles[i] << " not in " << interval;
    }
  }
}

TEST(Tokens, LognormalsHaveTheMeanOfTheirFormula) {
  // Claim: mean of the draws is median x exp(sigma^2 / 2), rounding aside (half a token at most,
  // unbiased at this width); 99.9% (Student); 1 run of 1,000,000 draws.
  const TokenLaw law = Lognormal{.median = 780.0, .sigma = 0.99, .clip = 0.0};
  EXPECT_TRUE(mean_interval(drawn(TokenTable(law))).contains(780.0 * std::exp(0.5 * 0.99 * 0.99)));
}

}  // namespace
}  // namespace gatewright::sim
