// Claims, seeds fixed: quantiles of 1e13 requests drawn whole, which vary by less than 1e-7 of the requests,
// are those of the law: its distribution function there, by quadrature over normals of
// their closed forms, is right to a hundredth of what shares of 50,000 requests vary by, so that no
// distance of 0.004 comes of it. Shares below 50,000 quantiles of 50,000 requests, of a law that turns beside them, have
// the law of uniform order statistics (two-sample KS at 0.1%).
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/random/gamma_distribution.hpp>
#include <boost/random/poisson_distribution.hpp>
#include <cmath>
#include <functional>
#include <numbers>
#include <string>
#include <variant>
#include <vector>

#include "sim/streams.h"
#include "sim/traffic/profiles.h"
#include "tests/statistical/windows/comparison.h"
#include "tests/statistical/windows/evidence.h"

namespace gatewright::sim::testing {
namespace {

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

/// The mean of f over standard normals, by the trapezoidal rule.
double over_normals(const std::function<double(double)>& f) {
  constexpr double kStep = 1e-4;
  double sum = 0.0;
  for (double z = -8.0; z < 8.0; z += kStep)
    sum += f(z) * std::exp(-0.5 * z * z) * kStep / std::sqrt(2.0 * std::numbers::pi);
  return sum;
}

double number_at(const Lognormal& law, double z) { return law.median * std::exp(law.sigma * z); }

/// Log-linear between its points; but tabulated, linear between 4,096 scores from -6 to 6 (see TokenTable).
double number_at(const QuantileGrid& law, double z) {
  static const std::vector<double> table = [&law] {
    std::vector<double> values;
    for (int i = 0; i < 4'096; ++i) {
      const double p = normal_cdf(-6.0 + 12.0 * i / 4'095.0);
      std::size_t k = 1;
      while (k + 1 < law.probabilities.size() && law.probabilities[k] < p) ++k;
      const double along =
          (p - law.probabilities[k - 1]) / (law.probabilities[k] - law.probabilities[k - 1]);
      values.push_back(
          std::exp(std::lerp(std::log(law.values[k - 1]), std::log(law.values[k]), along)));
    }
    return values;
  }();
  const double at = (std::clamp(z, -6.0, 6.0) + 6.0) / 12.0 * 4'095.0;
  const auto i = std::min(static_cast<std::size_t>(at), std::size_t{4'094});
  return std::lerp(table[i], table[i + 1], at - static_cast<double>(i));
}

double whole_tokens(const TokenLaw& law, double z) {
  const double number = std::visit([z](const auto& one) { return number_at(one, z); }, law);
  return std::max(1.0, std::nearbyint(number));
}

/// Of answers to the end.
double share_of_latencies_below(const Scenario& world, double seconds) {
  const auto& [ttft, per_token, timeout] = world.baseline.latency;
  return over_normals([&, per = per_token](double z) {
    const double first = seconds - per * whole_tokens(*world.traffic.output_tokens, z);
    return first > 0.0 ? normal_cdf(std::log(first / ttft.median) / ttft.sigma) : 0.0;
  });
}

/// Without errors, which bill no output.
double share_of_costs_below(const Scenario& world, double usd) {
  const auto& output = std::get<Lognormal>(*world.traffic.output_tokens);
  const auto& input = std::get<Lognormal>(*world.traffic.input_tokens);
  const double rho = *world.traffic.token_correlation;
  return over_normals([&](double z) {
    const double left = usd - world.baseline.price.output_usd_per_token * whole_tokens(output, z);
    const double most = std::floor(left / world.baseline.price.input_usd_per_token);
    if (most < 1.0) return 0.0;
    const double score = std::log((most + 0.5) / input.median) / input.sigma;
    return normal_cdf((score - rho * z) / std::sqrt(1.0 - rho * rho));
  });
}

TEST(QuantilesOfManyRequests, AreThoseOfTheLaw) {
  Scenario world = quiet_world();
  world.traffic.arrivals = PoissonArrivals{2e13 / 60.0};
  world.traffic.token_correlation = 0.3;
  world.baseline.error_probability = 0.02;
  world.baseline.latency.timeout_seconds = 3'600.0;  // nobody waits so long
  world.baseline.hang = {0.01, 30.0};
  world.effects = {effect("latency", 1.1), effect("cost", 1.25)};
  constexpr double kAsk[] = {0.5, 0.95, 0.99};
  std::vector<Probe> probes;
  for (const double p : kAsk) {
    probes.push_back(quantile_probe("latency", p));
    probes.push_back(quantile_probe("cost", p));
  }
  const Evidence seen = evidence_of(world, Fidelity::windows, {probes, {.served = 5'000}, 3, 1});
  const double errors = world.baseline.error_probability;
  const double failed = world.baseline.failed_latency_ratio;
  const auto [hangs, factor] = world.baseline.hang;
  Scenario failing = world;
  failing.baseline.price.output_usd_per_token = 0.0;
  for (const double p : kAsk) {
    const double right = 0.01 * std::sqrt(p * (1.0 - p) / 50'000.0);
    for (const auto& [arm, latency, cost] :
         {std::tuple{"baseline ", 1.0, 1.0}, std::tuple{"candidate ", 1.1, 1.25}}) {
      for (const double drawn : seen.at(std::string(arm) + "latency " + name_of_quantile(p))) {
        const double seconds = drawn / latency;
        double share = 0.0;
        for (const auto& [hung, slower] : {std::pair{1.0 - hangs, 1.0}, {hangs, factor}})
          for (const auto& [ends, ratio] : {std::pair{1.0 - errors, 1.0}, {errors, failed}})
            share += hung * ends * share_of_latencies_below(world, seconds / slower / ratio);
        EXPECT_NEAR(share, p, right) << arm << "latency";
      }
      // Costs are multiples of an input token's price, so that they have a distance of half of it on
      // either side, and the share jumps between.
      const double half = 0.5 * world.baseline.price.input_usd_per_token;
      for (const double drawn : seen.at(std::string(arm) + "cost " + name_of_quantile(p))) {
        const auto below = [&](double usd) {
          return (1.0 - errors) * share_of_costs_below(world, usd) +
                 errors * share_of_costs_below(failing, usd);
        };
        EXPECT_LT(below(drawn / cost - half), p + right) << arm << "cost";
        EXPECT_GT(below(drawn / cost + half), p - right) << arm << "cost";
      }
    }
  }
}

/// The lengths of chats lie between a few quantiles: the law of latencies turns where these stand, one of them
/// right beside what is asked for.
TEST(QuantilesOfManyRequests, AreThoseOfALawThatTurns) {
  constexpr std::size_t kWindows = 50'000;
  constexpr double kRequests = 50'000.0, kAsk = 0.99;
  Scenario world = quiet_world();
  world.traffic.arrivals = PoissonArrivals{2.0 * kRequests / 60.0};
  world.traffic.output_tokens = find_profile("chat")->output_tokens;
  world.baseline.error_probability = 0.0;
  world.baseline.latency.timeout_seconds = 3'600.0;
  const Evidence seen =
      evidence_of(world, Fidelity::windows,
                  {{quantile_probe("latency", kAsk)}, {.served = 5'000}, kWindows, 1});
  const Sample& drawn = seen.at("baseline latency " + name_of_quantile(kAsk));
  const auto [least, most] = std::ranges::minmax(drawn);
  constexpr std::size_t kPoints = 200;
  std::vector<double> shares;
  for (std::size_t i = 0; i <= kPoints; ++i)
    shares.push_back(
        share_of_latencies_below(world, least + (most - least) * static_cast<double>(i) / kPoints));
  Sample below, uniform;
  for (const double seconds : drawn) {
    const double at = (seconds - least) / (most - least) * kPoints;
    const auto i = std::min(static_cast<std::size_t>(at), kPoints - 1);
    below.push_back(std::lerp(shares[i], shares[i + 1], at - static_cast<double>(i)));
  }
  // Of uniforms by gamma spacings; between two of them the number lies half-way on average.
  Stream stream({8, 0, "test.uniforms", 0});
  boost::random::poisson_distribution<std::uint64_t> count(kRequests);
  for (std::size_t i = 0; i < kWindows; ++i) {
    const auto n = static_cast<double>(count(stream));
    const double position = (n - 1.0) * kAsk, rank = std::floor(position);
    const double low = boost::random::gamma_distribution<double>(rank + 1.0)(stream);
    const double gap = boost::random::gamma_distribution<double>(1.0)(stream);
    const double high = boost::random::gamma_distribution<double>(n - rank - 1.0)(stream);
    uniform.push_back((low + gap * (position - rank)) / (low + gap + high));
  }
  EXPECT_LT(distance(below, uniform), critical_distance(0.001, kWindows, kWindows));
}

}  // namespace
}  // namespace gatewright::sim::testing
