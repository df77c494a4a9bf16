// A random factor of mean one that a rate is multiplied by: the exponential of an
// Ornstein-Uhlenbeck process. Used by RatePath and by fit; its path is a function of (seed,
// replication, step), never of the windows in which it is played.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "policies/time.h"
#include "sim/run.h"
#include "sim/streams.h"

namespace gatewright::sim {

/// The factor F(t) = exp(s x(t) - s^2 / 2), with x stationary, normal, of mean 0, variance 1 and
/// correlation e^(-|h| / correlation_time). Its covariance at lag h is exp(s^2 e^(-h/T)) - 1, and so
/// the variance of its average over a time w is
///   (2 / w^2) int_0^w (w - h) (exp(s^2 e^(-h/T)) - 1) dh = sum_k s^(2k) / k! g(k w / T),
///   g(a) = 2 (a - 1 + e^-a) / a^2
/// (the exponential's series, term by term).
struct Averaging {
  double over_seconds = 0.0;         ///< w
  double correlation_seconds = 0.0;  ///< T
};
/// Variance of the average, given s^2.
[[nodiscard]] double averaged_variance(double log_variance, const Averaging& averaging) noexcept;
/// Covariance of the averages over two times w that begin `lag` w apart, lag >= 1, given s^2:
/// sum_k s^(2k) / k! h(k w / T) with h(a) = e^(-(lag - 1) a) (1 - e^-a)^2 / a^2.
[[nodiscard]] double lagged_covariance(double log_variance, const Averaging& averaging,
                                       int lag) noexcept;
/// s^2 for which the average has that coefficient of variation, 0 to 10: the instantaneous factor
/// then has sqrt(e^(s^2) - 1).
[[nodiscard]] double log_variance(double averaged_cv, const Averaging& averaging) noexcept;

/// The factor, sampled exactly once in a sixteenth of its correlation time and held in between: that
/// moves the variance of averages by less than 0.1%.
class Modulation {
 public:
  Modulation(StreamName name, double log_variance, Duration correlation_time);

  /// Back to before step 0 of another replication.
  void start(RunKey key) noexcept;
  [[nodiscard]] Duration step() const noexcept { return step_; }
  /// The factor during step `index`, which is not below the one asked for last.
  [[nodiscard]] double at(std::uint64_t index) noexcept;
  [[nodiscard]] std::uint64_t draws() const noexcept { return draws_; }

 private:
  static constexpr std::size_t kBlock = 64;  ///< steps per stream
  StreamName name_;
  double sigma_;
  Duration step_;
  double persistence_;
  double innovation_;
  RunKey key_;
  std::uint64_t next_ = 0;  ///< step
  double x_ = 0.0;
  std::array<double, kBlock> fresh_{};
  std::uint64_t draws_ = 0;
};

}  // namespace gatewright::sim
