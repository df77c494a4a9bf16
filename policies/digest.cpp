#include "policies/digest.h"

#include <bit>
#include <cmath>

#include "policies/fields.h"

namespace gatewright {
namespace {

/// The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014; constants by David Stafford): a
/// bijection in which every input bit changes every output bit with probability near one half.
constexpr std::uint64_t mix(std::uint64_t word) noexcept {
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9ULL;
  word = (word ^ (word >> 27)) * 0x94d049bb133111ebULL;
  return word ^ (word >> 31);
}

constexpr std::uint64_t kNanWord = 0x7ff8000000000000ULL;

template <class T>
void add_to(Digest& digest, const T& value) noexcept {
  if constexpr (std::is_same_v<T, double>) {
    digest.add(value);
  } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
    digest.add(static_cast<std::uint64_t>(value));
  } else if constexpr (std::is_same_v<T, Instant>) {
    digest.add(static_cast<std::uint64_t>(value.time_since_epoch().count()));
  } else if constexpr (Listed<const T>) {
    fields(value, [&](std::string_view, const auto& field) { add_to(digest, field); });
  } else {  // a list
    digest.add(static_cast<std::uint64_t>(value.size()));
    for (const auto& item : value) add_to(digest, item);
  }
}

}  // namespace

void Digest::add(std::uint64_t word) noexcept {
  // The rotation keeps the mixing from being undone by a later word that equals an earlier hash.
  hash_ = mix(std::rotl(hash_, 23) ^ word) + 0x9e3779b97f4a7c15ULL;
  ++words_;
}

void Digest::add(double number) noexcept {
  if (std::isnan(number))
    add(kNanWord);
  else
    add(std::bit_cast<std::uint64_t>(number + 0.0));  // -0 + 0 is 0
}

void Digest::add(std::string_view text) noexcept {
  add(static_cast<std::uint64_t>(text.size()));
  // Words are put together byte by byte: the same on every machine.
  for (std::size_t start = 0; start < text.size(); start += 8) {
    std::uint64_t word = 0;
    for (std::size_t i = start; i < text.size() && i < start + 8; ++i)
      word |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[i])) << (8 * (i - start));
    add(word);
  }
}

std::uint64_t Digest::value() const noexcept { return mix(hash_ ^ mix(words_)); }

std::uint64_t digest(const RolloutState& state) noexcept {
  Digest digest;
  add_to(digest, state);
  return digest.value();
}

}  // namespace gatewright
