// What a token costs, when and for which prompts: an arm's prices ready to be looked up.
// Used by World and its kernels; never reads a file, see price_file.h.
#pragma once

#include <vector>

#include "sim/scenario.h"

namespace gatewright::sim {

/// USD per token.
struct PromptRates {
  float input = 0.0F;
  float output = 0.0F;
};

/// Prices in USD per token that hold from a moment on; the input price is the mean over cached and
/// other tokens of a prompt.
struct Rates {
  float input = 0.0F;
  float output = 0.0F;
  struct Tier {
    float above_input_tokens;
    float input;
    float output;
  };
  std::vector<Tier> tiers;  ///< rising; the last one that a prompt exceeds bills the whole request
  double from_seconds = 0.0;

  /// Those that a prompt of this length is billed at.
  [[nodiscard]] PromptRates of(float input_tokens) const noexcept;
};

class PriceTable {
 public:
  PriceTable() = default;
  /// `cached_input`: share of a prompt's tokens that is read from the provider's cache.
  PriceTable(const Arm::Price& price, double cached_input);
  /// The rates at a moment since the start of the rollout.
  [[nodiscard]] const Rates& at(double seconds) const noexcept;
  /// When those that hold at a moment end.
  [[nodiscard]] double until(double seconds) const noexcept;
  /// Appends the moments at which the rates change.
  void add_changes(std::vector<double>& at_seconds) const {
    for (const Rates& rates : rates_)
      if (rates.from_seconds > 0.0) at_seconds.push_back(rates.from_seconds);
  }

 private:
  /// The first that hold only after a moment.
  [[nodiscard]] std::vector<Rates>::const_iterator after(double seconds) const noexcept;
  std::vector<Rates> rates_;  ///< rising in time, the first from 0; never empty
};

}  // namespace gatewright::sim
