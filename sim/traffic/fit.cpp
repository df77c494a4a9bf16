#include "sim/traffic/fit.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <optional>
#include <utility>

#include "sim/seconds.h"
#include "sim/streams.h"
#include "sim/traffic/arrivals.h"
#include "sim/traffic/modulation.h"
#include "sim/traffic/profiles.h"

namespace gatewright::sim {
namespace {

constexpr double kSlowNeedsSeconds = 12.0 * 3600.0;
constexpr double kFastNeedsSeconds = 600.0;
constexpr double kDaySeconds = 86'400.0;
constexpr std::array kDispersionSeconds{1.0, 10.0, 60.0};

// ---- tokens ----

constexpr std::size_t kGridPointsMost = 64;

/// The law of whole numbers through as few of its own points as describe it: always the one that the
/// points so far miss by most, until they miss none by more than a sample of this size would. A point
/// lies half a token above its value, where rounding draws the line, so that values that many
/// prompts share keep their share.
QuantileGrid grid_of(std::vector<double> values) {
  std::ranges::sort(values);
  const auto count = static_cast<double>(values.size());
  std::vector<double> at{std::log(values.front() - 0.5)};
  std::vector<double> below{0.0};
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i + 1 < values.size() && values[i + 1] == values[i]) continue;
    at.push_back(std::log(values[i] + 0.5));
    below.push_back(static_cast<double>(i + 1) / count);
  }
  const double negligible = 0.5 / std::sqrt(count);
  std::vector<std::size_t> points{0, at.size() - 1};
  while (points.size() < kGridPointsMost) {
    double largest = negligible;
    std::optional<std::size_t> farthest;
    for (std::size_t k = 1; k < points.size(); ++k) {
      const std::size_t from = points[k - 1];
      const std::size_t to = points[k];
      const double slope = (below[to] - below[from]) / (at[to] - at[from]);
      for (std::size_t i = from + 1; i < to; ++i) {
        const double miss = std::abs(below[from] + slope * (at[i] - at[from]) - below[i]);
        if (miss > largest) {
          largest = miss;
          farthest = i;
        }
      }
    }
    if (!farthest) break;
    points.insert(std::ranges::lower_bound(points, *farthest), *farthest);
  }
  QuantileGrid grid;
  for (const std::size_t point : points) {
    grid.probabilities.push_back(std::round(1e5 * below[point]) / 1e5);  // as it is written
    grid.values.push_back(std::round(2.0 * std::exp(at[point])) / 2.0);
  }
  return grid;
}

/// Ranks, equal values sharing the mean of theirs.
std::vector<double> ranks_of(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&values](std::size_t i) { return values[i]; });
  std::vector<double> ranks(values.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t end = i;
    while (end < order.size() && values[order[end]] == values[order[i]]) ++end;
    for (std::size_t k = i; k < end; ++k) ranks[order[k]] = 0.5 * static_cast<double>(i + end - 1);
    i = end;
  }
  return ranks;
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const auto count = static_cast<double>(a.size());
  const double mean_a = std::reduce(a.begin(), a.end()) / count;
  const double mean_b = std::reduce(b.begin(), b.end()) / count;
  double product = 0.0;
  double square_a = 0.0;
  double square_b = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    product += (a[i] - mean_a) * (b[i] - mean_b);
    square_a += (a[i] - mean_a) * (a[i] - mean_a);
    square_b += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return square_a > 0.0 && square_b > 0.0 ? product / std::sqrt(square_a * square_b) : 0.0;
}

/// The recording against as many draws of the law.
TokenMisfit misfit_of(std::vector<double> recorded, const TokenLaw& law, const StreamKey& key) {
  std::vector<double> drawn(recorded.size());
  Stream(key).fill_normal(drawn);
  for (double& value : drawn) value = tokens_at(law, value);
  std::ranges::sort(recorded);
  std::ranges::sort(drawn);
  const auto count = static_cast<double>(recorded.size());
  double distance = 0.0;
  std::size_t i = 0;
  std::size_t k = 0;
  while (i < recorded.size() && k < drawn.size()) {
    const double value = std::min(recorded[i], drawn[k]);
    while (i < recorded.size() && recorded[i] == value) ++i;
    while (k < drawn.size() && drawn[k] == value) ++k;
    distance =
        std::max(distance, std::abs(static_cast<double>(i) - static_cast<double>(k)) / count);
  }
  constexpr double kOnceInTwenty = 1.3581;  // c with 2 exp(-2 c^2) = 0.05
  return {distance, kOnceInTwenty * std::sqrt(2.0 / count)};
}

// ---- counts ----

std::vector<double> counts_over(std::span<const double> times, double length_seconds,
                                double span_seconds) {
  std::vector<double> counts(static_cast<std::size_t>(span_seconds / length_seconds));
  for (const double at : times) {
    const auto cell = static_cast<std::size_t>(at / length_seconds);
    if (cell < counts.size()) ++counts[cell];
  }
  return counts;
}

double mean_of(const std::vector<double>& counts) {
  return std::reduce(counts.begin(), counts.end()) / static_cast<double>(counts.size());
}

/// Covariance of counts `lag` apart, as a share of the squared mean.
double covariance_of(const std::vector<double>& counts, std::size_t lag) {
  const double mean = mean_of(counts);
  double sum = 0.0;
  for (std::size_t i = lag; i < counts.size(); ++i)
    sum += (counts[i] - mean) * (counts[i - lag] - mean);
  return sum / static_cast<double>(counts.size() - lag) / (mean * mean);
}

double dispersion_of(const std::vector<double>& counts) {
  const double mean = mean_of(counts);
  return mean > 0.0 && counts.size() > 1
             ? covariance_of(counts, 0) * mean * static_cast<double>(counts.size()) /
                   static_cast<double>(counts.size() - 1)
             : 0.0;
}

// ---- modulation ----

struct MeasuredModulation {
  double cv = 0.0;
  double correlation_seconds = 0.0;
};

/// From what lengths of counts a modulation is fitted.
struct Scale {
  double cv_seconds;      ///< whose variance sets its size
  double lag_seconds;     ///< whose covariances set its correlation time
  std::size_t lags_most;  ///< of those
};

/// What a recording shows of a modulation: moments about the recording's own mean, which are lower by
/// the variance of the mean.
class Visible {
 public:
  Visible(double log_variance, double correlation_seconds, double span_seconds)
      : log_variance_(log_variance),
        correlation_seconds_(correlation_seconds),
        of_mean_(averaged_variance(log_variance, {span_seconds, correlation_seconds})) {}
  [[nodiscard]] double variance(double over_seconds) const noexcept {
    return averaged_variance(log_variance_, {over_seconds, correlation_seconds_}) - of_mean_;
  }
  [[nodiscard]] double covariance(double over_seconds, std::size_t lag) const noexcept {
    return lagged_covariance(log_variance_, {over_seconds, correlation_seconds_},
                             static_cast<int>(lag)) -
           of_mean_;
  }

 private:
  double log_variance_;
  double correlation_seconds_;
  double of_mean_;
};

/// The s^2 whose visible variance is `wanted`; it rises with s^2.
double log_variance_for(double wanted, double over_seconds, double correlation_seconds,
                        double span_seconds) {
  double low = 0.0;
  double high = 8.0;
  for (int i = 0; i < 50; ++i) {
    const double middle = 0.5 * (low + high);
    (Visible(middle, correlation_seconds, span_seconds).variance(over_seconds) < wanted ? low
                                                                                        : high) =
        middle;
  }
  return 0.5 * (low + high);
}

/// Nothing where counts vary no more than those of a Poisson process beside `known`.
std::optional<MeasuredModulation> fit_modulation(std::span<const double> times, double span_seconds,
                                                 const Scale& scale, const Visible* known) {
  const std::vector<double> large = counts_over(times, scale.cv_seconds, span_seconds);
  const std::vector<double> small = counts_over(times, scale.lag_seconds, span_seconds);
  const double wanted = covariance_of(large, 0) - 1.0 / mean_of(large) -
                        (known != nullptr ? known->variance(scale.cv_seconds) : 0.0);
  if (!(wanted > 0.0)) return std::nullopt;
  const std::size_t lags = std::min(scale.lags_most, small.size() / 4);
  std::vector<double> measured;
  for (std::size_t lag = 1; lag <= lags; ++lag)
    measured.push_back(covariance_of(small, lag) -
                       (known != nullptr ? known->covariance(scale.lag_seconds, lag) : 0.0));

  MeasuredModulation best;
  double least = std::numeric_limits<double>::infinity();
  constexpr int kSteps = 60;
  const double shortest = 0.2 * scale.lag_seconds;
  const double longest = span_seconds / 4.0;
  for (int i = 0; i <= kSteps; ++i) {
    const double time = shortest * std::pow(longest / shortest, static_cast<double>(i) / kSteps);
    const double size = log_variance_for(wanted, scale.cv_seconds, time, span_seconds);
    const Visible candidate(size, time, span_seconds);
    double squares = 0.0;
    for (std::size_t lag = 1; lag <= lags; ++lag) {
      const double off = measured[lag - 1] - candidate.covariance(scale.lag_seconds, lag);
      squares += off * off;
    }
    if (squares < least) {
      least = squares;
      best = {std::sqrt(averaged_variance(size, {scale.cv_seconds, time})), time};
    }
  }
  return best;
}

/// To two digits, so that what is written is what is played.
double two_digits(double value) {
  if (!(value > 0.0)) return 0.0;
  const double unit = std::pow(10.0, std::floor(std::log10(value)) - 1.0);
  return std::round(value / unit) * unit;
}

Duration whole_seconds(double seconds) {
  return std::chrono::seconds(std::max<std::int64_t>(1, std::llround(seconds)));
}

class Fitter {
 public:
  Fitter(const Trace& trace, const std::string& profile, std::uint64_t seed)
      : trace_(trace), seed_(seed), defaults_(*find_profile(profile)) {
    fitted_.traffic.profile = profile;
    for (const TraceRow& row : trace.rows) {
      times_.push_back(row.at_seconds);
      input_.push_back(static_cast<double>(row.input_tokens));
      output_.push_back(static_cast<double>(row.output_tokens));
    }
  }

  FittedTraffic run() && {
    fit_tokens();
    fit_arrivals();
    compare_dispersion();
    return std::move(fitted_);
  }

 private:
  void fit_tokens() {
    Traffic& traffic = fitted_.traffic;
    traffic.input_tokens = grid_of(input_);
    traffic.output_tokens = grid_of(output_);
    fitted_.rank_correlation = correlation(ranks_of(input_), ranks_of(output_));
    traffic.token_correlation = std::clamp(
        std::round(200.0 * std::sin(std::numbers::pi / 6.0 * fitted_.rank_correlation)) / 100.0,
        -0.99, 0.99);
    fitted_.input = misfit_of(input_, *traffic.input_tokens, {seed_, 0, "fit.input", 0});
    fitted_.output = misfit_of(output_, *traffic.output_tokens, {seed_, 0, "fit.output", 0});
  }

  void note(const std::string& what, const std::string& why) {
    fitted_.notes.push_back(what + " left at the default of profile " +
                            std::string(defaults_.name) + ": " + why);
  }

  void fit_arrivals() {
    const double span = trace_.span_seconds;
    BurstyArrivals law = defaults_.arrivals;
    const double rate = static_cast<double>(times_.size()) / span;
    law.rate_per_second = std::round(6e3 * rate) / 6e3;  // a hundredth of a request a minute

    const Scale slow{kSlowAverageSeconds, kSlowAverageSeconds, 12};
    if (span < kSlowNeedsSeconds) {
      note("slow modulation", "it takes a recording of 12 hours");
    } else if (const auto found = fit_modulation(times_, span, slow, nullptr)) {
      law.slow = {two_digits(found->cv), whole_seconds(found->correlation_seconds)};
    } else {
      law.slow.cv = 0.0;
    }
    note("daily wave and level of the day", span < 2.0 * kDaySeconds
                                                ? "they take a recording of several days"
                                                : "they are not fitted");

    const Scale fast{kFastAverageSeconds, 10.0, 30};
    const double slow_time = to_seconds(*law.slow.correlation_time);
    const Visible known(log_variance(*law.slow.cv, {kSlowAverageSeconds, slow_time}), slow_time,
                        span);
    if (span < kFastNeedsSeconds) {
      note("fast modulation", "it takes a recording of 10 minutes");
    } else if (const auto found = fit_modulation(times_, span, fast, &known)) {
      law.fast = {two_digits(found->cv), whole_seconds(found->correlation_seconds)};
    } else {
      law.fast.cv = 0.0;
      fitted_.notes.push_back(
          "no fast modulation: counts vary no more than a Poisson process with the slow one");
    }
    fitted_.traffic.arrivals = law;
  }

  /// Plays the fitted arrivals as long as the recording, many times, without the wave and level of
  /// the day: the recording was made at one time of one day.
  void compare_dispersion() {
    constexpr std::uint64_t kSimulations = 100;
    Scenario scenario;
    scenario.traffic = fitted_.traffic;
    auto& law = std::get<BurstyArrivals>(scenario.traffic.arrivals);
    law.amplitude = law.second_harmonic = law.day_level_cv = 0.0;
    const MadeArrivals made = make_arrivals(scenario);
    const Population population({.count = 1});
    const auto cursor = made.process->cursor(population);
    const Duration length = std::chrono::nanoseconds(std::llround(1e9 * trace_.span_seconds));
    std::array<std::vector<double>, kDispersionSeconds.size()> simulated;
    ArrivalColumns columns;
    for (std::uint64_t replication = 0; replication < kSimulations; ++replication) {
      cursor->start({seed_, replication});
      cursor->next(length, columns);
      for (std::size_t k = 0; k < kDispersionSeconds.size(); ++k)
        simulated[k].push_back(dispersion_of(
            counts_over(columns.at_seconds, kDispersionSeconds[k], trace_.span_seconds)));
    }
    for (std::size_t k = 0; k < kDispersionSeconds.size(); ++k) {
      std::ranges::sort(simulated[k]);
      fitted_.dispersion.push_back(
          {.seconds = kDispersionSeconds[k],
           .measured =
               dispersion_of(counts_over(times_, kDispersionSeconds[k], trace_.span_seconds)),
           .fitted_median = simulated[k][kSimulations / 2],
           .fitted_p5 = simulated[k][kSimulations / 20],
           .fitted_p95 = simulated[k][kSimulations - 1 - kSimulations / 20]});
    }
  }

  const Trace& trace_;
  std::uint64_t seed_;
  const Profile& defaults_;
  std::vector<double> times_, input_, output_;
  FittedTraffic fitted_;
};

}  // namespace

FittedTraffic fit_traffic(const Trace& trace, const std::string& profile, std::uint64_t seed) {
  return Fitter(trace, profile, seed).run();
}

}  // namespace gatewright::sim
