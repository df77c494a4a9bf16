#include "sim/traffic/tenant_renewals.h"

#include <algorithm>
#include <cmath>

#include <boost/random/gamma_distribution.hpp>

#include "policies/assert.h"
#include "sim/kernels/kernels.h"
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

namespace {

using Row = std::array<float, GapLaw::kBatch>;

/// e^x for x down to the logarithm of the smallest double.
void wide_exp(const Row& x, GapLaw::Batch& out) noexcept {
  constexpr float kLeastExponent = -87.0F;  // of the kernel
  Row eighth;
  for (std::size_t i = 0; i < eighth.size(); ++i)
    eighth[i] = std::max(kLeastExponent, 0.125F * x[i]);
  kernels().exp(eighth.data(), eighth.data(), eighth.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto root = static_cast<double>(eighth[i]);
    const double square = root * root;
    out[i] = (square * square) * (square * square);
  }
}

/// Exponential^(1 / shape).
void draw_weibull(double shape, LaneStream& stream, GapLaw::Batch& out) noexcept {
  const auto power = static_cast<float>(1.0 / shape);
  Row x;
  stream.fill_exponential(x);
  kernels().log(x.data(), x.data(), x.size());
  for (float& value : x) value *= power;
  wide_exp(x, out);
}

/// Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26, 2000: of a
/// normal z, d (1 + z / sqrt(9 d))^3 with d = shape - 1/3 is kept with the probability that makes it
/// gamma, at least 95%. A shape below 1 is one higher times uniform^(1 / shape).
std::size_t draw_gamma(double shape, LaneStream& stream, GapLaw::Batch& out) noexcept {
  const bool is_low = shape < 1.0;
  const double d = (is_low ? shape + 1.0 : shape) - 1.0 / 3.0;
  const auto slope = static_cast<float>(1.0 / std::sqrt(9.0 * d));
  const auto weight = static_cast<float>(d);
  Row z, chance, root, logarithm;
  stream.fill_normal(z);
  stream.fill_exponential(chance);  // minus the logarithm of a uniform
  GapLaw::Batch boost;
  boost.fill(1.0);
  if (is_low) {
    const auto power = static_cast<float>(-1.0 / shape);
    Row x;
    stream.fill_exponential(x);
    for (float& value : x) value *= power;
    wide_exp(x, boost);
  }
  for (std::size_t i = 0; i < z.size(); ++i) root[i] = std::max(1e-30F, 1.0F + slope * z[i]);
  kernels().log(root.data(), logarithm.data(), root.size());
  std::size_t kept = 0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const float cube = root[i] * root[i] * root[i];
    const float bar = weight * (cube - 1.0F - 3.0F * logarithm[i]) - 0.5F * z[i] * z[i];
    out[kept] = d * static_cast<double>(cube) * boost[i];
    kept += chance[i] > bar ? 1U : 0U;
  }
  return kept;
}

}  // namespace

std::size_t GapLaw::draw(LaneStream& stream, Batch& gaps) const noexcept {
  std::size_t count = kBatch;
  if (family == Family::gamma) {
    do count = draw_gamma(shape, stream, gaps);
    while (count == 0);
  } else {
    draw_weibull(shape, stream, gaps);
  }
  for (double& gap : gaps) gap *= scale;
  return count;
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
  draws_ = 0;
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
    tenants_.push_back(
        {.law = law,
         .mean_gap = mean_gap,
         .next = next,
         .stream = LaneStream({key.seed, key.replication, "arrivals.tenant.gaps", t}),
         .gaps = {}});
    draws_ += stream.draws();
  }
}

void TenantRenewals::draw_gaps(Tenant& tenant) {
  const std::uint64_t before = tenant.stream.draws();
  tenant.drawn = static_cast<std::uint32_t>(tenant.law.draw(tenant.stream, tenant.gaps));
  tenant.used = 0;
  draws_ += tenant.stream.draws() - before;
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
    double next = tenant.next;
    for (; next < end; next += tenant.mean_gap * tenant.gaps[tenant.used++]) {
      arrivals_.push_back({next, static_cast<std::uint32_t>(t + 1)});
      if (tenant.used == tenant.drawn) draw_gaps(tenant);
    }
    tenant.next = next;
  }
  order_.sort(arrivals_, now_, end);

  // Back to clock time, piece by piece.
  at_seconds.reserve(at_seconds.size() + arrivals_.size());
  tenants.reserve(tenants.size() + arrivals_.size());
  std::size_t i = 0;
  since = from;
  for (const RatePiece& piece : pieces) {
    const double start = to_seconds(Duration(since));
    const double until = now_ + piece.per_second * to_seconds(Duration(piece.to - since));
    for (; i < arrivals_.size() && arrivals_[i].at_seconds < until; ++i) {
      at_seconds.push_back(start + (arrivals_[i].at_seconds - now_) / piece.per_second);
      tenants.push_back(arrivals_[i].tenant);
    }
    now_ = until;
    since = piece.to;
  }
  GATEWRIGHT_ASSERT(i == arrivals_.size());  // both loops add up the same numbers in one order
}

}  // namespace gatewright::sim
