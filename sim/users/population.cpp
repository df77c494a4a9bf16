#include "sim/users/population.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>

#include "sim/kernels/kernels.h"
#include "sim/users/hashes.h"

namespace gatewright::sim {
namespace {

constexpr std::uint32_t kWhole = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t kBuckets = 10'000;
constexpr std::uint8_t kUnknownSegment = std::numeric_limits<std::uint8_t>::max();
/// "seed.replication:user": two numbers of 64 bits and one of 32.
constexpr std::size_t kMostText = 20 + 1 + 20 + 1 + 10;
constexpr std::uint16_t kUnknown = std::numeric_limits<std::uint16_t>::max();

std::uint16_t bucket_of(std::uint32_t hash) noexcept {
  return static_cast<std::uint16_t>((std::uint64_t{hash} * kBuckets) >> 32);
}

std::uint32_t share_of_2_32(double share) noexcept {
  return share >= 1.0 ? kWhole : static_cast<std::uint32_t>(share * 0x1.0p32);
}

/// k^-zipf for k = 1..count.
std::vector<double> zipf_weights(std::uint32_t count, double zipf) {
  std::vector<double> weights(count);
  for (std::uint32_t k = 0; k < count; ++k)
    weights[k] = std::pow(static_cast<double>(k) + 1.0, -zipf);
  return weights;
}

}  // namespace

AliasTable::AliasTable(std::vector<double> weights) {
  const auto count = static_cast<std::uint32_t>(weights.size());
  std::vector<std::uint32_t> falling(count);
  std::iota(falling.begin(), falling.end(), 0U);
  const auto heavier = [&weights](std::uint32_t a, std::uint32_t b) {
    return weights[a] > weights[b];
  };
  if (!std::ranges::is_sorted(falling, heavier)) std::ranges::stable_sort(falling, heavier);

  double total = 0.0;  // from the smallest, so that none is lost in the sum
  for (std::uint32_t k = count; k-- > 0;) total += weights[falling[k]];
  const double scale = static_cast<double>(count) / total;
  for (double& weight : weights) weight *= scale;  // mean 1: one slot each

  // In order of falling weight those before `big` fill their slot, and the small ones leave room,
  // which the big ones take, one after another.
  slots_.resize(count);
  std::vector<std::uint32_t> small;
  for (const std::uint32_t k : falling) {
    slots_[k] = {.keep = kWhole, .alias = k};
    if (weights[k] < 1.0) small.push_back(k);
  }
  const std::uint32_t split = count - static_cast<std::uint32_t>(small.size());
  std::uint32_t big = 0;
  while (!small.empty() && big < split) {
    const std::uint32_t k = small.back();
    const std::uint32_t giver = falling[big];
    small.pop_back();
    slots_[k] = {.keep = share_of_2_32(weights[k]), .alias = giver};
    weights[giver] -= 1.0 - weights[k];
    if (weights[giver] < 1.0) {
      small.push_back(giver);
      ++big;
    }
  }
}

std::vector<double> tenant_shares(const Tenants& tenants) {
  std::vector<double> shares = zipf_weights(tenants.count, tenants.zipf);
  const bool is_fixed = tenants.largest && tenants.count > 1;
  if (is_fixed) shares.front() = 0.0;
  double total = 0.0;
  for (std::size_t k = shares.size(); k-- > 0;) total += shares[k];
  const double rest = is_fixed ? 1.0 - *tenants.largest : 1.0;
  for (double& share : shares) share *= rest / total;
  if (is_fixed) shares.front() = *tenants.largest;
  return shares;
}

namespace {

/// Activity of all users, tenant by tenant.
std::vector<double> weights_of(const Users& users, std::span<const double> shares) {
  const std::uint32_t count = std::max<std::uint32_t>(users.count, 1);
  if (shares.empty()) return zipf_weights(count, users.zipf);
  std::vector<double> weights;
  weights.reserve(count);
  const std::uint64_t tenants = shares.size();
  for (std::uint64_t t = 0; t < tenants; ++t) {
    const auto size = static_cast<std::uint32_t>((t + 1) * count / tenants - t * count / tenants);
    const std::vector<double> within = zipf_weights(size, users.zipf);
    double total = 0.0;
    for (std::uint32_t k = size; k-- > 0;) total += within[k];
    for (const double weight : within) weights.push_back(shares[t] * weight / total);
  }
  return weights;
}

}  // namespace

std::vector<double> activities(const Users& users, const Tenants& tenants) {
  std::vector<double> shares = weights_of(users, tenant_shares(tenants));
  double total = 0.0;  // the smallest come last
  for (std::size_t k = shares.size(); k-- > 0;) total += shares[k];
  for (double& share : shares) share /= total;
  return shares;
}

Population::Population(const Users& users, const Tenants& tenants)
    : shares_(tenant_shares(tenants)), users_(weights_of(users, shares_)) {
  if (shares_.empty()) return;
  const auto least = static_cast<std::uint32_t>(count() / shares_.size());
  within_.emplace_back(zipf_weights(least, users.zipf));
  within_.emplace_back(zipf_weights(least + 1, users.zipf));
  for (std::uint64_t tenant = 0; tenant <= shares_.size(); ++tenant)
    first_user_.push_back(static_cast<std::uint32_t>(tenant * count() / shares_.size()));
}

void Population::fill(LaneStream& stream, std::span<std::uint32_t> out) const noexcept {
  std::array<std::uint64_t, 256> words;
  for (std::size_t first = 0; first < out.size(); first += words.size()) {
    const std::span<std::uint32_t> block =
        out.subspan(first, std::min(words.size(), out.size() - first));
    stream.fill_long_words(std::span(words).first(block.size()));
    users_.fill(std::span(words).first(block.size()), block.data());
  }
}

void Population::fill_within(LaneStream& stream, std::span<const std::uint32_t> tenants,
                             std::span<std::uint32_t> out) const noexcept {
  std::array<std::uint64_t, 256> words;
  for (std::size_t first = 0; first < out.size(); first += words.size()) {
    const std::size_t count = std::min(words.size(), out.size() - first);
    stream.fill_long_words(std::span(words).first(count));
    for (std::size_t i = 0; i < count; ++i)
      out[first + i] = user_within(tenants[first + i], words[i]);
  }
}

std::uint32_t Population::user_within(std::uint32_t tenant, std::uint64_t word) const noexcept {
  const std::uint32_t first = first_user_[tenant - 1];
  const std::uint32_t size = first_user_[tenant] - first;
  return first + within_[size - within_.front().size()].at(word);
}

Segmenter::Segmenter(const std::vector<Segment>& segments, std::uint32_t users) : users_(users) {
  double total = 0.0;
  for (std::size_t i = 0; i + 1 < segments.size(); ++i)
    up_to_.push_back(total += segments[i].share);
}

void Segmenter::start(std::uint64_t seed, std::uint64_t replication) noexcept {
  seed_ = seed;
  replication_ = replication;
  std::ranges::fill(known_, kUnknownSegment);
}

std::uint8_t Segmenter::segment_of(std::uint32_t user) noexcept {
  if (up_to_.empty()) return 0;
  if (known_.empty()) known_.resize(users_, kUnknownSegment);
  std::uint8_t& known = known_[user];
  if (known == kUnknownSegment) {
    Stream stream({seed_, replication_, "users.segment", user});
    const auto above = std::ranges::upper_bound(up_to_, stream.uniform());
    known = static_cast<std::uint8_t>(above - up_to_.begin());
  }
  return known;
}

void Segmenter::fill(std::span<const std::uint32_t> users, std::uint8_t* out) noexcept {
  bool all_known = !known_.empty();
  for (std::size_t i = 0; all_known && i < users.size(); ++i) {
    out[i] = known_[users[i]];
    all_known = out[i] != kUnknownSegment;
  }
  if (all_known) return;
  for (std::size_t i = 0; i < users.size(); ++i) out[i] = segment_of(users[i]);
}

std::optional<std::uint8_t> segment_index(const Traffic& traffic, std::string_view name) noexcept {
  for (std::size_t i = 0; i < traffic.segments.size(); ++i)
    if (traffic.segments[i].name == name) return static_cast<std::uint8_t>(i);
  return std::nullopt;
}

std::uint16_t bucket(AssignmentHash hash, std::string_view salt, std::string_view unit) noexcept {
  std::string text;
  text.reserve(salt.size() + 1 + unit.size());
  text.append(salt).append(1, ':').append(unit);
  return bucket_of(hash32(hash, text));
}

std::uint32_t hash32(AssignmentHash hash, std::string_view text) noexcept {
  switch (hash) {
    case AssignmentHash::md5: {
      const std::array<std::uint8_t, 16> digest = md5(text);
      return std::uint32_t{digest[0]} << 24 | std::uint32_t{digest[1]} << 16 |
             std::uint32_t{digest[2]} << 8 | std::uint32_t{digest[3]};
    }
    case AssignmentHash::murmur3:
      return murmur3_x86_32(text, 0);
    case AssignmentHash::fnv1a:
      return fnv1a_32(text);
  }
  return 0;
}

void fill_buckets(AssignmentHash hash, std::uint64_t seed, std::uint64_t replication,
                  std::span<std::uint16_t> buckets) {
  if (hash == AssignmentHash::md5) {
    std::vector<std::uint32_t> words(buckets.size());
    fill_md5_first_words(std::to_string(seed) + '.' + std::to_string(replication) + ':', words);
    std::ranges::transform(words, buckets.begin(), bucket_of);
    return;
  }
  Assigner assigner({AssignmentUnit::user, hash}, static_cast<std::uint32_t>(buckets.size()), seed,
                    replication);
  std::vector<std::uint32_t> users(buckets.size());
  std::iota(users.begin(), users.end(), 0U);
  assigner.fill(users, buckets.data());
}

Assigner::Assigner(Assignment assignment, std::uint32_t users, std::uint64_t seed,
                   std::uint64_t replication)
    : hash_(assignment.hash),
      salt_(std::to_string(seed) + '.' + std::to_string(replication)),
      buckets_(users, kUnknown) {}

std::uint16_t Assigner::user_bucket(std::uint32_t user) {
  std::uint16_t& known = buckets_[user];
  if (known == kUnknown) {
    std::array<char, kMostText> room;
    known = bucket_of(hash32(hash_, text_of(user, room)));
  }
  return known;
}

void Assigner::fill(std::span<const std::uint32_t> users, std::uint16_t* out) {
  constexpr std::size_t kBlock = 1'024;
  for (std::size_t first = 0; first < users.size(); first += kBlock) {
    const std::span<const std::uint32_t> some =
        users.subspan(first, std::min(kBlock, users.size() - first));
    if (!look_up(some, out + first)) {
      find_buckets_of(some, out + first);
      look_up(some, out + first);
    }
  }
}

/// Whether all are known.
bool Assigner::look_up(std::span<const std::uint32_t> users, std::uint16_t* out) const noexcept {
  for (std::size_t i = 0; i < users.size(); ++i) out[i] = buckets_[users[i]];
  unsigned any_unknown = 0;
  for (std::size_t i = 0; i < users.size(); ++i) any_unknown |= out[i] == kUnknown ? 1U : 0U;
  return any_unknown == 0;
}

/// Finds those that were not known when `looked_up` was filled; up to 1,024 users.
void Assigner::find_buckets_of(std::span<const std::uint32_t> users,
                               const std::uint16_t* looked_up) {
  std::array<std::uint64_t, 16> known;
  kernels().rows_below_16(looked_up, kUnknown, known.data(), users.size());
  std::array<std::uint32_t, kTexts> unknown;
  std::size_t count = 0;
  for (std::size_t first = 0; first < users.size(); first += 64) {
    for (std::uint64_t left = ~known[first / 64]; left != 0; left &= left - 1) {
      const std::size_t i = first + static_cast<std::size_t>(std::countr_zero(left));
      if (i >= users.size()) break;
      if (hash_ != AssignmentHash::md5) {
        static_cast<void>(user_bucket(users[i]));
        continue;
      }
      unknown[count] = users[i];
      count += buckets_[users[i]] == kUnknown ? 1U : 0U;
      if (count < unknown.size()) continue;
      find_buckets(unknown);
      count = 0;
    }
  }
  find_buckets(std::span(unknown).first(count));
}

std::string_view Assigner::text_of(std::uint32_t user, std::span<char> room) const noexcept {
  char* end = std::ranges::copy(salt_, room.data()).out;
  *end++ = ':';
  end = std::to_chars(end, room.data() + room.size(), user).ptr;
  return {room.data(), static_cast<std::size_t>(end - room.data())};
}

/// Up to kTexts users whose bucket is not known.
void Assigner::find_buckets(std::span<const std::uint32_t> users) {
  if (users.empty()) return;
  std::array<std::array<char, kMostText>, kTexts> room;
  std::array<std::string_view, kTexts> texts;
  for (std::size_t i = 0; i < users.size(); ++i) texts[i] = text_of(users[i], room[i]);
  const std::array<std::uint32_t, kTexts> hashes =
      md5_first_words(std::span(texts).first(users.size()));
  for (std::size_t i = 0; i < users.size(); ++i) buckets_[users[i]] = bucket_of(hashes[i]);
}

}  // namespace gatewright::sim
