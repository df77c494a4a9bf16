// Station against the closed forms of queueing theory, for mean waits, their tails and losses.
// Claim of every statistical test here: the exact value lies in the interval over 32 independent
// replications (Student's t), all of which hold together at 99% (Bonferroni over kComparisons), and no
// interval is wider than stated, so that an error of that size would be noticed. Fixed seeds.
// Daley, "The serial correlation coefficients of waiting times in a stationary single server queue"
// (J. Austral. Math. Soc. 8, 1968, 683) says how many customers that takes: at utilisation 0.95 a mean
// wait in M/M/1 has a relative variance of 1,683 per customer. GATEWRIGHT_QUEUEING_TIMES=16 plays
// sixteen times as many, for intervals a quarter as wide.
// Each replication starts empty and its first ten relaxation times are left out: see
// docs/methods/queueing.md.
#include <gtest/gtest.h>

#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "sim/serving/station.h"
#include "sim/streams.h"

namespace gatewright::sim {
namespace {

constexpr std::size_t kReplications = 32;
constexpr double kComparisons = 200.0;
constexpr double kInfinite = std::numeric_limits<double>::infinity();

double times() {
  const char* given = std::getenv("GATEWRIGHT_QUEUEING_TIMES");
  return given == nullptr ? 1.0 : std::max(1.0, std::atof(given));
}

/// Customers per cell.
double customers(double rho) {
  if (rho > 0.92) return 6e6 * times();
  if (rho > 0.85) return 2.5e6 * times();
  return (rho > 0.65 ? 1e6 : 4e5) * times();
}

/// One number per replication.
class Replicated {
 public:
  void add(double value) { values_.push_back(value); }
  void expect(double exact, double widest, const std::string& what) const {
    const auto n = static_cast<double>(values_.size());
    const double mean = std::accumulate(values_.begin(), values_.end(), 0.0) / n;
    double squares = 0.0;
    for (const double value : values_) squares += (value - mean) * (value - mean);
    const double error = std::sqrt(squares / (n - 1.0) / n);
    const boost::math::students_t law(n - 1.0);
    const double half = error * boost::math::quantile(law, 1.0 - 0.01 / kComparisons / 2.0);
    EXPECT_NEAR(mean, exact, half) << what;
    EXPECT_LE(half, widest * exact) << what;
  }

 private:
  std::vector<double> values_;
};

/// Draws of a stream, in blocks: fill_exponential (mean 1) or fill_normal.
template <void (Stream::*fill)(std::span<double>)>
class Drawn {
 public:
  explicit Drawn(Stream stream) : stream_(stream), block_(512), next_(block_.size()) {}
  double operator()() {
    if (next_ == block_.size()) {
      (stream_.*fill)(block_);
      next_ = 0;
    }
    return block_[next_++];
  }

 private:
  Stream stream_;
  std::vector<double> block_;
  std::size_t next_;
};
using Exponentials = Drawn<&Stream::fill_exponential>;
using Normals = Drawn<&Stream::fill_normal>;

/// Service of mean 1.
struct Service {
  enum class Law { exponential, fixed, lognormal } law = Law::exponential;
  double sigma = 0.0;  ///< lognormal
  [[nodiscard]] double squared_variation() const {
    if (law == Law::exponential) return 1.0;
    return law == Law::fixed ? 0.0 : std::exp(sigma * sigma) - 1.0;
  }
};

struct Queue {
  ServingPool pool;
  double servers = 1.0;
  double rho = 0.5;
  Service service{};
  double mean_patience = kInfinite;  ///< exponential
};

ServingPool pool(std::uint32_t replicas, std::uint32_t concurrency, double slowdown = 0.0) {
  ServingPool pool;
  pool.replicas = replicas;
  pool.concurrency = concurrency;
  pool.batch_slowdown = slowdown;
  pool.queue = std::numeric_limits<std::uint32_t>::max();
  return pool;
}

/// c servers, as replicas, as slots of replicas whose batches slow nobody, and as one replica.
ServingPool servers(std::uint32_t c) {
  if (c == 16) return pool(4, 4);
  return c == 64 ? pool(1, 64) : pool(c, 1);
}

struct Customer {
  double service = 0.0;
  double wait = 0.0;
  double sojourn = 0.0;
  JobEnd end = JobEnd::answered;
};

/// The relative half-width of an interval that a test still accepts.
double widest(double rho) { return rho > 0.92 ? 0.18 : rho > 0.85 ? 0.14 : 0.1; }

/// Plays one replication; `see` is told of each customer after the warm-up. Checks Little's law.
template <typename See>
void replicate(const Queue& queue, std::uint64_t replication, See see) {
  const double rate = queue.rho * queue.servers;
  const double root = 1.0 - std::sqrt(std::min(queue.rho, 0.95));
  const double relaxation = (1.0 + queue.service.squared_variation()) / 2.0 / (root * root);
  const auto skipped = static_cast<std::uint64_t>(10.0 * relaxation * rate / queue.servers) + 100;
  const auto count = static_cast<std::uint64_t>(customers(queue.rho) / kReplications) + skipped;
  Exponentials gaps(Stream({29, replication, "test.gaps", 0}));
  Exponentials exponentials(Stream({29, replication, "test.service", 0}));
  Normals normals(Stream({29, replication, "test.service", 1}));
  Exponentials patience(Stream({29, replication, "test.patience", 0}));

  Station station(queue.pool);
  std::vector<Customer> under_way(1 << 16);
  std::vector<double> arrived(1 << 16);
  double sojourns = 0.0;
  const auto drain = [&] {
    for (const EndedJob& ended : station.ended()) {
      Customer& one = under_way[ended.tag];
      one.wait = ended.waited_seconds;
      one.sojourn = ended.at_seconds - arrived[ended.tag];
      one.end = ended.end;
      sojourns += one.sojourn;
      if (ended.sequence > skipped) see(one);
    }
    station.forget_ended();
  };
  double at = 0.0;
  for (std::uint64_t i = 0; i < count; ++i) {
    at += gaps() / rate;
    double work = 1.0;
    if (queue.service.law == Service::Law::exponential) work = exponentials();
    if (queue.service.law == Service::Law::lognormal)
      work = std::exp(queue.service.sigma * normals() -
                      0.5 * queue.service.sigma * queue.service.sigma);
    const auto tag = static_cast<std::uint32_t>(i % under_way.size());
    under_way[tag] = {.service = work};
    arrived[tag] = at;
    station.arrive({.at_seconds = at,
                    .work = work,
                    .patience_seconds = queue.mean_patience * patience(),
                    .tag = tag});
    drain();
    ASSERT_LT(station.waiting() + station.running(), under_way.size() / 2);
  }
  station.run_out();
  drain();
  const double in_system = station.use().busy_slot_seconds + station.use().waiting_seconds;
  ASSERT_NEAR(in_system / sojourns, 1.0, 1e-9) << "Little's law, to rounding";
}

/// Means, and shares beyond given quantiles, of waits and sojourns.
struct Exact {
  double mean_wait = 0.0;
  double beyond_wait[2] = {0.05, 0.01};  ///< P(wait > w)
  double wait[2] = {kInfinite, kInfinite};
  double sojourn[2] = {kInfinite, kInfinite};  ///< p95, p99
};
/// `widest`: relative, of means; of quantiles the same, as the tails are nearly exponential: scaled by
/// a, the share p beyond a quantile becomes p^(1/a), which is ln(1/p) times as far away.
void compare(const Queue& queue, const Exact& exact, double widest, const std::string& name) {
  Replicated mean_wait, mean_sojourn;
  Replicated wait[2], sojourn[2];
  for (std::uint64_t replication = 0; replication < kReplications; ++replication) {
    double n = 0.0, waits = 0.0, sojourns = 0.0;
    double beyond[2] = {}, longer[2] = {};
    replicate(queue, replication, [&](const Customer& one) {
      n += 1.0;
      waits += one.wait;
      sojourns += one.sojourn;
      for (int q = 0; q < 2; ++q) {
        beyond[q] += one.wait > exact.wait[q] ? 1.0 : 0.0;
        longer[q] += one.sojourn > exact.sojourn[q] ? 1.0 : 0.0;
      }
    });
    mean_wait.add(waits / n);
    mean_sojourn.add(sojourns / n);
    for (int q = 0; q < 2; ++q) {
      wait[q].add(beyond[q] / n);
      sojourn[q].add(longer[q] / n);
    }
  }
  const double limits[2] = {widest * std::log(20.0), widest * std::log(100.0)};
  mean_wait.expect(exact.mean_wait, widest, name + ": mean wait");
  mean_sojourn.expect(exact.mean_wait + 1.0, widest, name + ": mean sojourn");
  for (int q = 0; q < 2; ++q) {
    const std::string which = q == 0 ? "p95" : "p99";
    if (exact.wait[q] > 0.0 && exact.wait[q] < kInfinite)
      wait[q].expect(exact.beyond_wait[q], limits[q], name + ": " + which + " of waits");
    if (exact.sojourn[q] < kInfinite)
      sojourn[q].expect(q == 0 ? 0.05 : 0.01, limits[q], name + ": " + which + " of sojourns");
  }
}

// ---- M/M/c: Erlang (1917); the numbers were computed by another program ----

/// P(wait > 0) by the recursion over Erlang's B.
double erlang_c(double c, double offered) {
  double b = 1.0;
  for (double k = 1.0; k <= c; k += 1.0) b = offered * b / (k + offered * b);
  const double rho = offered / c;
  return b / (1.0 - rho * (1.0 - b));
}
/// P(sojourn > t): a sum of an exponential service and a wait that is 0 or exponential.
double longer_than(double t, double c, double offered) {
  const double wait = erlang_c(c, offered);
  const double spare = c - offered;
  if (std::abs(spare - 1.0) < 1e-12) return std::exp(-t) * (1.0 + wait * t);
  return std::exp(-t) + wait * (std::exp(-t) - std::exp(-spare * t)) / (spare - 1.0);
}

struct MMcRow {
  double c, rho, erlang_c, mean_wait, wait95, wait99, sojourn95, sojourn99;
};
constexpr MMcRow kMMc[] = {
    {1, 0.5, 0.500000, 1.000000, 4.605170, 7.824046, 5.991465, 9.210340},
    {1, 0.8, 0.800000, 4.000000, 13.862944, 21.910133, 14.978661, 23.025851},
    {1, 0.9, 0.900000, 9.000000, 28.903718, 44.998097, 29.957323, 46.051702},
    {1, 0.95, 0.950000, 19.000000, 58.888780, 91.077538, 59.914645, 92.103404},
    {4, 0.5, 0.173913, 0.086957, 0.623266, 1.427985, 3.149704, 4.764248},
    {4, 0.8, 0.596432, 0.745541, 3.098679, 5.110476, 4.738019, 6.893204},
    {4, 0.9, 0.787753, 1.969383, 6.892905, 10.916500, 8.165525, 12.193167},
    {4, 0.95, 0.891419, 4.457095, 14.403958, 22.451147, 15.519673, 23.566865},
    {16, 0.5, 0.009019, 0.001127, 0.000000, 0.000000, 2.997020, 4.606458},
    {16, 0.8, 0.304884, 0.095276, 0.564971, 1.067921, 3.125392, 4.734952},
    {16, 0.9, 0.591343, 0.369590, 1.543984, 2.549882, 3.623543, 5.269835},
    {16, 0.95, 0.780192, 0.975241, 3.434397, 5.446194, 5.051483, 7.216606},
    {64, 0.5, 0.000000, 0.000000, 0.000000, 0.000000, 2.995732, 4.605170},
    {64, 0.8, 0.056056, 0.004379, 0.008932, 0.134670, 3.000472, 4.609909},
    {64, 0.9, 0.310663, 0.048541, 0.285420, 0.536894, 3.051669, 4.661106},
    {64, 0.95, 0.588011, 0.183753, 0.770226, 1.273175, 3.232431, 4.842036},
};

TEST(Queueing, TheTableIsErlangs) {
  for (const MMcRow& row : kMMc) {
    const double offered = row.rho * row.c;
    const double wait = erlang_c(row.c, offered);
    EXPECT_NEAR(wait, row.erlang_c, 5e-7);
    EXPECT_NEAR(wait / (row.c - offered), row.mean_wait, 5e-7);
    if (row.wait95 > 0.0) {
      EXPECT_NEAR(wait * std::exp(-(row.c - offered) * row.wait95), 0.05, 1e-6);
    }
    if (row.wait99 > 0.0) {
      EXPECT_NEAR(wait * std::exp(-(row.c - offered) * row.wait99), 0.01, 1e-6);
    }
    EXPECT_NEAR(longer_than(row.sojourn95, row.c, offered), 0.05, 1e-7);
    EXPECT_NEAR(longer_than(row.sojourn99, row.c, offered), 0.01, 1e-7);
  }
}

TEST(Queueing, MMcWaitsAsErlangSays) {
  for (const MMcRow& row : kMMc) {
    if (row.erlang_c < 0.001) continue;  // hardly anybody waits: the next test
    const Queue queue{
        .pool = servers(static_cast<std::uint32_t>(row.c)), .servers = row.c, .rho = row.rho};
    // Where few wait the mean wait is that of few.
    compare(queue,
            {.mean_wait = row.mean_wait,
             .wait = {row.wait95, row.wait99},
             .sojourn = {row.sojourn95, row.sojourn99}},
            row.erlang_c < 0.1 ? 0.4
            : row.c > 4        ? 0.17
                               : widest(row.rho),
            "M/M/" + std::to_string(row.c) + " at " + std::to_string(row.rho));
  }
}

TEST(Queueing, NobodyWaitsWhereServersAreMany) {
  const Queue queue{.pool = servers(64), .servers = 64.0, .rho = 0.5};
  EXPECT_LT(erlang_c(64.0, 32.0), 1e-6);
  std::uint64_t waited = 0;
  for (std::uint64_t replication = 0; replication < 4; ++replication)
    replicate(queue, replication, [&](const Customer& one) { waited += one.wait > 0.0 ? 1U : 0U; });
  EXPECT_EQ(waited, 0U);
}

// ---- one server, other services: Pollaczek and Khinchine ----

TEST(Queueing, MD1WaitsAsPollaczekAndKhinchineSay) {
  struct Row {
    double rho, mean_wait, wait95, wait99, sojourn95, sojourn99;
  };
  // Quantiles from the distribution of Erlang (1909): F(t) = (1 - rho) sum_k [rho (k - t)]^k
  // e^(-rho (k - t)) / k!, k <= t; computed by another program.
  constexpr Row kRows[] = {{0.5, 0.5, 2.05064, 3.33626, 3.05064, 4.33626},
                           {0.8, 2.0, 6.62032, 10.35589, 7.62032, 11.35589},
                           {0.9, 4.5, 14.12867, 21.89824, 15.12867, 22.89824},
                           {0.95, 9.5, 29.11620, 44.93777, 30.11620, 45.93777}};
  for (const Row& row : kRows) {
    EXPECT_NEAR(row.rho / (2.0 * (1.0 - row.rho)), row.mean_wait, 1e-12);
    compare({.pool = pool(1, 1), .rho = row.rho, .service = {Service::Law::fixed}},
            {.mean_wait = row.mean_wait,
             .wait = {row.wait95, row.wait99},
             .sojourn = {row.sojourn95, row.sojourn99}},
            widest(row.rho), "M/D/1 at " + std::to_string(row.rho));
  }
}

TEST(Queueing, LognormalServiceWaitsAsPollaczekAndKhinchineSay) {
  struct Row {
    double sigma, rho, sojourn95, sojourn99;
  };
  // Quantiles by numerical inversion (FFT), another program.
  constexpr Row kRows[] = {
      {0.5, 0.5, 3.9910, 5.9005},    {0.5, 0.8, 9.7825, 14.7955},    {0.5, 0.9, 19.4031, 29.5845},
      {0.5, 0.95, 38.6376, 59.1529}, {1.0, 0.5, 8.1853, 15.1947},    {1.0, 0.8, 21.5102, 35.4666},
      {1.0, 0.9, 42.3557, 66.9253},  {1.0, 0.95, 83.2774, 129.3124}, {1.5, 0.5, 24.6588, 66.2308}};
  for (const Row& row : kRows) {
    const Service service{Service::Law::lognormal, row.sigma};
    const double mean = row.rho * (1.0 + service.squared_variation()) / (2.0 * (1.0 - row.rho));
    // Heavier tails, wider intervals.
    const double widest = row.sigma > 1.2 ? 0.5 : row.rho > 0.92 ? 0.3 : 0.12;
    compare({.pool = pool(1, 1), .rho = row.rho, .service = service},
            {.mean_wait = mean, .sojourn = {row.sojourn95, row.sojourn99}}, widest,
            "M/G/1, lognormal " + std::to_string(row.sigma) + " at " + std::to_string(row.rho));
  }
}

// ---- processor sharing ----

TEST(Queueing, SharingIsInsensitiveToTheLawOfService) {
  // M/G/1-PS: E[sojourn | service x] = x / (1 - rho) whatever the law (Sakata, Noguchi and Oizumi,
  // 1969): so the mean ratio of the two is 1 / (1 - rho), for short services and for long ones.
  for (const double rho : {0.5, 0.8, 0.9}) {
    for (const Service service : {Service{Service::Law::exponential}, Service{Service::Law::fixed},
                                  Service{Service::Law::lognormal, 1.0}}) {
      const Queue queue{.pool = pool(1, 1'000'000, 1.0), .rho = rho, .service = service};
      Replicated shorter, longer;
      for (std::uint64_t replication = 0; replication < kReplications; ++replication) {
        double n[2] = {}, ratios[2] = {};
        replicate(queue, replication, [&](const Customer& one) {
          const int which = one.service < 0.7 ? 0 : 1;
          n[which] += 1.0;
          ratios[which] += one.sojourn / one.service;
        });
        if (n[0] > 0.0) shorter.add(ratios[0] / n[0]);
        longer.add(ratios[1] / n[1]);
      }
      const std::string name =
          "at " + std::to_string(rho) + ", law " + std::to_string(static_cast<int>(service.law));
      if (service.law != Service::Law::fixed)
        shorter.expect(1.0 / (1.0 - rho), 0.08, "short services " + name);
      longer.expect(1.0 / (1.0 - rho), 0.08, "long services " + name);
    }
  }
}

// ---- losses ----

/// Share of requests that end so, per replication.
Replicated shares(const Queue& queue, JobEnd how) {
  Replicated result;
  for (std::uint64_t replication = 0; replication < kReplications; ++replication) {
    double n = 0.0, so = 0.0;
    replicate(queue, replication, [&](const Customer& one) {
      n += 1.0;
      so += one.end == how ? 1.0 : 0.0;
    });
    result.add(so / n);
  }
  return result;
}

TEST(Queueing, RejectsAsErlangsBSaysWhateverTheService) {
  double b = 1.0;
  for (double k = 1.0; k <= 16.0; k += 1.0) b = 12.8 * b / (k + 12.8 * b);
  for (const Service service :
       {Service{Service::Law::exponential}, Service{Service::Law::lognormal, 1.0}}) {
    Queue queue{.pool = pool(4, 4), .servers = 16.0, .rho = 0.8, .service = service};
    queue.pool.queue = 0;
    shares(queue, JobEnd::rejected).expect(b, 0.05, "Erlang B");
  }
}

TEST(Queueing, RejectsBeyondAFiniteQueue) {
  // M/M/1/K: the share (1 - rho) rho^K / (1 - rho^(K + 1)) finds K in the system, here 1 + 7.
  Queue queue{.pool = pool(1, 1), .rho = 0.9};
  queue.pool.queue = 7;
  const double blocked = 0.1 * std::pow(0.9, 8.0) / (1.0 - std::pow(0.9, 9.0));
  shares(queue, JobEnd::rejected).expect(blocked, 0.05, "M/M/1/8");
}

TEST(Queueing, GivesUpAtTheRateOfTheImpatient) {
  // M/M/1 in which everybody present leaves at rate theta, waiting or not: a birth-death chain with
  // deaths at mu + n theta beyond the first, and theta L / lambda of the customers give up.
  const double lambda = 0.95, theta = 0.1;
  double weight = 1.0, total = 1.0, first = 0.0;
  for (double n = 1.0; n < 400.0; n += 1.0) {
    weight *= lambda / (1.0 + n * theta);
    total += weight;
    first += n * weight;
  }
  const double given_up = theta * (first / total) / lambda;
  const Queue queue{.pool = pool(1, 1), .rho = lambda, .mean_patience = 1.0 / theta};
  shares(queue, JobEnd::given_up).expect(given_up, 0.05, "M/M/1 with patience");
}

}  // namespace
}  // namespace gatewright::sim
