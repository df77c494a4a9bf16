// Counting rules of threshold tests.
// Used by fixed_threshold; the last looks of "K of N" are kept as bits.
// Never allocates.
#include "policies/gates/counting_rule.h"

#include <algorithm>
#include <bit>
#include <charconv>

namespace gatewright {
namespace {

/// Slots are doubles, which hold 53 bits: 64 looks take two slots of 32 bits each.
std::uint64_t read_bits(std::span<const double> slots) noexcept {
  return static_cast<std::uint64_t>(slots[0]) | static_cast<std::uint64_t>(slots[1]) << 32;
}

void write_bits(std::span<double> slots, std::uint64_t bits) noexcept {
  slots[0] = static_cast<double>(bits & 0xffff'ffffU);
  slots[1] = static_cast<double>(bits >> 32);
}

constexpr std::uint64_t newest(std::uint32_t looks) noexcept {
  return looks >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << looks) - 1;
}

/// Takes the next word off `text`; words are separated by spaces.
std::string_view next_word(std::string_view& text) noexcept {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

std::optional<std::uint32_t> read_count(std::string_view word) noexcept {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc{} || end != word.data() + word.size() || number == 0) return std::nullopt;
  return number;
}

}  // namespace

void CountingRule::count(std::span<double> slots, bool failed) const noexcept {
  switch (kind) {
    case Kind::consecutive:
      slots[0] = failed ? slots[0] + 1.0 : 0.0;
      return;
    case Kind::cumulative:
      slots[0] += failed ? 1.0 : 0.0;
      return;
    case Kind::of_last:
      write_bits(slots, (read_bits(slots) << 1 | std::uint64_t{failed}) & newest(looks));
      return;
  }
}

double CountingRule::share(std::span<const double> slots) const noexcept {
  const double held =
      kind == Kind::of_last ? static_cast<double>(std::popcount(read_bits(slots))) : slots[0];
  return std::min(1.0, held / static_cast<double>(failing));
}

std::optional<CountingRule> parse_counting_rule(std::string_view text) noexcept {
  const auto failing = read_count(next_word(text));
  const std::string_view word = next_word(text);
  const std::string_view last = next_word(text);
  if (!failing || *failing > CountingRule::kFailingMax || !next_word(text).empty())
    return std::nullopt;
  if (word == "of") {
    const auto looks = read_count(last);
    if (!looks || *looks > CountingRule::kLooksMax || *failing > *looks) return std::nullopt;
    return CountingRule{CountingRule::Kind::of_last, *failing, *looks};
  }
  if (!last.empty()) return std::nullopt;
  if (word == "consecutive") return CountingRule{CountingRule::Kind::consecutive, *failing, 1};
  if (word == "cumulative") return CountingRule{CountingRule::Kind::cumulative, *failing, 1};
  return std::nullopt;
}

}  // namespace gatewright
