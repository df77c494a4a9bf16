#include "sim/arms/prices.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "sim/seconds.h"

namespace gatewright::sim {
namespace {

/// Input at the mean of cached and other tokens; without cached ones it is the price as written, to
/// the bit.
template <typename Written>
float input_rate(const Written& prices, double cached_input) noexcept {
  const double cached = prices.cached_input_usd_per_token.value_or(prices.input_usd_per_token);
  return static_cast<float>((1.0 - cached_input) * prices.input_usd_per_token +
                            cached_input * cached);
}

template <typename Written>
Rates rates_of(const Written& prices, double from_seconds, double cached_input) {
  Rates rates{.input = input_rate(prices, cached_input),
              .output = static_cast<float>(prices.output_usd_per_token),
              .tiers = {},
              .from_seconds = from_seconds};
  for (const Arm::Price::Tier& tier : prices.tiers)
    rates.tiers.push_back({static_cast<float>(tier.above_input_tokens),
                           input_rate(tier, cached_input),
                           static_cast<float>(tier.output_usd_per_token)});
  return rates;
}

}  // namespace

PriceTable::PriceTable(const Arm::Price& price, double cached_input) {
  rates_.push_back(rates_of(price, 0.0, cached_input));
  for (const Arm::Price::Change& change : price.changes)
    rates_.push_back(rates_of(change, to_seconds(change.from), cached_input));
}

PromptRates Rates::of(float input_tokens) const noexcept {
  PromptRates prices{input, output};
  for (const Tier& tier : tiers)
    if (input_tokens > tier.above_input_tokens) prices = {tier.input, tier.output};
  return prices;
}

std::vector<Rates>::const_iterator PriceTable::after(double seconds) const noexcept {
  return std::upper_bound(
      rates_.begin() + 1, rates_.end(), seconds,
      [](double moment, const Rates& rates) { return moment < rates.from_seconds; });
}

const Rates& PriceTable::at(double seconds) const noexcept { return *std::prev(after(seconds)); }

double PriceTable::until(double seconds) const noexcept {
  const auto next = after(seconds);
  return next == rates_.end() ? std::numeric_limits<double>::infinity() : next->from_seconds;
}

}  // namespace gatewright::sim
