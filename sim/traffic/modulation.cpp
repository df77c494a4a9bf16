#include "sim/traffic/modulation.h"

#include <algorithm>
#include <cmath>

#include "sim/seconds.h"

namespace gatewright::sim {
namespace {

constexpr int kStepsPerCorrelationTime = 16;
constexpr double kMostLogVariance = 50.0;

/// The mean of e^(-|x - y|) over x and y in [0, a].
double within(double a) noexcept {
  if (a < 1e-3) return 1.0 - a / 3.0 + a * a / 12.0;  // where the difference below has no digits
  return 2.0 * (a + std::expm1(-a)) / (a * a);
}

/// The mean of e^(-(y - x)) over x in [0, a] and y in [a, 2a].
double between(double a) noexcept {
  const double share = a < 1e-9 ? 1.0 : -std::expm1(-a) / a;
  return share * share;
}

template <typename Mean>
double series(double log_variance, const Averaging& averaging, Mean mean) noexcept {
  const double a = averaging.over_seconds / averaging.correlation_seconds;
  double power = 1.0;
  double sum = 0.0;
  for (int k = 1; k < 400; ++k) {
    power *= log_variance / k;
    const double term = power * mean(k * a);
    sum += term;
    if (k > log_variance && term < 1e-15 * sum) break;
  }
  return sum;
}

}  // namespace

double averaged_variance(double log_variance, const Averaging& averaging) noexcept {
  return series(log_variance, averaging, within);
}

double lagged_covariance(double log_variance, const Averaging& averaging, int lag) noexcept {
  return series(log_variance, averaging,
                [lag](double a) { return std::exp(-(lag - 1.0) * a) * between(a); });
}

double log_variance(double averaged_cv, const Averaging& averaging) noexcept {
  const double wanted = averaged_cv * averaged_cv;
  double low = 0.0;
  double high = kMostLogVariance;
  for (int i = 0; i < 100 && low < high; ++i) {
    const double middle = 0.5 * (low + high);
    (averaged_variance(middle, averaging) < wanted ? low : high) = middle;
  }
  return averaged_cv > 0.0 ? high : 0.0;
}

Modulation::Modulation(StreamName name, double log_variance, Duration correlation_time)
    : name_(name),
      sigma_(std::sqrt(log_variance)),
      step_(std::max<Duration>(Duration(1), correlation_time / kStepsPerCorrelationTime)),
      persistence_(std::exp(-to_seconds(step_) / to_seconds(correlation_time))),
      innovation_(std::sqrt(1.0 - persistence_ * persistence_)) {}

void Modulation::start(RunKey key) noexcept {
  key_ = key;
  next_ = 0;
  draws_ = 0;
}

double Modulation::at(std::uint64_t index) noexcept {
  for (; next_ <= index; ++next_) {
    const std::size_t place = next_ % kBlock;
    if (place == 0) {
      Stream stream({key_.seed, key_.replication, name_, next_ / kBlock});
      stream.fill_normal(fresh_);
      draws_ += stream.draws();
    }
    x_ = next_ == 0 ? fresh_[0] : persistence_ * x_ + innovation_ * fresh_[place];
  }
  return std::exp(sigma_ * x_ - 0.5 * sigma_ * sigma_);
}

}  // namespace gatewright::sim
