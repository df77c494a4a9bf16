// How quantities are written: one unit of text per dimension, exact both ways.
// Used by the tables of plans and scenarios; never guesses a unit that was not written.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policies/time.h"

namespace gatewright::scenarios {

/// How a quantity of one dimension is written. parse(format(x)) is x, to the last bit.
template <class T>
struct Unit {
  std::string_view noun;     ///< "a duration"
  std::string_view example;  ///< "30m"
  std::string_view pattern;  ///< regular expression of the text, for the schema
  bool bare = false;         ///< a plain YAML number or boolean, never text in quotes
  std::string_view json_type = "string";
  std::optional<T> (*parse)(std::string_view text) = nullptr;
  std::string (*format)(T value) = nullptr;
};

/// A decimal number times ten to the power `shift`, correctly rounded; nothing for other text, for
/// numbers too large, and for NaN and infinities.
[[nodiscard]] std::optional<double> parse_decimal(std::string_view text, int shift = 0);
/// The shortest decimal text that parse_decimal(text, -shift) reads back as `value`.
[[nodiscard]] std::string format_decimal(double value, int shift = 0);

extern const Unit<Duration> kDuration;                ///< 30m; ns us ms s m h d
extern const Unit<std::chrono::sys_seconds> kMoment;  ///< 2026-08-21T00:00Z
extern const Unit<double> kSeconds;                   ///< 350ms, as seconds
extern const Unit<double> kRate;                      ///< 40/s, 10/min, 3/h, as per second
extern const Unit<double> kShare;                     ///< 25%, as 0.25
extern const Unit<double> kRelativeChange;            ///< 10%, as 0.1
extern const Unit<double> kPoints;                    ///< 0.3pp, as 0.003
extern const Unit<double> kUsd;                       ///< $0.001
extern const Unit<double> kUsdPerToken;               ///< $0.15/Mtok, as USD per token
extern const Unit<double> kTokens;                    ///< 20 tokens
extern const Unit<double> kRatio;                     ///< 1.5x; the x is mandatory
extern const Unit<double> kFactor;                    ///< 1.25 or 1.25x
extern const Unit<double> kNumber;                    ///< 0.78
extern const Unit<std::uint64_t> kCount;              ///< 1000
extern const Unit<bool> kBoolean;                     ///< true, false
extern const Unit<double> kMinutes;                   ///< 80m, as minutes
extern const Unit<double> kHours;                     ///< 6h, as hours

}  // namespace gatewright::scenarios
