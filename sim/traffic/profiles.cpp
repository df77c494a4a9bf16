#include "sim/traffic/profiles.h"

#include <cmath>
#include <numbers>
#include <string>
#include <variant>
#include <vector>

namespace gatewright::sim {
namespace {

constexpr double kLeastTokens = 1.0;
constexpr double kMostTokens = 1e9;

/// The quantile function before rounding.
double quantile(const Lognormal& law, double z) noexcept {
  const double value = law.median * std::exp(law.sigma * z);
  return std::clamp(law.clip > 0.0 ? std::min(value, law.clip) : value, kLeastTokens, kMostTokens);
}

double quantile(const QuantileGrid& grid, double z) noexcept {
  const double p = 0.5 * std::erfc(-z / std::numbers::sqrt2);
  const std::vector<double>& at = grid.probabilities;
  // The first point above p, kept between the second and the last: p in [0, 1] needs no more.
  const auto above = std::upper_bound(at.begin() + 1, at.end() - 1, p);
  const auto i = static_cast<std::size_t>(above - at.begin());
  const double share = std::clamp((p - at[i - 1]) / (at[i] - at[i - 1]), 0.0, 1.0);
  const double from = std::log(grid.values[i - 1]);
  const double to = std::log(grid.values[i]);
  return std::clamp(std::exp(from + share * (to - from)), kLeastTokens, kMostTokens);
}

double quantile(const TokenLaw& law, double z) noexcept {
  if (const auto* lognormal = std::get_if<Lognormal>(&law)) return quantile(*lognormal, z);
  return quantile(*std::get_if<QuantileGrid>(&law), z);
}

/// Values where a trace was measured.
QuantileGrid from_trace(const std::array<double, 12>& values) {
  return {.probabilities = {0.0, 0.01, 0.05, 0.25, 0.50, 0.75, 0.85, 0.90, 0.95, 0.99, 0.999, 1.0},
          .values = {values.begin(), values.end()}};
}

/// Values where ServeGen publishes them.
QuantileGrid from_fleet(const std::array<double, 9>& values) {
  return {.probabilities = {0.0, 0.05, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99, 1.0},
          .values = {values.begin(), values.end()}};
}

/// What differs between the profiles' arrivals.
struct MeasuredArrivals {
  double per_second;
  double fast_cv;
  Duration fast_time;
  double slow_cv = 0.30;
  double amplitude = 0.4;
  double second_harmonic = 0.15;
};

BurstyArrivals from_fleet_and_trace(const MeasuredArrivals& measured) {
  return {.rate_per_second = measured.per_second,
          .fast = {measured.fast_cv, measured.fast_time},
          .slow = {measured.slow_cv, Duration(std::chrono::hours(1))},
          .day_level_cv = 0.15,
          .amplitude = measured.amplitude,
          .second_harmonic = measured.second_harmonic};
}

/// Of what forty minutes cannot tell.
constexpr const char* kSlowArrivals =
    " Slow modulation 0.30 over an hour and day level 0.15: ServeGen's fleets m-large, m-mid, "
    "m-small after removing two harmonics (residual CV 0.27 to 0.39 at 10 min; 0.12 to 0.25 from "
    "day to day). Daily wave 0.4 and 0.15, peak at 17 h: between ServeGen's fleets (0.07 to 0.52) "
    "and BurstGPT (0.64).";

std::vector<Profile> made_profiles() {
  using std::chrono::seconds;
  std::vector<Profile> made;
  made.push_back({
      .name = "chat",
      .input_tokens =
          from_trace({2, 31, 181, 396, 1'020, 1'189, 2'141, 4'074, 4'083, 4'142, 5'294, 14'050}),
      .output_tokens = from_trace({7, 16, 41, 81, 129, 395, 410, 421, 451, 601, 939, 1'000}),
      .token_correlation = 0.05,
      .arrivals = from_fleet_and_trace(
          {.per_second = 354.0 / 60.0, .fast_cv = 0.20, .fast_time = seconds(300)}),
      .provenance =
          std::string(
              "Azure LLM inference trace 2023, conversation service (CC BY 4.0; Patel et al., "
              "Splitwise, "
              "ISCA 2024). Token quantiles 5, 50, 75, 95, 99%: the whole file; the others, least "
              "and "
              "most: its first 40 minutes (14,176 requests), where the service's limits clip at "
              "14,050 "
              "in "
              "and 1,000 out. Rate: the same 40 minutes. Correlation: measured +0.03 and +0.07, "
              "default "
              "0.05. Fast modulation 0.20 at 60 s over 300 s: the same 40 minutes (variance over "
              "mean "
              "of "
              "counts 1.34, 3.5, 15.5 at 1, 10, 60 s).") +
          kSlowArrivals,
  });
  made.push_back({
      .name = "code",
      .input_tokens =
          from_trace({3, 17, 75, 573, 1'469, 2'745, 3'934, 5'177, 7'303, 7'436, 7'437, 7'437}),
      .output_tokens = from_trace({6, 6, 6, 9, 13, 24, 38, 55, 90, 252, 836, 1'899}),
      .token_correlation = -0.02,
      .arrivals = from_fleet_and_trace(
          {.per_second = 188.0 / 60.0, .fast_cv = 0.92, .fast_time = seconds(15)}),
      .provenance =
          std::string("Azure LLM inference trace 2023, code service (CC BY 4.0; Patel et al., "
                      "Splitwise, ISCA "
                      "2024). Token quantiles 5, 50, 75, 95, 99%: the whole file; the others, "
                      "least and most: "
                      "its "
                      "first 40 minutes (7,491 requests), where the service's limit clips at 7,437 "
                      "in. Rate: "
                      "the "
                      "same 40 minutes. Correlation: measured -0.02. Fast modulation 0.92 at "
                      "60 s over 15 s: the same 40 minutes (variance over mean 13, 70, 159 at 1, "
                      "10, 60 s; one "
                      "silence of 217 s).") +
          kSlowArrivals,
  });
  made.push_back({
      .name = "long_context",
      .input_tokens = from_trace(
          {891, 894, 901, 2'414, 6'909, 15'367, 22'251, 27'991, 39'551, 85'400, 121'298, 124'847}),
      .output_tokens = from_trace({1, 3, 10, 155, 350, 472, 550, 606, 698, 1'119, 2'000, 2'000}),
      .token_correlation = 0.07,
      .arrivals = from_fleet_and_trace(
          {.per_second = 197.0 / 60.0, .fast_cv = 0.10, .fast_time = seconds(60)}),
      .provenance =
          std::string(
              "Mooncake FAST'25 conversation trace (Kimi; Apache-2.0; Qin et al., FAST 2025). "
              "Token "
              "quantiles 5, 50, 75, 95, 99%: the whole file; the others, least and most: its first "
              "40 "
              "minutes (7,851 requests), where outputs are clipped at 2,000. Rate: the same 40 "
              "minutes. "
              "Correlation: measured +0.07. Fast modulation 0.10 at 60 s over 60 s: the same 40 "
              "minutes, "
              "whose clock ticks in 3 s.") +
          kSlowArrivals,
  });
  made.push_back({
      .name = "reasoning",
      .input_tokens = from_fleet({4, 13, 41, 208, 482, 2'092, 6'714, 23'423, 42'722}),
      .output_tokens = from_fleet({65, 225, 427, 792, 1'499, 3'432, 5'701, 12'607, 32'768}),
      .token_correlation = 0.05,
      .arrivals = from_fleet_and_trace({.per_second = 16.0,
                                        .fast_cv = 0.0,
                                        .fast_time = seconds(300),
                                        .slow_cv = 0.33,
                                        .amplitude = 0.52,
                                        .second_harmonic = 0.19}),
      .provenance = std::string(
          "ServeGen, workload deepseek-r1 (Alibaba; Apache-2.0; arXiv 2505.09999). Token quantiles "
          "5 "
          "to 99%: all clients, weighted by requests. Least and most: the lowest 1% and highest "
          "99% "
          "quantile of any client's six hours, and 32,768 out, the generator's clip. Rate: the "
          "fleet's mean. Correlation: not published, default 0.05. Slow modulation "
          "0.33 at 10 min, daily wave 0.52 and 0.19: the same fleet, one day; its correlation time "
          "of an "
          "hour and the day level 0.15 are those of the other fleets. No fast modulation: windows "
          "of ten "
          "minutes do not show it."),
  });
  return made;
}

}  // namespace

std::span<const Profile> profiles() {
  static const std::vector<Profile> kAll = made_profiles();
  return kAll;
}

const Profile* find_profile(std::string_view name) {
  for (const Profile& profile : profiles())
    if (profile.name == name) return &profile;
  return nullptr;
}

BurstyArrivals filled(BurstyArrivals arrivals, const Profile& profile) {
  const auto fill = [](auto& value, const auto& usual) {
    if (!value) value = usual;
  };
  const BurstyArrivals& usual = profile.arrivals;
  fill(arrivals.rate_per_second, usual.rate_per_second);
  fill(arrivals.fast.cv, usual.fast.cv);
  fill(arrivals.fast.correlation_time, usual.fast.correlation_time);
  fill(arrivals.slow.cv, usual.slow.cv);
  fill(arrivals.slow.correlation_time, usual.slow.correlation_time);
  fill(arrivals.day_level_cv, usual.day_level_cv);
  fill(arrivals.amplitude, usual.amplitude);
  fill(arrivals.second_harmonic, usual.second_harmonic);
  return arrivals;
}

double tokens_at(const TokenLaw& law, double z) noexcept {
  return std::floor(quantile(law, z) + 0.5);
}

TokenTable::TokenTable(const TokenLaw& law) {
  if (const auto* lognormal = std::get_if<Lognormal>(&law)) {
    const double most =
        lognormal->clip > 0.0 ? std::min(lognormal->clip, kMostTokens) : kMostTokens;
    lognormal_ = {.median = static_cast<float>(lognormal->median),
                  .sigma = static_cast<float>(lognormal->sigma),
                  .most = static_cast<float>(most)};
    return;
  }
  for (std::size_t i = 0; i < kPoints; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(kPoints - 1);
    values_[i] = static_cast<float>(quantile(law, double{kReach} * (2.0 * share - 1.0)));
  }
}

}  // namespace gatewright::sim
