#include "sim/streams.h"

#include <boost/random/exponential_distribution.hpp>
#include <boost/random/normal_distribution.hpp>

namespace gatewright::sim {
namespace {

using Words = std::array<std::uint32_t, 4>;

constexpr std::uint32_t low(std::uint64_t value) noexcept {
  return static_cast<std::uint32_t>(value);
}
constexpr std::uint32_t high(std::uint64_t value) noexcept {
  return static_cast<std::uint32_t>(value >> 32);
}
constexpr std::uint64_t join(std::uint32_t low_word, std::uint32_t high_word) noexcept {
  return (std::uint64_t{high_word} << 32) | low_word;
}

Words counter_of(std::uint64_t first, std::uint64_t second) noexcept {
  return {low(first), high(first), low(second), high(second)};
}

}  // namespace

/// Philox with one key is a bijection of counters. The world (seed, replication) goes through one
/// under a fixed key; its image keys the two blocks that (name, index) goes through. So no two keys
/// share a state by their structure, whatever the numbers in them.
std::array<std::uint64_t, 4> state_of(const StreamKey& key) noexcept {
  return state_of(scrambled_world(key.seed, key.replication), key.name, key.index);
}

std::array<std::uint64_t, 4> state_of(const std::array<std::uint32_t, 4>& world, StreamName name,
                                      std::uint64_t index) noexcept {
  const Words purpose = counter_of(name.hash(), index);
  const Words a = philox4x32_10(purpose, {world[0], world[1]});
  const Words b = philox4x32_10(purpose, {world[2], ~world[3]});
  std::array<std::uint64_t, 4> state{join(a[0], a[1]), join(a[2], a[3]), join(b[0], b[1]),
                                     join(b[2], b[3])};
  // The one state that xoshiro256++ cannot leave.
  if ((state[0] | state[1] | state[2] | state[3]) == 0) state[0] = 0x9e3779b97f4a7c15ULL;
  return state;
}

std::array<std::uint32_t, 4> scrambled_world(std::uint64_t seed,
                                             std::uint64_t replication) noexcept {
  constexpr std::array<std::uint32_t, 2> kDomain{0x67617465U, 0x77726967U};  // "gate", "wrig"
  return philox4x32_10(counter_of(seed, replication), kDomain);
}

std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                           std::array<std::uint32_t, 2> key) noexcept {
  constexpr int kRounds = 10;
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t first = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t second = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {high(second) ^ counter[1] ^ key[0], low(second), high(first) ^ counter[3] ^ key[1],
               low(first)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

Stream::Stream(const StreamKey& key) noexcept : state_(state_of(key)) {}

Stream Stream::of_word(std::uint64_t word) noexcept {
  const auto next = [&word] {
    word += 0x9e3779b97f4a7c15ULL;
    std::uint64_t mixed = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    return mixed ^ (mixed >> 31);
  };
  // In turns: of four words in a row at most one is 0.
  const std::uint64_t a = next(), b = next(), c = next(), d = next();
  return Stream(std::array{a, b, c, d});
}

void Stream::fill_uniform(std::span<double> out) noexcept {
  for (double& value : out) value = uniform();
}

void Stream::fill_normal(std::span<double> out) noexcept {
  boost::random::normal_distribution<double> normal;
  for (double& value : out) value = normal(*this);
}

void Stream::fill_exponential(std::span<double> out) noexcept {
  boost::random::exponential_distribution<double> exponential;
  for (double& value : out) value = exponential(*this);
}

}  // namespace gatewright::sim
