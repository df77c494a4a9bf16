#include "sim/traffic/tenant_renewals.h"

#include <algorithm>
#include <cmath>

#include <boost/random/exponential_distribution.hpp>
#include <boost/random/gamma_distribution.hpp>

#include "policies/assert.h"
#include "sim/seconds.h"

namespace gatewright::sim {
namespace {

constexpr double kNormalP90 = 1.2815515655446004;  // standard normal quantile at 90%

/// Gamma(1 + 2/k) / Gamma(1 + 1/k)^2 - 1, which falls as the shape k rises.
double squared_cv_of_weibull(double shape) noexcept {
  const double first = std::tgamma(1.0 + 1.0 / shape);
  return std::tgamma(1.0 + 2.0 / shape) / (first * first) - 1.0;
}

double weibull_shape(double cv) noexcept {
  double low = std::log(0.1);     // CV 429
  double high = std::log(100.0);  // CV 0.013
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (squared_cv_of_weibull(std::exp(middle)) > cv * cv ? low : high) = middle;
  }
  return std::exp(0.5 * (low + high));
}

double gamma(double shape, Stream& stream) {
  return boost::random::gamma_distribution<double>(shape, 1.0)(stream);
}

}  // namespace

GapLaw GapLaw::of(Family family, double cv) noexcept {
  if (family == Family::gamma) {
    const double shape = 1.0 / (cv * cv);
    return {family, shape, 1.0 / shape};
  }
  const double shape = weibull_shape(cv);
  return {family, shape, 1.0 / std::tgamma(1.0 + 1.0 / shape)};
}

double GapLaw::draw(Stream& stream) const noexcept {
  if (family == Family::gamma) return scale * gamma(shape, stream);
  return scale * std::pow(boost::random::exponential_distribution<double>()(stream), 1.0 / shape);
}

double GapLaw::draw_residual(Stream& stream) const noexcept {
  // Weighted by its length, a gamma gap is gamma with shape k + 1, and (a Weibull gap / scale)^k,
  // which is exponential, becomes gamma with shape 1 + 1/k.
  const double gap = family == Family::gamma
                         ? scale * gamma(shape + 1.0, stream)
                         : scale * std::pow(gamma(1.0 + 1.0 / shape, stream), 1.0 / shape);
  return gap * stream.uniform();
}

TenantRenewals::TenantRenewals(const Tenants::Burstiness& burstiness,
                               std::span<const double> shares)
    : burstiness_(burstiness), shares_(shares.begin(), shares.end()) {
  tenants_.reserve(shares_.size());
}

void TenantRenewals::start(RunKey key) {
  now_ = 0.0;
  tenants_.clear();
  const double sigma = std::log(burstiness_.gap_cv_p90 / burstiness_.gap_cv_median) / kNormalP90;
  for (std::size_t t = 0; t < shares_.size(); ++t) {
    Stream stream({key.seed, key.replication, "arrivals.tenant", t});
    double z = 0.0;
    stream.fill_normal(std::span(&z, 1));
    const double cv = burstiness_.gap_cv_median * std::exp(sigma * z);
    const bool is_weibull = stream.uniform() < burstiness_.weibull_share;
    const GapLaw law = GapLaw::of(is_weibull ? GapLaw::Family::weibull : GapLaw::Family::gamma,
                                  std::clamp(cv, kLeastGapCv, kMostGapCv));
    const double mean_gap = 1.0 / shares_[t];
    const double next = mean_gap * law.draw_residual(stream);
    tenants_.push_back({law, stream, mean_gap, next});
  }
}

void TenantRenewals::fill(Nanoseconds from, std::span<const RatePiece> pieces,
                          std::vector<double>& at_seconds, std::vector<std::uint32_t>& tenants) {
  double end = now_;
  Nanoseconds since = from;
  for (const RatePiece& piece : pieces) {
    end += piece.per_second * to_seconds(Duration(piece.to - since));
    since = piece.to;
  }

  arrivals_.clear();
  for (std::size_t t = 0; t < tenants_.size(); ++t) {
    Tenant& tenant = tenants_[t];
    for (; tenant.next < end; tenant.next += tenant.mean_gap * tenant.law.draw(tenant.stream))
      arrivals_.push_back({tenant.next, static_cast<std::uint32_t>(t + 1)});
  }
  std::ranges::sort(arrivals_, [](const Arrival& a, const Arrival& b) {
    return a.at != b.at ? a.at < b.at : a.tenant < b.tenant;
  });

  // Back to clock time, piece by piece.
  std::size_t i = 0;
  since = from;
  for (const RatePiece& piece : pieces) {
    const double start = to_seconds(Duration(since));
    const double until = now_ + piece.per_second * to_seconds(Duration(piece.to - since));
    for (; i < arrivals_.size() && arrivals_[i].at < until; ++i) {
      at_seconds.push_back(start + (arrivals_[i].at - now_) / piece.per_second);
      tenants.push_back(arrivals_[i].tenant);
    }
    now_ = until;
    since = piece.to;
  }
  GATEWRIGHT_ASSERT(i == arrivals_.size());  // both loops add up the same numbers in one order
}

std::uint64_t TenantRenewals::draws() const noexcept {
  std::uint64_t draws = 0;
  for (const Tenant& tenant : tenants_) draws += tenant.stream.draws();
  return draws;
}

}  // namespace gatewright::sim
