#include "sim/users/population.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>

#include "sim/users/hashes.h"

namespace gatewright::sim {
namespace {

constexpr std::uint64_t kWhole = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kBuckets = 10'000;
constexpr std::uint16_t kUnknown = std::numeric_limits<std::uint16_t>::max();

std::uint64_t share_of_2_64(double share) noexcept {
  return share >= 1.0 ? kWhole : static_cast<std::uint64_t>(share * 0x1.0p64);
}

}  // namespace

Population::Population(const Users& users) {
  const std::uint32_t count = std::max<std::uint32_t>(users.count, 1);
  std::vector<double> weight(count);
  double total = 0.0;
  for (std::uint32_t k = count; k-- > 0;) {  // from the smallest, so that none is lost in the sum
    weight[k] = std::pow(static_cast<double>(k) + 1.0, -users.zipf);
    total += weight[k];
  }
  const double scale = static_cast<double>(count) / total;
  for (double& w : weight) w *= scale;  // mean 1: one slot each

  // Weights fall with k, so users below `split` fill their slot and those above leave room, which
  // the users below take, one after another.
  slots_.resize(count);
  std::uint32_t big = 0;
  std::vector<std::uint32_t> small;
  for (std::uint32_t k = 0; k < count; ++k) {
    slots_[k] = {.keep = kWhole, .alias = k};
    if (weight[k] < 1.0) small.push_back(k);
  }
  const std::uint32_t split = count - static_cast<std::uint32_t>(small.size());
  while (!small.empty() && big < split) {
    const std::uint32_t k = small.back();
    small.pop_back();
    slots_[k] = {.keep = share_of_2_64(weight[k]), .alias = big};
    weight[big] -= 1.0 - weight[k];
    if (weight[big] < 1.0) small.push_back(big++);
  }
}

std::uint32_t Population::count() const noexcept {
  return static_cast<std::uint32_t>(slots_.size());
}

void Population::fill(Stream& stream, std::span<std::uint32_t> out) const noexcept {
  __extension__ using Wide = unsigned __int128;
  const std::uint64_t count = slots_.size();
  for (std::uint32_t& user : out) {
    // Word x count / 2^64: its whole part chooses the slot, its fraction the share of the slot.
    const Wide scaled = Wide{stream()} * count;
    const auto slot = static_cast<std::uint32_t>(scaled >> 64);
    user = static_cast<std::uint64_t>(scaled) < slots_[slot].keep ? slot : slots_[slot].alias;
  }
}

std::uint16_t bucket(AssignmentHash hash, std::string_view salt, std::string_view unit) noexcept {
  std::string text;
  text.reserve(salt.size() + 1 + unit.size());
  text.append(salt).append(1, ':').append(unit);
  return static_cast<std::uint16_t>((std::uint64_t{hash32(hash, text)} * kBuckets) >> 32);
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

Assigner::Assigner(Assignment assignment, std::uint32_t users, std::uint64_t seed,
                   std::uint64_t replication)
    : hash_(assignment.hash),
      salt_(std::to_string(seed) + '.' + std::to_string(replication)),
      buckets_(users, kUnknown) {}

std::uint16_t Assigner::user_bucket(std::uint32_t user) {
  std::uint16_t& known = buckets_[user];
  if (known == kUnknown) {
    std::array<char, 10> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), user).ptr;
    known = bucket(hash_, salt_, {digits.data(), static_cast<std::size_t>(end - digits.data())});
  }
  return known;
}

}  // namespace gatewright::sim
