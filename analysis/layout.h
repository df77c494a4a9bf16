// Text in columns for people: widths, padding, bars, wrapping, numbers with sensible digits.
// Used by reports, stories and the command line's tables; knows nothing of what the text says.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/intervals.h"

namespace gatewright::analysis {

/// The width of everything we print.
inline constexpr std::size_t kPageWidth = 80;

/// What the reader's terminal can show.
struct Style {
  bool colour = false;
  bool unicode = true;
  [[nodiscard]] std::string bold(std::string_view text) const;
  [[nodiscard]] std::string dim(std::string_view text) const;
  [[nodiscard]] std::string red(std::string_view text) const;
  [[nodiscard]] std::string green(std::string_view text) const;
  [[nodiscard]] std::string yellow(std::string_view text) const;
  /// A horizontal rule of `width` columns.
  [[nodiscard]] std::string rule(std::size_t width) const;
};

/// Columns that UTF-8 text takes, one per code point.
[[nodiscard]] std::size_t width(std::string_view text) noexcept;
/// Padded with blanks to `columns`, never cut.
[[nodiscard]] std::string left(std::string_view text, std::size_t columns);
[[nodiscard]] std::string right(std::string_view text, std::size_t columns);
/// Cut to `columns`, its end replaced by an ellipsis where something is lost.
[[nodiscard]] std::string cut(std::string_view text, std::size_t columns, bool unicode);
/// Words on lines of at most `columns`; a longer word stands alone.
[[nodiscard]] std::vector<std::string> wrapped(std::string_view text, std::size_t columns);

/// A bar for a share of 0..1, in eighths of a column; anything above 0 shows.
[[nodiscard]] std::string bar(double share, std::size_t columns, bool unicode);

/// A number with thousands separators: 12,345.6; "-" for NaN and infinities.
[[nodiscard]] std::string number(double value, int decimals);
/// "12.3%"; "-" for NaN.
[[nodiscard]] std::string percent(double share, int decimals);

/// Decimals that show the interval's half-width to one digit (to two where that is a 1 or 2), but no
/// more than three digits of the value; those three where the interval is no help. At most four.
[[nodiscard]] int decimals_of(const Estimate& estimate) noexcept;
/// Decimals of a share in percent: as fine as one run, at least one.
[[nodiscard]] int share_decimals(std::uint64_t runs) noexcept;

/// An estimate in its unit: "%" (of shares 0..1), "USD" or any other word ("min", "h", "").
[[nodiscard]] std::string value_text(const Estimate& estimate, std::string_view unit);
/// "[95.8, 99.0]", without the unit.
[[nodiscard]] std::string interval_text(const Estimate& estimate, std::string_view unit);

}  // namespace gatewright::analysis
