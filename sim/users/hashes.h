// The three hashes that flag systems assign users with: MD5, MurmurHash3 and FNV-1a, of text.
// Used by population.h; for assignment only, none of them keeps a secret.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "sim/kernels/kernels.h"

namespace gatewright::sim {

/// RFC 1321, the digest in the order of the RFC's text form. (Boost's md5.hpp is a detail header
/// whose digest type differs between versions.)
[[nodiscard]] std::array<std::uint8_t, 16> md5(std::string_view text) noexcept;

/// The first 32 bits of the digests of up to kTexts texts of at most 55 bytes, big-endian.
[[nodiscard]] std::array<std::uint32_t, kTexts> md5_first_words(
    std::span<const std::string_view> short_texts) noexcept;
/// The same of `prefix` with 0, 1, 2, ... in decimal after it.
void fill_md5_first_words(std::string_view prefix, std::span<std::uint32_t> out) noexcept;

/// MurmurHash3_x86_32 (Appleby 2011).
[[nodiscard]] std::uint32_t murmur3_x86_32(std::string_view text, std::uint32_t seed) noexcept;

/// FNV-1a, 32 bits (Fowler, Noll, Vo).
[[nodiscard]] std::uint32_t fnv1a_32(std::string_view text) noexcept;

}  // namespace gatewright::sim
