// How quantities are written: one unit of text per dimension, exact both ways.
// Decimal text is shifted as text, so 0.3pp is the double 0.003 and not 0.3 / 100.
// Never guesses a unit that was not written.
#include "scenarios/units.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>

namespace gatewright::scenarios {

namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// Bytes of the number at the front of `text`: sign, digits, fraction; 0 if there is none. With
/// `exponent` also e-5; an e that no digits follow is left alone.
std::size_t number_length(std::string_view text) noexcept {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t start = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    return i > start;
  };
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
  if (!digits()) return 0;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (!digits()) return 0;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    const std::size_t mantissa = i++;
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
    if (!digits()) i = mantissa;
  }
  return i;
}

/// The number in "30m" if what follows it is `suffix`.
std::optional<double> before(std::string_view text, std::string_view suffix, int shift = 0) {
  const std::size_t length = number_length(text);
  if (length == 0 || text.substr(length) != suffix) return std::nullopt;
  return parse_decimal(text.substr(0, length), shift);
}

struct TimeUnit {
  std::string_view suffix;
  std::int64_t nanoseconds;
};
constexpr std::array kTimeUnits{TimeUnit{"d", 86'400'000'000'000},
                                TimeUnit{"h", 3'600'000'000'000},
                                TimeUnit{"m", 60'000'000'000},
                                TimeUnit{"s", 1'000'000'000},
                                TimeUnit{"ms", 1'000'000},
                                TimeUnit{"us", 1'000},
                                TimeUnit{"ns", 1}};
constexpr double kNanosecondsMax = 9e18;  // 285 years

std::optional<Duration> parse_duration(std::string_view text) {
  for (const TimeUnit& unit : kTimeUnits) {
    const std::optional<double> number = before(text, unit.suffix);
    if (!number) continue;
    const double exact = *number * static_cast<double>(unit.nanoseconds);
    if (!(std::abs(exact) <= kNanosecondsMax)) return std::nullopt;
    const double whole = std::round(exact);
    // A fraction of a nanosecond is refused; the rounding of the product is not.
    if (std::abs(exact - whole) > 1e-15 * std::abs(exact)) return std::nullopt;
    return Duration{static_cast<std::int64_t>(whole)};
  }
  return std::nullopt;
}

std::string format_duration(Duration value) {
  if (value == Duration::zero()) return "0s";
  for (const TimeUnit& unit : kTimeUnits)
    if (unit.suffix != "d" && value.count() % unit.nanoseconds == 0)
      return std::to_string(value.count() / unit.nanoseconds).append(unit.suffix);
  return {};  // not reached: every count is a multiple of one nanosecond
}

/// The whole number that the next `digits` bytes of `text` write, which are taken off it together with
/// `separator`.
std::optional<unsigned> take_number(std::string_view& text, std::size_t digits,
                                    std::string_view separator) {
  if (text.size() < digits || !std::all_of(text.begin(), text.begin() + digits, is_digit))
    return std::nullopt;
  unsigned number = 0;
  std::from_chars(text.data(), text.data() + digits, number);
  text.remove_prefix(digits);
  if (!text.starts_with(separator)) return std::nullopt;
  text.remove_prefix(separator.size());
  return number;
}

std::optional<std::chrono::sys_seconds> parse_moment(std::string_view text) {
  const auto year = take_number(text, 4, "-");
  const auto month = year ? take_number(text, 2, "-") : std::nullopt;
  const auto day = month ? take_number(text, 2, "T") : std::nullopt;
  const auto hour = day ? take_number(text, 2, ":") : std::nullopt;
  const auto minute = hour ? take_number(text, 2, "Z") : std::nullopt;
  if (!minute || !text.empty() || *hour > 23 || *minute > 59) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day)};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute);
}

std::string format_moment(std::chrono::sys_seconds moment) {
  const auto two = [](unsigned number) {
    return (number < 10 ? "0" : "") + std::to_string(number);
  };
  const auto day = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(moment - day);
  std::string year = std::to_string(static_cast<int>(date.year()));
  year.insert(0, 4 - std::min<std::size_t>(4, year.size()), '0');
  return year + "-" + two(static_cast<unsigned>(date.month())) + "-" +
         two(static_cast<unsigned>(date.day())) + "T" +
         two(static_cast<unsigned>(time.hours().count())) + ":" +
         two(static_cast<unsigned>(time.minutes().count())) + "Z";
}

std::optional<double> parse_seconds(std::string_view text) {
  if (const auto s = before(text, "s")) return s;
  if (const auto ms = before(text, "ms", -3)) return ms;
  if (const auto us = before(text, "us", -6)) return us;
  if (const auto m = before(text, "m")) return *m * 60.0;
  if (const auto h = before(text, "h")) return *h * 3600.0;
  return std::nullopt;
}

std::string format_seconds(double value) {
  return value != 0.0 && std::abs(value) < 1.0 ? format_decimal(value, 3) + "ms"
                                               : format_decimal(value) + "s";
}

/// Times in minutes or hours, as reports state them: read by way of nanoseconds.
template <std::int64_t kUnitSeconds>
std::optional<double> parse_long_time(std::string_view text) {
  const std::optional<Duration> duration = parse_duration(text);
  if (!duration) return std::nullopt;
  return static_cast<double>(duration->count()) / (static_cast<double>(kUnitSeconds) * 1e9);
}
template <std::int64_t kUnitSeconds>
std::string format_long_time(double value) {
  return format_decimal(value) + (kUnitSeconds == 60 ? "m" : "h");
}

struct RateUnit {
  std::string_view suffix;
  double seconds;
};
constexpr std::array kRateUnits{RateUnit{"/s", 1.0}, RateUnit{"/min", 60.0},
                                RateUnit{"/h", 3600.0}};

std::optional<double> parse_rate(std::string_view text) {
  for (const RateUnit& unit : kRateUnits)
    if (const auto number = before(text, unit.suffix)) return *number / unit.seconds;
  return std::nullopt;
}

/// In the unit whose number is shortest among those that are exact; of equals the shorter time.
std::string format_rate(double value) {
  std::string best;
  std::size_t shortest = 0;
  for (const RateUnit& unit : kRateUnits) {
    // value x 60 may miss the number that was written by a unit in the last place; fewer digits find it.
    for (const int digits : {6, 12, 17}) {
      std::array<char, 40> buffer{};
      const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(),
                                     value * unit.seconds, std::chars_format::general, digits);
      const std::string_view rounded(buffer.data(),
                                     static_cast<std::size_t>(end.ptr - buffer.data()));
      const std::optional<double> number = parse_decimal(rounded);
      if (!number) continue;
      const std::string text = format_decimal(*number);
      if (*number / unit.seconds != value || (!best.empty() && text.size() >= shortest)) continue;
      shortest = text.size();
      best = text + std::string(unit.suffix);
    }
  }
  return best.empty() ? format_decimal(value) + "/s" : best;
}

std::optional<double> parse_percent(std::string_view text) { return before(text, "%", -2); }
std::string format_percent(double value) { return format_decimal(value, 2) + "%"; }

std::optional<double> parse_points(std::string_view text) { return before(text, "pp", -2); }
std::string format_points(double value) { return format_decimal(value, 2) + "pp"; }

/// What follows the dollar sign, with the sign of the amount before it ("-$2").
std::optional<double> dollars(std::string_view text, std::string_view suffix, int shift) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (!text.starts_with('$')) return std::nullopt;
  text.remove_prefix(1);
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  const std::optional<double> amount = before(text, suffix, shift);
  if (!amount) return std::nullopt;
  return negative ? -*amount : *amount;
}
std::string dollar_text(double value, int shift, std::string_view suffix) {
  std::string text = value < 0 ? "-$" : "$";
  return text.append(format_decimal(std::abs(value), shift)).append(suffix);
}

std::optional<double> parse_usd(std::string_view text) { return dollars(text, "", 0); }
std::string format_usd(double value) { return dollar_text(value, 0, ""); }

std::optional<double> parse_usd_per_token(std::string_view text) {
  if (const auto mega = dollars(text, "/Mtok", -6)) return mega;
  if (const auto kilo = dollars(text, "/ktok", -3)) return kilo;
  return dollars(text, "/tok", 0);
}
std::string format_usd_per_token(double value) { return dollar_text(value, 6, "/Mtok"); }

std::optional<double> parse_tokens(std::string_view text) {
  if (const auto many = before(text, " tokens")) return many;
  return before(text, " token");
}
std::string format_tokens(double value) { return format_decimal(value) + " tokens"; }

std::optional<double> parse_ratio(std::string_view text) { return before(text, "x"); }
std::string format_ratio(double value) { return format_decimal(value) + "x"; }

std::optional<double> parse_number(std::string_view text) { return parse_decimal(text); }
std::string format_number(double value) { return format_decimal(value); }

std::optional<double> parse_factor(std::string_view text) {
  const std::optional<double> ratio = parse_ratio(text);
  return ratio ? ratio : parse_number(text);
}

std::optional<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}
std::string format_count(std::uint64_t value) { return std::to_string(value); }

std::optional<bool> parse_boolean(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}
std::string format_boolean(bool value) { return value ? "true" : "false"; }

}  // namespace

std::optional<double> parse_decimal(std::string_view text, int shift) {
  if (text.empty() || text.size() > 400 || number_length(text) != text.size()) return std::nullopt;
  std::string_view mantissa = text;
  int exponent = 0;
  if (const std::size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    mantissa = text.substr(0, e);
    std::string_view digits = text.substr(e + 1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (error != std::errc{} || std::abs(exponent) > 400) return std::nullopt;
  }
  if (mantissa.starts_with('+')) mantissa.remove_prefix(1);
  std::string shifted(mantissa);
  shifted += 'e';
  shifted += std::to_string(exponent + shift);
  double value = 0.0;
  const auto [end, error] = std::from_chars(shifted.data(), shifted.data() + shifted.size(), value);
  if (error != std::errc{} || end != shifted.data() + shifted.size()) return std::nullopt;
  return value;
}

std::string format_decimal(double value, int shift) {
  if (value == 0.0) return "0";
  std::array<char, 40> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                    std::chars_format::scientific);
  std::string_view text(buffer.data(), static_cast<std::size_t>(result.ptr - buffer.data()));
  if (!std::isfinite(value)) return std::string(text);

  std::string sign;
  if (text.starts_with('-')) {
    sign = "-";
    text.remove_prefix(1);
  }
  const std::size_t e = text.find('e');
  std::string digits;
  for (const char c : text.substr(0, e))
    if (is_digit(c)) digits += c;
  std::string_view power = text.substr(e + 1);
  if (power.starts_with('+')) power.remove_prefix(1);
  int exponent = 0;
  std::from_chars(power.data(), power.data() + power.size(), exponent);
  exponent += shift;

  // digits[0].digits[1..] x 10^exponent, written without a power of ten where that stays readable.
  const int last = static_cast<int>(digits.size()) - 1;
  if (exponent < -12 || exponent > 18) {
    std::string out = sign + digits[0];
    if (last > 0) out += '.' + digits.substr(1);
    return out + 'e' + std::to_string(exponent);
  }
  if (exponent < 0)
    return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  if (last <= exponent)
    return sign + digits + std::string(static_cast<std::size_t>(exponent - last), '0');
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  return sign + digits.substr(0, whole) + '.' + digits.substr(whole);
}

#define GATEWRIGHT_UNSIGNED "[0-9]+(\\.[0-9]+)?([eE][-+]?[0-9]+)?"
#define GATEWRIGHT_NUMBER "[-+]?" GATEWRIGHT_UNSIGNED

const Unit<Duration> kDuration{
    "a duration",   "30m",          "^" GATEWRIGHT_NUMBER "(ns|us|ms|s|m|h|d)$", false, "string",
    parse_duration, format_duration};
const Unit<double> kSeconds{"a time",      "350ms",  "^" GATEWRIGHT_NUMBER "(us|ms|s|m|h)$",
                            false,         "string", parse_seconds,
                            format_seconds};
const Unit<double> kRate{"a rate",   "40/s",   "^" GATEWRIGHT_NUMBER "/(s|min|h)$",
                         false,      "string", parse_rate,
                         format_rate};
const Unit<std::chrono::sys_seconds> kMoment{"a moment in UTC",
                                             "2026-08-21T00:00Z",
                                             "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}Z$",
                                             false,
                                             "string",
                                             parse_moment,
                                             format_moment};
const Unit<double> kShare{"a share",     "25%",         "^" GATEWRIGHT_NUMBER "%$", false, "string",
                          parse_percent, format_percent};
const Unit<double> kRelativeChange{
    "a relative change", "10%",         "^" GATEWRIGHT_NUMBER "%$", false, "string",
    parse_percent,       format_percent};
const Unit<double> kPoints{
    "percentage points", "0.5pp",      "^" GATEWRIGHT_NUMBER "pp$", false, "string",
    parse_points,        format_points};
const Unit<double> kUsd{"an amount of money",
                        "$0.001",
                        "^-?\\$" GATEWRIGHT_UNSIGNED "$",
                        false,
                        "string",
                        parse_usd,
                        format_usd};
const Unit<double> kUsdPerToken{"a price",
                                "$0.15/Mtok",
                                "^\\$" GATEWRIGHT_UNSIGNED "/(Mtok|ktok|tok)$",
                                false,
                                "string",
                                parse_usd_per_token,
                                format_usd_per_token};
const Unit<double> kTokens{
    "a number of tokens", "20 tokens",  "^" GATEWRIGHT_NUMBER " tokens?$", false, "string",
    parse_tokens,         format_tokens};
const Unit<double> kRatio{"a factor",  "1.5x",      "^" GATEWRIGHT_NUMBER "x$", false, "string",
                          parse_ratio, format_ratio};
const Unit<double> kFactor{"a factor",   "1.25 or 1.25x",    "^" GATEWRIGHT_NUMBER "x?$",
                           false,        "number or string", parse_factor,
                           format_number};
const Unit<double> kNumber{"a number", "0.5", "", true, "number", parse_number, format_number};
const Unit<std::uint64_t> kCount{"a whole number", "1000",      "",          true,
                                 "integer",        parse_count, format_count};
const Unit<bool> kBoolean{"a truth value", "true or false", "", true, "boolean",
                          parse_boolean,   format_boolean};
const Unit<double> kMinutes{"a time",
                            "80m",
                            "^" GATEWRIGHT_NUMBER "(ns|us|ms|s|m|h|d)$",
                            false,
                            "string",
                            parse_long_time<60>,
                            format_long_time<60>};
const Unit<double> kHours{"a time",
                          "6h",
                          "^" GATEWRIGHT_NUMBER "(ns|us|ms|s|m|h|d)$",
                          false,
                          "string",
                          parse_long_time<3600>,
                          format_long_time<3600>};

#undef GATEWRIGHT_NUMBER
#undef GATEWRIGHT_UNSIGNED

}  // namespace gatewright::scenarios
