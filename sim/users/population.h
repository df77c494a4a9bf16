// Who sends requests: users with Zipf activity, and which of them a share of exposure covers.
// Used by World and Router; assignment is by hash rank, sticky, and nested as the share grows.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policies/plan.h"
#include "sim/scenario.h"
#include "sim/streams.h"

namespace gatewright::sim {

/// Activity of users 0..count-1; user k is drawn with probability ~ (k + 1)^-zipf. One random word and
/// one look-up a draw (alias method, Walker 1977, Vose 1991).
class Population {
 public:
  explicit Population(const Users& users);
  [[nodiscard]] std::uint32_t count() const noexcept;
  void fill(Stream& stream, std::span<std::uint32_t> out) const noexcept;

 private:
  struct Slot {
    std::uint64_t keep;   ///< share of the slot that is the slot's own user, of 2^64
    std::uint32_t alias;  ///< whose the rest is
  };
  std::vector<Slot> slots_;
};

/// The bucket, 0..9,999, of a unit: the unit is exposed when its bucket is below the share in basis
/// points, so a unit once exposed stays exposed as the share grows.
/// md5: first 32 bits of the digest of "salt:unit", big-endian (RFC 1321); murmur3: MurmurHash3
/// x86_32, seed 0 (Appleby), of "salt:unit"; fnv1a: 32-bit FNV-1a of "salt:unit". Each scaled to
/// 10,000 by floor(hash x 10,000 / 2^32). fnv1a mixes the last digits of a number badly: of 20,000
/// numbered users, a share of 10% covers 8.3% to 11.9% (40 replications), 9.6% to 10.6% by the others.
[[nodiscard]] std::uint16_t bucket(AssignmentHash hash, std::string_view salt,
                                   std::string_view unit) noexcept;
[[nodiscard]] std::uint32_t hash32(AssignmentHash hash, std::string_view text) noexcept;

/// Buckets of a run's users, computed when first asked for: the unit is the user's number in decimal,
/// the salt "seed.replication", so that replications assign anew.
class Assigner {
 public:
  Assigner(Assignment assignment, std::uint32_t users, std::uint64_t seed,
           std::uint64_t replication);
  [[nodiscard]] std::uint16_t user_bucket(std::uint32_t user);

 private:
  AssignmentHash hash_;
  std::string salt_;
  std::vector<std::uint16_t> buckets_;
};

}  // namespace gatewright::sim
