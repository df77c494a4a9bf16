#include "sim/users/hashes.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstddef>
#include <iterator>

#include "policies/assert.h"
#include "sim/users/md5_rounds.h"

namespace gatewright::sim {
namespace {

std::uint32_t little_endian(const unsigned char* bytes) noexcept {
  return std::uint32_t{bytes[0]} | std::uint32_t{bytes[1]} << 8 | std::uint32_t{bytes[2]} << 16 |
         std::uint32_t{bytes[3]} << 24;
}

/// A text's last bytes, a one bit, zeros, and the length in bits.
constexpr std::size_t kMd5BlockBytes = 64;
constexpr std::size_t kMd5MostInLastBlock = 55;
using Md5Block = std::array<unsigned char, kMd5BlockBytes>;

void end_with_length(Md5Block& block, std::size_t bytes) noexcept {
  const std::uint64_t bits = std::uint64_t{bytes} * 8;
  for (std::size_t i = 0; i < 8; ++i) block[56 + i] = static_cast<unsigned char>(bits >> (8 * i));
}

void add(Md5State<std::uint32_t>& state, const unsigned char* block) noexcept {
  add_md5_block(state, [block](std::size_t word) { return little_endian(block + 4 * word); });
}

const unsigned char* bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());  // NOLINT: text is bytes here
}

/// 0000 to 9999 as text, the first digit in the lowest byte.
constexpr std::array<std::uint32_t, 10'000> kFourDigits = [] {
  std::array<std::uint32_t, 10'000> words{};
  for (std::uint32_t i = 0; i < words.size(); ++i)
    words[i] = ('0' + i / 1'000) | ('0' + i / 100 % 10) << 8 | ('0' + i / 10 % 10) << 16 |
               ('0' + i % 10) << 24;
  return words;
}();

/// Of the digests; their text begins with the lowest byte.
std::array<std::uint32_t, kTexts> first_words(
    const std::uint32_t (&blocks)[kMd5BlockBytes / 4][kTexts]) noexcept {
  std::array<std::uint32_t, kTexts> first;
  kernels().md5(blocks, first.data());
  for (std::uint32_t& word : first)
    word = word << 24 | (word & 0xff00U) << 8 | (word >> 8 & 0xff00U) | word >> 24;
  return first;
}

}  // namespace

std::array<std::uint8_t, 16> md5(std::string_view text) noexcept {
  Md5State<std::uint32_t> state{kMd5Start[0], kMd5Start[1], kMd5Start[2], kMd5Start[3]};
  const unsigned char* bytes = bytes_of(text);
  std::size_t left = text.size();
  for (; left >= kMd5BlockBytes; left -= kMd5BlockBytes, bytes += kMd5BlockBytes) add(state, bytes);

  // One block more, or two where the length does not fit.
  Md5Block block{};
  std::copy_n(bytes, left, block.begin());
  block[left] = 0x80;
  if (left > kMd5MostInLastBlock) {
    add(state, block.data());
    block.fill(0);
  }
  end_with_length(block, text.size());
  add(state, block.data());

  const std::array<std::uint32_t, 4> words{state.a, state.b, state.c, state.d};
  std::array<std::uint8_t, 16> digest{};
  for (std::size_t i = 0; i < 16; ++i)
    digest[i] = static_cast<std::uint8_t>(words[i / 4] >> (8 * (i % 4)));
  return digest;
}

std::array<std::uint32_t, kTexts> md5_first_words(
    std::span<const std::string_view> short_texts) noexcept {
  std::uint32_t blocks[kMd5BlockBytes / 4][kTexts] = {};
  for (std::size_t lane = 0; lane < short_texts.size(); ++lane) {
    const std::string_view text = short_texts[lane];
    GATEWRIGHT_ASSERT(text.size() <= kMd5MostInLastBlock);
    Md5Block block{};
    std::copy_n(bytes_of(text), text.size(), block.begin());
    block[text.size()] = 0x80;
    end_with_length(block, text.size());
    for (std::size_t word = 0; word < std::size(blocks); ++word)
      blocks[word][lane] = little_endian(block.data() + 4 * word);
  }
  return first_words(blocks);
}

/// Numbers of as many digits, the same ones but for the last four, differ in two words at most.
void fill_md5_first_words(std::string_view prefix, std::span<std::uint32_t> out) noexcept {
  constexpr std::size_t kMostDigits = 10;
  GATEWRIGHT_ASSERT(prefix.size() + kMostDigits <= kMd5MostInLastBlock);
  for (std::size_t begin = 0, end = 10; begin < out.size();
       begin = end, end = end < kFourDigits.size() ? 10 * end : end + kFourDigits.size()) {
    std::array<char, kMd5MostInLastBlock> text;  // NOLINT: the beginning is filled
    char* const number = std::ranges::copy(prefix, text.data()).out;
    char* const number_end = std::to_chars(number, text.data() + text.size(), begin).ptr;
    const auto length = static_cast<std::size_t>(number_end - text.data());
    const std::size_t changing = std::min<std::size_t>(number_end - number, 4);
    const std::size_t same = length - changing;
    Md5Block block{};
    std::copy_n(bytes_of({text.data(), same}), same, block.begin());
    block[length] = 0x80;
    end_with_length(block, length);
    std::uint32_t blocks[kMd5BlockBytes / 4][kTexts];
    for (std::size_t word = 0; word < std::size(blocks); ++word)
      std::ranges::fill(blocks[word], little_endian(block.data() + 4 * word));
    // Digits may reach from one word into the next.
    std::uint32_t(&first)[kTexts] = blocks[same / 4];
    std::uint32_t(&second)[kTexts] = blocks[same / 4 + 1];
    const std::uint32_t beside_first = first[0], beside_second = second[0];
    const auto skipped = static_cast<unsigned>(8 * (4 - changing));
    const auto shift = static_cast<unsigned>(8 * (same % 4));
    for (std::size_t i = begin; i < std::min(end, out.size()); i += kTexts) {
      const std::size_t count = std::min(kTexts, std::min(end, out.size()) - i);
      const std::uint32_t* const four = kFourDigits.data() + i % kFourDigits.size();
      for (std::size_t lane = 0; lane < count; ++lane) {
        const std::uint32_t digits = four[lane] >> skipped;
        first[lane] = beside_first | digits << shift;
        second[lane] = beside_second | digits >> 1 >> (31 - shift);  // all bits may leave
      }
      std::copy_n(first_words(blocks).begin(), count, out.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
}

std::uint32_t murmur3_x86_32(std::string_view text, std::uint32_t seed) noexcept {
  const auto scrambled = [](std::uint32_t word) noexcept {
    return std::rotl(word * 0xcc9e2d51U, 15) * 0x1b873593U;
  };
  const unsigned char* bytes = bytes_of(text);
  std::uint32_t hash = seed;
  std::size_t left = text.size();
  for (; left >= 4; left -= 4, bytes += 4)
    hash = std::rotl(hash ^ scrambled(little_endian(bytes)), 13) * 5 + 0xe6546b64U;

  std::uint32_t tail = 0;
  for (std::size_t i = 0; i < left; ++i) tail |= std::uint32_t{bytes[i]} << (8 * i);
  hash ^= scrambled(tail);

  hash ^= static_cast<std::uint32_t>(text.size());
  hash = (hash ^ (hash >> 16)) * 0x85ebca6bU;
  hash = (hash ^ (hash >> 13)) * 0xc2b2ae35U;
  return hash ^ (hash >> 16);
}

std::uint32_t fnv1a_32(std::string_view text) noexcept {
  std::uint32_t hash = 0x811c9dc5U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193U;
  return hash;
}

}  // namespace gatewright::sim
