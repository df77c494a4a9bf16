// The rank interval by Brent's method, and Kayenta's classification.
// Used by the gate test kayenta.
// Never allocates: series are sorted in place on the stack.
#include "policies/gates/kayenta_judgement.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "policies/gates/numerics.h"

namespace gatewright {
namespace {

using Sorted = std::span<const double>;

/// Ranks of (x - shift) among (x - shift) and y.
struct Ranks {
  double of_experiment = 0.0;  ///< sum, ties averaged
  double ties = 0.0;           ///< sum of t^3 - t
};

Ranks ranks(Sorted x, Sorted y, double shift) noexcept {
  Ranks result;
  std::size_t i = 0, j = 0;
  double seen = 0.0;
  while (i < x.size() || j < y.size()) {
    const double next_x = i < x.size() ? x[i] - shift : std::numeric_limits<double>::infinity();
    const double next_y = j < y.size() ? y[j] : std::numeric_limits<double>::infinity();
    const double value = std::min(next_x, next_y);
    double of_x = 0.0, tied = 0.0;
    for (; i < x.size() && x[i] - shift == value; ++i) of_x += 1.0, tied += 1.0;
    for (; j < y.size() && y[j] == value; ++j) tied += 1.0;
    result.of_experiment += of_x * (seen + 0.5 * (tied + 1.0));
    result.ties += tied * tied * tied - tied;
    seen += tied;
  }
  return result;
}

/// The standardised rank sum at a shift, less z; nothing where ties leave no variance.
std::optional<double> excess(Sorted x, Sorted y, double shift, double z) noexcept {
  const double m = static_cast<double>(x.size()), n = static_cast<double>(y.size());
  const auto [sum, ties] = ranks(x, y, shift);
  const double dz = sum - m * (m + 1.0) / 2.0 - m * n / 2.0;
  const double sign = dz > 0.0 ? 1.0 : dz < 0.0 ? -1.0 : 0.0;
  const double variance = m * n / 12.0 * ((m + n + 1.0) - ties / ((m + n) * (m + n - 1.0)));
  if (!(variance > 0.0)) return std::nullopt;
  return (dz - 0.5 * sign) / std::sqrt(variance) - z;
}

/// Brent, Algorithms for Minimization without Derivatives (1973), chapter 4, with R's stopping rule
/// and tolerance: what it answers within the tolerance is part of Kayenta's verdict.
template <typename Function>
std::optional<double> zero_in(double left, double right, const Function& function) noexcept {
  constexpr double kTolerance = 1e-4;
  constexpr int kStepsMax = 1000;
  double a = left, b = right;
  const auto at_left = function(left), at_right = function(right);
  if (!at_left || !at_right) return std::nullopt;
  double fa = *at_left, fb = *at_right;
  if (fa == 0.0) return a;
  if (fb == 0.0) return b;
  double c = a, fc = fa;
  for (int step = 0; step <= kStepsMax; ++step) {
    const double before = b - a;
    if (std::abs(fc) < std::abs(fb)) {
      a = b, b = c, c = a;
      fa = fb, fb = fc, fc = fa;
    }
    const double tolerance =
        2.0 * std::numeric_limits<double>::epsilon() * std::abs(b) + kTolerance / 2.0;
    double next = (c - b) / 2.0;
    if (std::abs(next) <= tolerance || fb == 0.0) return b;
    if (std::abs(before) >= tolerance && std::abs(fa) > std::abs(fb)) {
      const double cb = c - b;
      double p = 0.0, q = 0.0;
      if (a == c) {
        const double t = fb / fa;
        p = cb * t;
        q = 1.0 - t;
      } else {
        const double u = fa / fc, t = fb / fc, s = fb / fa;
        p = s * (cb * u * (u - t) - (b - a) * (t - 1.0));
        q = (u - 1.0) * (t - 1.0) * (s - 1.0);
      }
      if (p > 0.0) {
        q = -q;
      } else {
        p = -p;
      }
      if (p < 0.75 * cb * q - std::abs(tolerance * q) / 2.0 && p < std::abs(before * q / 2.0))
        next = p / q;
    }
    if (std::abs(next) < tolerance) next = next > 0.0 ? tolerance : -tolerance;
    a = b, fa = fb;
    b += next;
    const auto at_b = function(b);
    if (!at_b) return std::nullopt;
    fb = *at_b;
    if ((fb > 0.0 && fc > 0.0) || (fb < 0.0 && fc < 0.0)) c = a, fc = fa;
  }
  return std::nullopt;
}

double mean(Sorted values) noexcept {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// A fresh sorted copy; constant series are spread by 1e-5 of the value, as normal noise would.
class SortedCopy {
 public:
  explicit SortedCopy(std::span<const double> values) noexcept
      : count_(std::min(values.size(), kKayentaReadingsMax)) {
    std::copy_n(values.begin(), count_, values_.begin());
    std::sort(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(count_));
  }
  [[nodiscard]] Sorted view() const noexcept { return {values_.data(), count_}; }
  [[nodiscard]] bool is_constant() const noexcept { return values_[0] == values_[count_ - 1]; }
  void spread() noexcept {
    const double value = values_[0];
    for (std::size_t i = 0; i < count_; ++i) {
      const double above = (static_cast<double>(i) + 0.5) / static_cast<double>(count_);
      values_[i] = value - std::abs(value) * 1e-5 * gates::normal_quantile_above(above);
    }
    std::sort(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(count_));
  }

 private:
  std::array<double, kKayentaReadingsMax> values_{};
  std::size_t count_;
};

}  // namespace

ShiftInterval shift_interval(Sorted x, Sorted y, double confidence) noexcept {
  const double low = x.front() - y.back(), high = x.back() - y.front();
  const double z = gates::normal_quantile_above(0.5 * (1.0 - confidence));
  const auto limit = [&](double at) -> std::optional<double> {
    const auto at_low = excess(x, y, low, at);
    if (!at_low) return std::nullopt;
    if (*at_low <= 0.0) return low;
    const auto at_high = excess(x, y, high, at);
    if (!at_high) return std::nullopt;
    if (*at_high >= 0.0) return high;
    return zero_in(low, high, [&](double shift) { return excess(x, y, shift, at); });
  };
  const auto lower = limit(z);
  const auto upper = limit(-z);
  const auto estimate = zero_in(low, high, [&](double shift) { return excess(x, y, shift, 0.0); });
  if (!lower || !upper || !estimate) return {};
  return {.lower = *lower, .upper = *upper, .estimate = *estimate, .exists = true};
}

KayentaJudgement judge(const KayentaSeries& series, const KayentaSettings& settings) noexcept {
  using Direction = KayentaSettings::Direction;
  if (series.control.empty() || series.experiment.empty())
    return {.result = KayentaClass::no_data, .critical = settings.critical};
  SortedCopy control(series.control), experiment(series.experiment);
  const double mean_c = mean(series.control), mean_e = mean(series.experiment);
  KayentaJudgement judgement;
  const bool is_identical = std::ranges::equal(control.view(), experiment.view());
  judgement.ratio = is_identical                     ? 1.0
                    : mean_c == 0.0 || mean_e == 0.0 ? std::numeric_limits<double>::quiet_NaN()
                                                     : mean_e / mean_c;
  if (is_identical) return judgement;
  if (control.is_constant() && experiment.is_constant()) {
    if (control.view()[0] == experiment.view()[0]) return judgement;
    control.spread();
    experiment.spread();
  }
  const ShiftInterval interval =
      shift_interval(experiment.view(), control.view(), settings.confidence);
  if (!interval.exists) {
    judgement.result = KayentaClass::error;
    return judgement;
  }
  judgement.lower = interval.lower;
  judgement.upper = interval.upper;
  judgement.estimate = interval.estimate;
  double effect = judgement.ratio;
  if (settings.measure == KayentaSettings::Measure::cles) {
    const double m = static_cast<double>(experiment.view().size());
    const double n = static_cast<double>(control.view().size());
    const double sum = ranks(experiment.view(), control.view(), 0.0).of_experiment;
    effect = (2.0 * sum - m * (m + 1.0)) / (2.0 * m * n);
  }
  const double bound = settings.tolerance * std::abs(interval.estimate);
  const bool no_effect = std::isnan(effect);
  if (settings.direction != Direction::decrease && interval.lower > bound &&
      (no_effect || effect >= settings.allowed_increase)) {
    judgement.result = KayentaClass::high;
    judgement.critical = settings.critical && (no_effect || effect >= settings.critical_increase);
  } else if (settings.direction != Direction::increase && interval.upper < -bound &&
             (no_effect || effect <= settings.allowed_decrease)) {
    judgement.result = KayentaClass::low;
    judgement.critical = settings.critical && (no_effect || effect <= settings.critical_decrease);
  }
  return judgement;
}

}  // namespace gatewright
