// Who sends requests: users with Zipf activity, and which of them a share of exposure covers.
// Used by World and Router; assignment is by hash rank, sticky, and nested as the share grows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policies/plan.h"
#include "sim/kernels/kernels.h"
#include "sim/lane_stream.h"
#include "sim/scenario.h"

namespace gatewright::sim {

/// Draws k with probability ~ weights[k]: one random word and one look-up a draw (alias method, Walker
/// 1977, Vose 1991).
class AliasTable {
 public:
  explicit AliasTable(std::vector<double> weights);
  [[nodiscard]] std::uint32_t size() const noexcept {
    return static_cast<std::uint32_t>(slots_.size());
  }
  [[nodiscard]] std::uint32_t at(std::uint64_t word) const noexcept {
    __extension__ using Wide = unsigned __int128;
    // Word x size / 2^64: its whole part chooses the slot, the first 32 bits of its fraction the share.
    const Wide scaled = Wide{word} * slots_.size();
    const AliasSlot& slot = slots_[static_cast<std::size_t>(scaled >> 64)];
    const auto own = static_cast<std::uint32_t>(scaled >> 64);
    // Chosen by a mask: no processor can foresee which it will be.
    const std::uint32_t other = static_cast<std::uint32_t>(scaled >> 32) < slot.keep ? 0U : ~0U;
    return own ^ ((own ^ slot.alias) & other);
  }

  /// out[i] = at(words[i]).
  void fill(std::span<const std::uint64_t> words, std::uint32_t* out) const noexcept {
    kernels().pick(words.data(), slots_.data(), size(), out, words.size());
  }

 private:
  std::vector<AliasSlot> slots_;
};

/// Users 0..count-1 and the tenants they belong to: tenant t of T has the users from
/// floor((t - 1) count / T) to below floor(t count / T) and its share of the traffic; within a tenant,
/// and among all users where there are none, the k-th user is drawn with probability ~ k^-zipf.
class Population {
 public:
  explicit Population(const Users& users, const Tenants& tenants = {});
  [[nodiscard]] std::uint32_t count() const noexcept { return users_.size(); }
  void fill(LaneStream& stream, std::span<std::uint32_t> out) const noexcept;
  [[nodiscard]] std::uint32_t user(std::uint64_t word) const noexcept { return users_.at(word); }

  /// The tenant of a user, from 1; 0 where there are none.
  [[nodiscard]] std::uint32_t tenant_of(std::uint32_t user) const noexcept {
    if (shares_.empty()) return 0;
    return static_cast<std::uint32_t>(((std::uint64_t{user} + 1) * shares_.size() - 1) / count()) +
           1;
  }
  /// Share of the traffic of each tenant, from the largest; empty where there are none.
  [[nodiscard]] std::span<const double> shares() const noexcept { return shares_; }
  /// Users of these tenants, of which each is one of 1..shares().size().
  void fill_within(LaneStream& stream, std::span<const std::uint32_t> tenants,
                   std::span<std::uint32_t> out) const noexcept;
  /// The same for one.
  [[nodiscard]] std::uint32_t user_within(std::uint32_t tenant, std::uint64_t word) const noexcept;

 private:
  std::vector<double> shares_;
  std::vector<std::uint32_t> first_user_;  ///< of each tenant, and the number of users
  AliasTable users_;
  std::vector<AliasTable> within_;  ///< users of a tenant: of the smaller ones, of the larger ones
};

/// Share of the traffic of each user.
[[nodiscard]] std::vector<double> activities(const Users& users, const Tenants& tenants);

/// Shares of the traffic of tenants 1..count: ~ k^-zipf; with `largest` given, the first one's is that
/// and the others share the rest by k^-zipf.
[[nodiscard]] std::vector<double> tenant_shares(const Tenants& tenants);

/// The bucket, 0..9,999, of a unit: the unit is exposed when its bucket is below the share in basis
/// points, so a unit once exposed stays exposed as the share grows.
/// md5: first 32 bits of the digest of "salt:unit", big-endian (RFC 1321); murmur3: MurmurHash3
/// x86_32, seed 0 (Appleby), of "salt:unit"; fnv1a: 32-bit FNV-1a of "salt:unit". Each scaled to
/// 10,000 by floor(hash x 10,000 / 2^32). fnv1a mixes the last digits of a number badly: of 20,000
/// numbered users, a share of 10% covers 8.3% to 11.9% (40 replications), 9.6% to 10.6% by the others.
[[nodiscard]] std::uint16_t bucket(AssignmentHash hash, std::string_view salt,
                                   std::string_view unit) noexcept;
[[nodiscard]] std::uint32_t hash32(AssignmentHash hash, std::string_view text) noexcept;

/// Which segment a user is in: by a hash keyed with the run, so that the segments are independent of
/// activity, of assignment and from one replication to the next. Computed when first asked for.
class Segmenter {
 public:
  Segmenter(const std::vector<Segment>& segments, std::uint32_t users);
  /// Forgets the users of the replication before.
  void start(std::uint64_t seed, std::uint64_t replication) noexcept;
  /// The index of the segment; 0 where there is none.
  [[nodiscard]] std::uint8_t segment_of(std::uint32_t user) noexcept;
  /// out[i] = segment_of(users[i]).
  void fill(std::span<const std::uint32_t> users, std::uint8_t* out) noexcept;

 private:
  std::vector<double> up_to_;  ///< cumulative shares, but for the last
  std::uint32_t users_;
  std::uint64_t seed_ = 0;
  std::uint64_t replication_ = 0;
  std::vector<std::uint8_t> known_;
};

/// Segments are told apart by one byte, and one value stands for "not yet known".
inline constexpr std::size_t kSegmentsMost = 100;

/// The index of the segment of that name, as in Columns::segment; nothing where there is none.
[[nodiscard]] std::optional<std::uint8_t> segment_index(const Traffic& traffic,
                                                        std::string_view name) noexcept;

/// The buckets of users 0..buckets.size()-1 in a run, as Assigner finds them.
void fill_buckets(AssignmentHash hash, std::uint64_t seed, std::uint64_t replication,
                  std::span<std::uint16_t> buckets);

/// Buckets of a run's users, computed when first asked for: the unit is the user's number in decimal,
/// the salt "seed.replication", so that replications assign anew.
class Assigner {
 public:
  Assigner(Assignment assignment, std::uint32_t users, std::uint64_t seed,
           std::uint64_t replication);
  [[nodiscard]] std::uint16_t user_bucket(std::uint32_t user);
  /// out[i] = user_bucket(users[i]).
  void fill(std::span<const std::uint32_t> users, std::uint16_t* out);

 private:
  /// Text that is hashed for a user, in `room`.
  [[nodiscard]] std::string_view text_of(std::uint32_t user, std::span<char> room) const noexcept;
  void find_buckets(std::span<const std::uint32_t> users);
  void find_buckets_of(std::span<const std::uint32_t> users, const std::uint16_t* looked_up);
  bool look_up(std::span<const std::uint32_t> users, std::uint16_t* out) const noexcept;

  AssignmentHash hash_;
  std::string salt_;
  std::vector<std::uint16_t> buckets_;
};

}  // namespace gatewright::sim
