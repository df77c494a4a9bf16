// Closed-form boundaries that hold at every sample size at once: stitching and anytime DKW bands.
// Used by dkw_sequence; the stitched ones are open for documentation and as second routes in tests.
// Never needs more than the counts.
#pragma once

namespace gatewright::gates {

/// The spacing of epochs and how the error is spread over them. Howard, Ramdas, McAuliffe, Sekhon,
/// Annals of Statistics 49 (2021) 1055, theorem 1.
struct Stitching {
  double s = 1.4;
  double eta = 2.0;
};

/// A sum with variance `v` stays below this with probability 1 - alpha for all v, tight from v_min
/// on; `c` is the scale of a sub-gamma increment (same paper, equation 10).
struct PolyStitching {
  double v_min = 1.0;
  double c = 0.0;
  double alpha = 0.05;
  Stitching stitching{};
};
[[nodiscard]] double poly_stitching_bound(double v, const PolyStitching& settings) noexcept;

/// In samples, how far the count below the p-quantile strays from p t, for every p and every t from
/// t_opt on at once. Howard and Ramdas, Bernoulli 28 (2022) 1704, theorem 3 ("double stitching").
struct DoubleStitching {
  double t_opt = 100.0;
  double alpha = 0.05;
  double delta = 0.5;
  Stitching stitching{};
};
struct QuantileTime {
  double probability, samples;
};
[[nodiscard]] double double_stitching_bound(const QuantileTime& at,
                                            const DoubleStitching& settings) noexcept;

/// The anytime band for a distribution function: sup |F_t - F| <= A sqrt((ln(1 + ln(t / m)) + C) / t)
/// for all t >= m with probability 1 - error (same paper, theorem 2), with A = 0.85.
inline constexpr double kBandScale = 0.85;
struct BandTime {
  double samples, from;  ///< t and m
};
[[nodiscard]] double distribution_band(const BandTime& at, double c) noexcept;
/// ln of the error that the band with this C makes, 0 where it promises nothing.
[[nodiscard]] double log_band_error(double c) noexcept;
/// The C whose band errs with probability `error`.
[[nodiscard]] double band_constant(double error) noexcept;

}  // namespace gatewright::gates
