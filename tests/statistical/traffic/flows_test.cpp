// Tenants, sessions and changes of traffic are the processes that they are said to be.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>
#include <boost/math/special_functions/gamma.hpp>

#include "sim/traffic/arrivals.h"
#include "sim/traffic/tenant_renewals.h"
#include "sim/users/session_flow.h"
#include "tests/statistical/traffic/intervals.h"
#include "tests/support/arrivals.h"

namespace gatewright::sim {
namespace {

using namespace gatewright::testing;
using sim::testing::ArrivalPlayer;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

Traffic poisson_traffic(double per_second) {
  Traffic traffic;
  traffic.arrivals = PoissonArrivals{per_second};
  traffic.users.count = 1'000;
  return traffic;
}

std::unique_ptr<const ArrivalProcess> made(const Traffic& traffic) {
  Scenario scenario;
  scenario.traffic = traffic;
  return make_arrivals(scenario).process;
}

// ---- changes ----

TEST(Changes, MultiplyTheRate) {
  // Claim: counts of the hours are Poisson with the rate times the factors then in force; 99.9% each
  // (normal, of the sum over replications); 40 replications of 5 hours. The change of the third hour
  // begins at its half, and stops everything: not one request.
  Traffic traffic = poisson_traffic(2.0);
  traffic.changes = {{.from = hours(1), .lasts = hours(1), .factor = 0.25},
                     {.from = minutes(150), .lasts = minutes(30), .factor = 0.0},
                     {.from = hours(3), .lasts = {}, .factor = 2.0},
                     {.from = hours(4), .lasts = {}, .factor = 1.5}};
  const std::array<double, 5> expected{7200.0, 1800.0, 3600.0, 14'400.0, 21'600.0};
  const auto process = made(traffic);
  ArrivalPlayer player(*process, {81, 0}, minutes(10));
  std::array<double, 5> counts{};
  for (std::uint64_t replication = 0; replication < 40; ++replication) {
    player.start({81, replication});
    for (std::size_t window = 0; window < 30; ++window) {
      const ArrivalColumns& columns = player.next();
      counts.at(window / 6) += static_cast<double>(columns.at_seconds.size());
      EXPECT_TRUE(window < 15 || window >= 18 || columns.at_seconds.empty()) << window;
    }
  }
  for (std::size_t hour = 0; hour < 5; ++hour)
    EXPECT_TRUE(normal_interval(40.0 * expected[hour], std::sqrt(40.0 * expected[hour]))
                    .contains(counts[hour]))
        << hour << ": " << counts[hour];
}

TEST(Changes, LeaveWhatComesBeforeThemAsItWas) {
  // Claim: up to the window in which traffic changes, arrivals are equal to the byte; exact.
  const Traffic plain = poisson_traffic(3.0);
  Traffic changed = plain;
  changed.changes = {{.from = minutes(5), .lasts = {}, .factor = 0.1}};
  const auto one = made(plain);
  const auto other = made(changed);
  ArrivalPlayer first(*one, {82, 0}, minutes(1));
  ArrivalPlayer second(*other, {82, 0}, minutes(1));
  for (int window = 0; window < 5; ++window)
    EXPECT_EQ(first.next().at_seconds, second.next().at_seconds);
  EXPECT_GT(first.next().at_seconds.size(), 2 * second.next().at_seconds.size());
}

// ---- tenants ----

TEST(Tenants, EffectiveNumberIsThatOfTheirShares) {
  // Claim: 1 / sum(share^2) of 162 tenants at Zipf 1.1 (ServeGen m-large) is the closed form
  // (sum k^-s)^2 / sum k^-2s, and it lies in the range of the fleets, 4 to 18 (world.md 1.2), as the
  // largest share does, 14% to 52%; the shares of tenants among the users drawn follow them:
  // chi-square, 99.9%, 2,000,000 draws.
  const std::vector<double> shares = tenant_shares({.count = 162, .zipf = 1.1});
  double squares = 0.0;
  double weights = 0.0;
  double weights_squared = 0.0;
  for (std::size_t k = 0; k < shares.size(); ++k) {
    squares += shares[k] * shares[k];
    weights += std::pow(static_cast<double>(k) + 1.0, -1.1);
    weights_squared += std::pow(static_cast<double>(k) + 1.0, -2.2);
  }
  EXPECT_NEAR(1.0 / squares, weights * weights / weights_squared, 1e-9);
  EXPECT_GE(1.0 / squares, 4.0);
  EXPECT_LE(1.0 / squares, 18.0);
  EXPECT_GE(shares.front(), 0.14);
  EXPECT_LE(shares.front(), 0.52);

  const Population population({.count = 20'000, .zipf = 1.1}, {.count = 162, .zipf = 1.1});
  constexpr std::size_t kDraws = 2'000'000;
  std::vector<std::uint32_t> users(kDraws);
  LaneStream stream({83, 0, "users", 0});
  population.fill(stream, users);
  std::vector<double> observed(shares.size());
  for (const std::uint32_t user : users) ++observed[population.tenant_of(user) - 1];
  std::vector<double> expected;
  for (const double share : shares) expected.push_back(share * kDraws);
  const double statistic = chi_square(observed, expected);
  EXPECT_TRUE(chi_square_interval(161.0).contains(statistic)) << statistic;
}

TEST(GapLaw, HasTheCoefficientOfVariationThatIsSaid) {
  // Claim: KS distance of 200,000 gaps to the gamma or Weibull law of mean 1 within its limit, and
  // that law's CV is the one asked for (Boost.Math's gamma functions); 99.9%; 2 families, 4 CVs.
  for (const double cv : {0.3, 1.0, 1.2, 5.0})
    for (const GapLaw::Family family : {GapLaw::Family::gamma, GapLaw::Family::weibull}) {
      const GapLaw law = GapLaw::of(family, cv);
      const bool is_gamma = family == GapLaw::Family::gamma;
      const double first = boost::math::tgamma(1.0 + 1.0 / law.shape);
      const double second = boost::math::tgamma(1.0 + 2.0 / law.shape);
      EXPECT_NEAR(is_gamma ? law.shape * law.scale : law.scale * first, 1.0, 1e-9);
      EXPECT_NEAR(is_gamma ? 1.0 / std::sqrt(law.shape) : std::sqrt(second / first / first - 1.0),
                  cv, 1e-9 * cv);
      LaneStream stream({84, 0, "gaps", static_cast<std::uint64_t>(10.0 * cv)});
      GapLaw::Batch batch;
      std::vector<double> gaps;
      while (gaps.size() < 200'000) {
        const std::size_t drawn = law.draw(stream, batch);
        gaps.insert(gaps.end(), batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(drawn));
      }
      const auto cdf = [&](double gap) {
        if (gap <= 0.0) return 0.0;
        return is_gamma ? boost::math::gamma_p(law.shape, gap / law.scale)
                        : -std::expm1(-std::pow(gap / law.scale, law.shape));
      };
      EXPECT_LT(ks_distance(gaps, cdf), ks_limit(gaps.size())) << cv;
    }
}

TEST(TenantRenewals, AreStationaryFromTheStart) {
  // Claim: one of 4 tenants has its share of the arrivals in the first minute as in the eleventh: mean
  // count over 4,000 replications; 99.9% each (Student). Gap CVs around 1.2.
  Traffic traffic = poisson_traffic(1.0);
  traffic.tenants = {.count = 4, .zipf = 0.0, .largest = {}, .burstiness = Tenants::Burstiness{}};
  traffic.tenants.burstiness->gap_cv_p90 = 2.0;
  const auto process = made(traffic);
  ArrivalPlayer player(*process, {85, 0}, minutes(1), traffic);
  std::array<std::vector<double>, 2> counts;
  for (std::uint64_t replication = 0; replication < 4000; ++replication) {
    player.start({85, replication});
    const auto of_second_tenant = [](const ArrivalColumns& columns) {
      return static_cast<double>(std::ranges::count(columns.tenant, 2U));
    };
    counts[0].push_back(of_second_tenant(player.next()));
    counts[1].push_back(of_second_tenant(player.window(10)));
  }
  for (const auto& minute : counts)
    EXPECT_TRUE(mean_interval(minute).contains(15.0)) << mean_interval(minute);
}

TEST(TenantRenewals, GapsFollowTheirLawInOperationalTime) {
  // Claim: the times from one arrival of a tenant to the next, in operational time, follow the law
  // that the tenant was given, whatever the rate does: KS within its limit; 99.9%; 6 tenants, one
  // replication of 200,000 arrivals at a rate that halves and doubles, playing windows of 7 s.
  const std::vector<double> shares(6, 1.0 / 6.0);
  TenantRenewals renewals(Tenants::Burstiness{.weibull_share = 0.5}, shares);
  renewals.start({86, 0});
  std::vector<double> at;
  std::vector<std::uint32_t> tenants;
  std::vector<RatePiece> pieces(2);
  std::vector<std::vector<double>> operational(6);
  const Nanoseconds second = 1'000'000'000;
  for (Nanoseconds window = 0; window < 3000; ++window) {
    const Nanoseconds from = window * 7 * second;
    pieces = {{20.0, from + 3 * second}, {5.0, from + 7 * second}};
    at.clear();
    tenants.clear();
    renewals.fill(from, pieces, at, tenants);
    for (std::size_t i = 0; i < at.size(); ++i) {
      const double since = at[i] - 7.0 * static_cast<double>(window);
      operational[tenants[i] - 1].push_back(80.0 * static_cast<double>(window) +
                                            20.0 * std::min(since, 3.0) +
                                            5.0 * std::max(since - 3.0, 0.0));
    }
  }
  for (std::uint32_t tenant = 1; tenant <= 6; ++tenant) {
    const GapLaw& law = renewals.law(tenant);
    const std::vector<double>& times = operational[tenant - 1];
    std::vector<double> gaps;
    for (std::size_t i = 1; i < times.size(); ++i) gaps.push_back((times[i] - times[i - 1]) / 6.0);
    ASSERT_GT(gaps.size(), 5'000U);
    // Gaps below a nanosecond's worth of clock cannot be told from none.
    const auto cdf = [&](double gap) {
      return law.family == GapLaw::Family::gamma
                 ? boost::math::gamma_p(law.shape, std::max(gap, 0.0) / law.scale)
                 : -std::expm1(-std::pow(std::max(gap, 0.0) / law.scale, law.shape));
    };
    std::erase_if(gaps, [](double gap) { return gap < 1e-6; });
    const double least = cdf(1e-6);
    EXPECT_LT(ks_distance(gaps, [&](double gap) { return (cdf(gap) - least) / (1.0 - least); }),
              ks_limit(gaps.size()))
        << tenant << ": shape " << law.shape;
  }
}

TEST(TenantRenewals, GivenCoefficientsOfVariationAreLognormalOverTenants) {
  // Claim: of 4,000 tenants, half have a gap CV below 1.2 and nine tenths below 5.0, and a quarter
  // are Weibull (ServeGen: world.md 1.7); 99.9% each (binomial, normal approximation).
  const std::vector<double> shares(4000, 1.0 / 4000.0);
  TenantRenewals renewals(Tenants::Burstiness{}, shares);
  renewals.start({87, 0});
  double below_median = 0.0;
  double below_p90 = 0.0;
  double weibull = 0.0;
  for (std::uint32_t tenant = 1; tenant <= 4000; ++tenant) {
    const GapLaw& law = renewals.law(tenant);
    double cv = 1.0 / std::sqrt(law.shape);
    if (law.family == GapLaw::Family::weibull) {
      weibull += 1.0;
      const double first = boost::math::tgamma(1.0 + 1.0 / law.shape);
      cv = std::sqrt(boost::math::tgamma(1.0 + 2.0 / law.shape) / first / first - 1.0);
    }
    below_median += cv < 1.2 ? 1.0 : 0.0;
    below_p90 += cv < 5.0 ? 1.0 : 0.0;
  }
  const auto expected = [](double p) {
    return normal_interval(4000.0 * p, std::sqrt(4000.0 * p * (1.0 - p)));
  };
  EXPECT_TRUE(expected(0.5).contains(below_median)) << below_median;
  EXPECT_TRUE(expected(0.9).contains(below_p90)) << below_p90;
  EXPECT_TRUE(expected(0.25).contains(weibull)) << weibull;
}

// ---- sessions ----

TEST(Sessions, HaveGeometricSizesAndKeepTheRate) {
  // Claim: numbers of requests of sessions that began in the first hour and had three more to end
  // are geometric with mean 4 (chi-square in cells 1..19 and more), and requests come at the rate
  // that is said in the first minute as in the last (Student over replications); 99.9% each; 200
  // replications of 4 hours.
  Traffic traffic = poisson_traffic(0.5);
  traffic.users.sessions = {
      .requests = 4.0, .think = {DelayLaw::Kind::lognormal, 45.0, 1.0}, .gap = hours(100)};
  const auto process = made(traffic);
  ArrivalPlayer player(*process, {88, 0}, minutes(1), traffic);
  constexpr std::size_t kCells = 20;
  std::vector<double> observed(kCells);
  std::vector<double> first;
  std::vector<double> last;
  for (std::uint64_t replication = 0; replication < 200; ++replication) {
    player.start({88, replication});
    std::map<std::uint32_t, std::pair<double, std::size_t>> sessions;  // begun at, requests
    double in_first = 0.0;
    double in_last = 0.0;
    for (int window = 0; window < 240; ++window) {
      const ArrivalColumns& columns = player.next();
      ASSERT_TRUE(std::ranges::is_sorted(columns.at_seconds));
      if (window < 5) in_first += static_cast<double>(columns.at_seconds.size());
      if (window >= 235) in_last += static_cast<double>(columns.at_seconds.size());
      for (std::size_t i = 0; i < columns.at_seconds.size(); ++i) {
        auto& [begun, requests] = sessions[columns.session[i]];
        if (requests == 0) begun = columns.at_seconds[i];
        ++requests;
      }
    }
    // The sessions of before the start are numbered first; those of the first half hour may be they.
    for (const auto& [session, seen] : sessions)
      if (seen.first > 1800.0 && seen.first < 5400.0) ++observed[std::min(seen.second, kCells) - 1];
    first.push_back(in_first);
    last.push_back(in_last);
  }
  const double total = std::reduce(observed.begin(), observed.end());
  std::vector<double> expected;
  for (std::size_t k = 1; k < kCells; ++k)
    expected.push_back(total * 0.25 * std::pow(0.75, static_cast<double>(k) - 1.0));
  expected.push_back(total * std::pow(0.75, kCells - 1.0));
  EXPECT_TRUE(chi_square_interval(kCells - 1.0).contains(chi_square(observed, expected)))
      << chi_square(observed, expected);
  EXPECT_TRUE(mean_interval(first).contains(150.0)) << mean_interval(first);
  EXPECT_TRUE(mean_interval(last).contains(150.0)) << mean_interval(last);
}

TEST(Sessions, AreOfOneUserAndEndWithALongSilence) {
  // Claim: all requests of a session are of one user; within one, no silence is longer than the gap;
  // exact.
  Traffic traffic = poisson_traffic(0.5);
  traffic.users.sessions = {
      .requests = 6.0, .think = {DelayLaw::Kind::lognormal, 45.0, 1.0}, .gap = minutes(2)};
  const auto process = made(traffic);
  ArrivalPlayer player(*process, {89, 0}, minutes(1), traffic);
  std::map<std::uint32_t, std::pair<std::uint32_t, double>> seen;  // user, last request
  std::size_t followed = 0;
  for (int window = 0; window < 240; ++window) {
    const ArrivalColumns& columns = player.next();
    for (std::size_t i = 0; i < columns.at_seconds.size(); ++i) {
      const auto [found, is_new] =
          seen.try_emplace(columns.session[i], columns.user[i], columns.at_seconds[i]);
      if (is_new) continue;
      ++followed;
      EXPECT_EQ(found->second.first, columns.user[i]);
      EXPECT_LE(columns.at_seconds[i] - found->second.second, 120.0 + 1e-6);
      found->second.second = columns.at_seconds[i];
    }
  }
  EXPECT_GT(followed, 1'000U);
}

TEST(Sessions, ThinkAsTheLawSays) {
  // Claim: times between the requests of a session follow the lognormal law; KS within its limit;
  // 99.9%; one replication of 20 hours, sessions begun in its first 18 hours (the law's 99.99%
  // quantile is 31 minutes, so none is cut off).
  Traffic traffic = poisson_traffic(0.5);
  traffic.users.sessions = {
      .requests = 3.0, .think = {DelayLaw::Kind::lognormal, 45.0, 1.0}, .gap = hours(100)};
  const auto process = made(traffic);
  ArrivalPlayer player(*process, {90, 0}, minutes(1), traffic);
  std::map<std::uint32_t, double> last;
  std::vector<double> thinks;
  for (int window = 0; window < 1200; ++window) {
    const ArrivalColumns& columns = player.next();
    for (std::size_t i = 0; i < columns.at_seconds.size(); ++i) {
      const auto [found, is_new] = last.try_emplace(columns.session[i], columns.at_seconds[i]);
      if (is_new) continue;
      if (found->second < 18.0 * 3600.0) thinks.push_back(columns.at_seconds[i] - found->second);
      found->second = columns.at_seconds[i];
    }
  }
  ASSERT_GT(thinks.size(), 15'000U);
  EXPECT_LT(
      ks_distance(thinks,
                  [](double t) { return 0.5 * std::erfc(-std::log(t / 45.0) / std::sqrt(2.0)); }),
      ks_limit(thinks.size()));
}

TEST(Sessions, WaitLongerThanAnyCalendar) {
  // Claim: with three hours to think, each request of the fourth hour but for new sessions follows one
  // of the first by three hours, and of the requests of one hour the next one's share is 3/4
  // (binomial, normal approximation, 99.9%); one replication, windows of a minute.
  Traffic traffic = poisson_traffic(2.0);
  traffic.users.sessions = {
      .requests = 4.0, .think = {DelayLaw::Kind::fixed, 10'800.0, 0.0}, .gap = hours(100)};
  const auto process = made(traffic);
  ArrivalPlayer player(*process, {93, 0}, minutes(1), traffic);
  std::map<std::uint32_t, double> last;
  double asked = 0.0;
  double followed = 0.0;
  for (int window = 0; window < 240; ++window) {
    const ArrivalColumns& columns = player.next();
    for (std::size_t i = 0; i < columns.at_seconds.size(); ++i) {
      const double at = columns.at_seconds[i];
      if (window < 60) asked += 1.0;
      const auto [found, is_new] = last.try_emplace(columns.session[i], at);
      if (is_new) continue;
      ASSERT_NEAR(at - found->second, 10'800.0, 1e-6);
      followed += 1.0;
    }
  }
  EXPECT_TRUE(normal_interval(0.75 * asked, std::sqrt(0.75 * 0.25 * asked)).contains(followed))
      << followed << " of " << asked;
}

TEST(Sessions, StopWithTheTraffic) {
  // Claim: while the factor is 0 nobody asks anything, not even in a session under way; where it is
  // 1/4, requests at once come at a quarter of the rate (Student over 300 replications, 99.9%).
  Traffic traffic = poisson_traffic(0.5);
  traffic.users.sessions.requests = 5.0;
  traffic.changes = {{.from = minutes(20), .lasts = minutes(10), .factor = 0.0},
                     {.from = minutes(60), .lasts = {}, .factor = 0.25}};
  Traffic quarter = traffic;
  quarter.changes.erase(quarter.changes.begin());
  const auto stopped = made(traffic);
  ArrivalPlayer player(*stopped, {91, 0}, minutes(10), traffic);
  player.window(1);
  EXPECT_TRUE(player.next().at_seconds.empty());
  const auto process = made(quarter);
  ArrivalPlayer fallen(*process, {91, 0}, minutes(10), quarter);
  std::vector<double> counts;
  for (std::uint64_t replication = 0; replication < 300; ++replication) {
    fallen.start({91, replication});
    counts.push_back(static_cast<double>(fallen.window(6).at_seconds.size()));
  }
  EXPECT_TRUE(mean_interval(counts).contains(75.0)) << mean_interval(counts);
}

// ---- segments ----

TEST(Segments, HaveTheirShareOfTheUsers) {
  // Claim: of 100,000 users, 80%, 15% and 5% (binomial, normal approximation; 99.9% each), whatever
  // their activity.
  Segmenter segmenter({{"free", 0.80}, {"plus", 0.15}, {"premium", 0.05}}, 100'000);
  segmenter.start(92, 0);
  std::array<double, 3> counts{};
  for (std::uint32_t user = 0; user < 100'000; ++user) ++counts.at(segmenter.segment_of(user));
  const std::array<double, 3> shares{0.80, 0.15, 0.05};
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_TRUE(normal_interval(1e5 * shares[i], std::sqrt(1e5 * shares[i] * (1.0 - shares[i])))
                    .contains(counts[i]))
        << counts[i];
}

}  // namespace
}  // namespace gatewright::sim
