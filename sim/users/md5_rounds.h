// MD5's 64 steps on one block, for a word or for a vector of words.
// Used by hashes.cpp for any text and by the kernels for short texts side by side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace gatewright::sim {

/// floor(2^32 |sin(i + 1)|), as RFC 1321 defines them.
inline constexpr std::uint32_t kMd5Sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
inline constexpr int kMd5Rotations[4][4] = {
    {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

/// The digest before any block, word by word.
inline constexpr std::uint32_t kMd5Start[4] = {0x67452301U, 0xefcdab89U, 0x98badcfeU, 0x10325476U};

template <typename Word>
struct Md5State {
  Word a, b, c, d;
};

/// One of the 64 steps. Always inlined: rotations and places in the block are constants then, and the state
/// stays in registers.
template <std::size_t i, typename Word, typename WordAt>
[[gnu::always_inline]] inline Md5State<Word> md5_step(const Md5State<Word>& s,
                                                      WordAt word_at) noexcept {
  constexpr int kBy = kMd5Rotations[i / 16][i % 4];
  constexpr std::size_t kPlace[4] = {i, (5 * i + 1) % 16, (3 * i + 5) % 16, (7 * i) % 16};
  Word mixed;
  if constexpr (i < 16)
    mixed = s.d ^ (s.b & (s.c ^ s.d));  // each bit of c where b has a one, else of d
  else if constexpr (i < 32)
    mixed = s.c ^ (s.d & (s.b ^ s.c));
  else if constexpr (i < 48)
    mixed = s.b ^ s.c ^ s.d;
  else
    mixed = s.c ^ (s.b | ~s.d);
  const Word sum = (s.a + kMd5Sines[i] + word_at(kPlace[i / 16])) + mixed;  // known last
  return {s.d, s.b + ((sum << kBy) | (sum >> (32 - kBy))), s.b, s.c};
}

template <typename Word, typename WordAt, std::size_t... i>
[[gnu::always_inline]] inline Md5State<Word> md5_steps(Md5State<Word> s, WordAt word_at,
                                                       std::index_sequence<i...>) noexcept {
  ((s = md5_step<i>(s, word_at)), ...);
  return s;
}

/// `word_at(i)`: word i of the block, 0..15.
template <typename Word, typename WordAt>
inline void add_md5_block(Md5State<Word>& state, WordAt word_at) noexcept {
  const Md5State<Word> s = md5_steps(state, word_at, std::make_index_sequence<64>{});
  state = {state.a + s.a, state.b + s.b, state.c + s.c, state.d + s.d};
}

}  // namespace gatewright::sim
