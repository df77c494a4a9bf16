#include "analysis/layout.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace gatewright::analysis {
namespace {

[[nodiscard]] std::string painted(bool colour, std::string_view code, std::string_view text) {
  return colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

[[nodiscard]] bool continues_character(char byte) noexcept {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

}  // namespace

std::string Style::bold(std::string_view text) const { return painted(colour, "1", text); }
std::string Style::dim(std::string_view text) const { return painted(colour, "2", text); }
std::string Style::red(std::string_view text) const { return painted(colour, "31", text); }
std::string Style::green(std::string_view text) const { return painted(colour, "32", text); }
std::string Style::yellow(std::string_view text) const { return painted(colour, "33", text); }

std::string Style::rule(std::size_t columns) const {
  std::string line;
  for (std::size_t i = 0; i < columns; ++i) line += unicode ? "─" : "-";
  return dim(line);
}

std::size_t width(std::string_view text) noexcept {
  return text.size() - static_cast<std::size_t>(std::ranges::count_if(text, continues_character));
}

std::string left(std::string_view text, std::size_t columns) {
  const std::size_t used = width(text);
  return std::string(text) + std::string(columns > used ? columns - used : 0, ' ');
}

std::string right(std::string_view text, std::size_t columns) {
  const std::size_t used = width(text);
  return std::string(columns > used ? columns - used : 0, ' ') + std::string(text);
}

std::string cut(std::string_view text, std::size_t columns, bool unicode) {
  if (width(text) <= columns) return std::string(text);
  const std::string_view ellipsis = unicode ? "…" : "~";
  std::size_t end = 0;
  for (std::size_t kept = 0; end < text.size(); ++end) {
    if (continues_character(text[end])) continue;
    if (kept + 1 >= columns) break;
    ++kept;
  }
  return std::string(text.substr(0, end)) + std::string(columns > 0 ? ellipsis : "");
}

std::vector<std::string> wrapped(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines;
  std::size_t at = 0;
  while ((at = text.find_first_not_of(" \n", at)) != std::string_view::npos) {
    const std::size_t end = std::min(text.find_first_of(" \n", at), text.size());
    const std::string_view word = text.substr(at, end - at);
    if (lines.empty() || width(lines.back()) + 1 + width(word) > columns)
      lines.emplace_back(word);
    else
      lines.back().append(" ").append(word);
    at = end;
  }
  return lines;
}

std::string bar(double share, std::size_t columns, bool unicode) {
  constexpr std::array<std::string_view, 8> kParts = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  if (!(share > 0.0)) return {};
  const std::size_t steps = unicode ? 8 : 1;
  const auto length = std::max<std::size_t>(
      1, static_cast<std::size_t>(
             std::llround(std::min(share, 1.0) * static_cast<double>(columns * steps))));
  std::string drawn;
  for (std::size_t i = 0; i < length / steps; ++i) drawn += unicode ? "█" : "#";
  return drawn + std::string(kParts[length % steps]);
}

std::string number(double value, int decimals) {
  if (!std::isfinite(value)) return "-";
  std::string digits = fmt::format("{:.{}f}", std::abs(value), decimals);
  const std::size_t whole = std::min(digits.find('.'), digits.size());
  for (std::size_t at = whole; at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  const bool is_zero = digits.find_first_not_of("0.,") == std::string::npos;
  return fmt::format("{}{}", value < 0.0 && !is_zero ? "-" : "", digits);
}

std::string percent(double share, int decimals) {
  return std::isfinite(share) ? number(100.0 * share, decimals) + "%" : "-";
}

int decimals_of(const Estimate& estimate) noexcept {
  constexpr int kMost = 4;
  constexpr int kDigits = 3;
  const auto magnitude = [](double number) {
    return static_cast<int>(std::floor(std::log10(number)));
  };
  const double size = std::abs(estimate.value);
  const double half_width = (estimate.upper - estimate.lower) / 2.0;
  int decimals = kMost;
  if (std::isfinite(half_width) && half_width > 0.0) {
    const int first = magnitude(half_width);
    decimals = (half_width >= 3.0 * std::pow(10.0, first) ? 0 : 1) - first;
  } else if (!(size > 0.0)) {
    decimals = 0;
  }
  if (std::isfinite(size) && size > 0.0)
    decimals = std::min(decimals, kDigits - 1 - magnitude(size));
  return std::clamp(decimals, 0, kMost);
}

int share_decimals(std::uint64_t runs) noexcept {
  int decimals = 1;
  for (std::uint64_t finest = 1000; finest < runs; finest *= 10) ++decimals;
  return decimals;
}

std::string value_text(const Estimate& estimate, std::string_view unit) {
  if (!std::isfinite(estimate.value)) return "-";
  if (unit == "%") return percent(estimate.value, share_decimals(estimate.runs));
  const std::string text = number(estimate.value, decimals_of(estimate));
  if (unit == "USD") return text.starts_with('-') ? "-$" + text.substr(1) : "$" + text;
  return unit.empty() ? text : text + " " + std::string(unit);
}

std::string interval_text(const Estimate& estimate, std::string_view unit) {
  if (estimate.runs == 0) return {};
  const bool is_share = unit == "%";
  const double scale = is_share ? 100.0 : 1.0;
  const int decimals = is_share ? share_decimals(estimate.runs) : decimals_of(estimate);
  return fmt::format("[{}, {}]", number(scale * estimate.lower, decimals),
                     number(scale * estimate.upper, decimals));
}

}  // namespace gatewright::analysis
