#include "sim/users/hashes.h"

#include <algorithm>
#include <bit>
#include <cstddef>

namespace gatewright::sim {
namespace {

std::uint32_t little_endian(const unsigned char* bytes) noexcept {
  return std::uint32_t{bytes[0]} | std::uint32_t{bytes[1]} << 8 | std::uint32_t{bytes[2]} << 16 |
         std::uint32_t{bytes[3]} << 24;
}

/// floor(2^32 |sin(i + 1)|), as RFC 1321 defines them.
constexpr std::array<std::uint32_t, 64> kSines{
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};

using Md5State = std::array<std::uint32_t, 4>;
using Md5Block = std::array<unsigned char, 64>;

void md5_block(Md5State& state, const unsigned char* block) noexcept {
  constexpr std::array<std::array<int, 4>, 4> kRotations{
      {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}}};
  auto [a, b, c, d] = state;
  for (std::size_t i = 0; i < 64; ++i) {
    std::uint32_t mixed = 0;
    std::size_t word = 0;
    switch (i / 16) {
      case 0:
        mixed = (b & c) | (~b & d);
        word = i;
        break;
      case 1:
        mixed = (d & b) | (~d & c);
        word = (5 * i + 1) % 16;
        break;
      case 2:
        mixed = b ^ c ^ d;
        word = (3 * i + 5) % 16;
        break;
      default:
        mixed = c ^ (b | ~d);
        word = (7 * i) % 16;
        break;
    }
    const std::uint32_t sum = a + mixed + kSines[i] + little_endian(block + 4 * word);
    a = d;
    d = c;
    c = b;
    b += std::rotl(sum, kRotations[i / 16][i % 4]);
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
}

const unsigned char* bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());  // NOLINT: text is bytes here
}

}  // namespace

std::array<std::uint8_t, 16> md5(std::string_view text) noexcept {
  Md5State state{0x67452301U, 0xefcdab89U, 0x98badcfeU, 0x10325476U};
  const unsigned char* bytes = bytes_of(text);
  std::size_t left = text.size();
  for (; left >= 64; left -= 64, bytes += 64) md5_block(state, bytes);

  // The rest, a one bit, zeros, and the length in bits: one block, or two where it does not fit.
  Md5Block block{};
  std::copy_n(bytes, left, block.begin());
  block[left] = 0x80;
  if (left >= 56) {
    md5_block(state, block.data());
    block.fill(0);
  }
  const std::uint64_t bits = std::uint64_t{text.size()} * 8;
  for (std::size_t i = 0; i < 8; ++i) block[56 + i] = static_cast<unsigned char>(bits >> (8 * i));
  md5_block(state, block.data());

  std::array<std::uint8_t, 16> digest{};
  for (std::size_t i = 0; i < 16; ++i)
    digest[i] = static_cast<std::uint8_t>(state[i / 4] >> (8 * (i % 4)));
  return digest;
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
