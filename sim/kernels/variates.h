// Columns of random variates from words that are functions of their numbers.
// Used by the kernels' one source; which variate stands at which place does not depend on the level.
#pragma once

#include "sim/kernels/functions.h"
#include "sim/kernels/kernels.h"
#include "sim/kernels/lanes.h"

namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL {

/// The words of a stream: those of SplitMix64 (Steele, Lea and Flood 2014) from a start of the stream's own,
/// with its salt between the two multiplications. Each is a function of its number.
class Words {
 public:
  explicit Words(const LaneState& state) noexcept
      : next_(numbered(state.drawn) + state.start), salt_(U64{} + state.salt) {}

  /// As many as a vector holds, from the `after`-th of the next ones on.
  [[nodiscard]] U64 from(std::size_t after) const noexcept {
    return mixed(next_ + after * kStep, salt_);
  }
  void pass(std::size_t words) noexcept { next_ += words * kStep; }

  /// Of these numbers, from where the stream stands.
  static U64 at(const LaneState& state, U64 numbers) noexcept {
    return mixed((numbers + (state.drawn + 1)) * kStep + state.start, U64{} + state.salt);
  }

 private:
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15ULL;  // 2^64 / golden ratio

  static U64 numbered(std::uint64_t drawn) noexcept {
    std::uint64_t steps[kDoubles];
    for (std::size_t i = 0; i < kDoubles; ++i) steps[i] = (drawn + i + 1) * kStep;
    return load<U64>(steps);
  }
  static U64 mixed(U64 z, U64 salt) noexcept {
    z = ((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL) ^ salt;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  U64 next_;
  U64 salt_;
};

/// A uniform number in (0, 2^31] from the upper 31 bits of each lane: relative precision towards 0.
template <typename Lanes>
inline auto units(const Lanes& lanes) noexcept {
  return each(lanes, [](U32 x) { return to_float((I32)(x >> 1)) + 0.5F; });
}

inline void words(LaneState& state, std::uint32_t* out, std::size_t count) noexcept {
  Words words(state);
  for (std::size_t i = 0; i < count; i += kFloats, words.pass(kDoubles))
    store(out + i, (U32)words.from(0) >> 1);
  state.drawn += count / 2;
}

[[gnu::noinline]] inline void long_words(LaneState& state, std::uint64_t* out,
                                         std::size_t count) noexcept {
  Words words(state);
  for (std::size_t i = 0; i < count; i += kDoubles, words.pass(kDoubles))
    store(out + i, words.from(0));
  state.drawn += count;
}

/// The two normals of a word for the length and one for the angle.
template <typename Floats>
struct NormalPair {
  Floats first;
  Floats second;
};
template <typename Lanes>
inline auto normal_pair(const Lanes& length, const Lanes& angle) noexcept {
  const auto radius = square_root(log<31>(units(length)) * -2.0F);
  // A half turn from 32 bits; the bit that the radius leaves says which half.
  const auto [sine, cosine] =
      sine_cosine_of_turn(each(angle, [](U32 x) { return to_float((I32)x) * 0x1p-33F; }));
  const auto turned = [](F32 z, U32 x) { return (F32)((U32)z ^ (x << 31)); };
  return NormalPair<decltype(radius * sine)>{radius * sine, each(radius * cosine, length, turned)};
}

/// Calls use(lanes, from where, how many) for blocks of the next lanes of 32 bits, so that to draw them and to
/// transform them are short chains of operations each.
template <typename Use>
inline void over_lanes(LaneState& state, std::size_t count, Use use) noexcept {
  constexpr std::size_t kBlock = 256;
  alignas(kVectorBytes) std::uint64_t words[kBlock / 2];
  for (std::size_t first = 0; first < count; first += kBlock) {
    const std::size_t left = count - first < kBlock ? count - first : kBlock;
    long_words(state, words, left / 2);
    use(words, first, left);
  }
}
/// From the `lane`-th on.
inline U32 load_lanes(const std::uint64_t* words, std::size_t lane) noexcept {
  return load<U32>(words + lane / 2);
}

/// Rows of 32: sixteen lengths, then the angles that belong to them.
inline void normals(LaneState& state, float* out, std::size_t count) noexcept {
  constexpr std::size_t kStep = kAbreast * kFloats;
  constexpr std::size_t kRow = 2 * kLanes;
  // The k-th vector of lengths, from the i-th length on.
  const auto place_of = [](std::size_t i, std::size_t k) {
    const std::size_t lane = i + k * kFloats;
    return lane / kLanes * kRow + lane % kLanes;
  };
  over_lanes(state, count, [=](const std::uint64_t* words, std::size_t first, std::size_t left) {
    const auto make = [=]<std::size_t n>(std::size_t i, std::integral_constant<std::size_t, n>) {
      const auto lengths =
          abreast<n>([=](std::size_t k) { return load_lanes(words, place_of(i, k)); });
      const auto angles =
          abreast<n>([=](std::size_t k) { return load_lanes(words, place_of(i, k) + kLanes); });
      const auto [z, others] = normal_pair(lengths, angles);
      for (std::size_t k = 0; k < n; ++k) {
        store(out + first + place_of(i, k), z.part[k]);
        store(out + first + place_of(i, k) + kLanes, others.part[k]);
      }
    };
    std::size_t i = 0;
    for (; i + kStep <= left / 2; i += kStep)
      make(i, std::integral_constant<std::size_t, kAbreast>{});
    for (; i < left / 2; i += kFloats) make(i, std::integral_constant<std::size_t, 1>{});
  });
}

inline void exponentials(LaneState& state, float* out, std::size_t count) noexcept {
  constexpr std::size_t kStep = kAbreast * kFloats;
  over_lanes(state, count, [=](const std::uint64_t* words, std::size_t first, std::size_t left) {
    std::size_t i = 0;
    for (; i + kStep <= left; i += kStep)
      store(out + first + i, log<31>(units(load_abreast<kAbreast, U32>(words + i / 2))) * -1.0F);
    for (; i < left; i += kFloats)
      store(out + first + i, log<31>(units(load_lanes(words, i))) * -1.0F);
  });
}

/// Calls use(some, from where, how many) for some of the places at a time, of which what the last vector lacks
/// is 0.
inline constexpr std::size_t kPlacesAtOnce = 64;
using SomePlaces = std::uint16_t[kPlacesAtOnce];
template <typename Use>
inline void over_places(const std::uint16_t* places, std::size_t count, Use use) noexcept {
  for (std::size_t first = 0; first < count; first += kPlacesAtOnce) {
    const std::size_t left = count - first < kPlacesAtOnce ? count - first : kPlacesAtOnce;
    SomePlaces some = {};
    __builtin_memcpy(some, places + first, left * sizeof *places);
    use(some, first, left);
  }
}

/// Lanes of 32 bits: those with the numbers number_of(places) among all lanes of the next words.
using SomeLanes = std::uint32_t[kPlacesAtOnce];
template <typename NumberOf>
inline void find_lanes(const LaneState& state, const SomePlaces& places, std::size_t count,
                       NumberOf number_of, SomeLanes& lanes) noexcept {
  for (std::size_t i = 0; i < count; i += kDoubles) {
    const U64 number = number_of(widened(load<QuarterU16>(places + i)));
    const U64 word = Words::at(state, number >> 1);
    const U64 lane = (number & 1) != 0 ? word >> 32 : word;
    store(lanes + i, lower_halves(lane));
  }
}

inline void words_at(const LaneState& state, const std::uint16_t* places, std::uint32_t* out,
                     std::size_t count) noexcept {
  over_places(places, count, [&](const SomePlaces& some, std::size_t first, std::size_t left) {
    SomeLanes lanes;
    find_lanes(
        state, some, left, [](U64 place) { return place; }, lanes);
    for (std::size_t i = 0; i < left; ++i) out[first + i] = lanes[i] >> 1;
  });
}

inline void long_words_at(const LaneState& state, const std::uint16_t* places, std::uint64_t* out,
                          std::size_t count) noexcept {
  over_places(places, count, [&](const SomePlaces& some, std::size_t first, std::size_t left) {
    std::uint64_t words[kPlacesAtOnce];
    for (std::size_t i = 0; i < left; i += kDoubles) {
      const U64 place = widened(load<QuarterU16>(some + i));
      store(words + i, Words::at(state, place));
    }
    __builtin_memcpy(out + first, words, left * sizeof *out);
  });
}

/// As in normals(): which of a pair it is, the place says.
inline void normals_at(const LaneState& state, const std::uint16_t* places, float* out,
                       std::size_t count) noexcept {
  over_places(places, count, [&](const SomePlaces& some, std::size_t first, std::size_t left) {
    SomeLanes lengths = {};
    SomeLanes angles = {};
    find_lanes(
        state, some, left, [](U64 place) { return place & ~std::uint64_t{kLanes}; }, lengths);
    find_lanes(
        state, some, left, [](U64 place) { return place | std::uint64_t{kLanes}; }, angles);
    float z[kPlacesAtOnce];
    float others[kPlacesAtOnce];
    for (std::size_t i = 0; i < kPlacesAtOnce; i += kAbreast * kFloats) {
      const auto pair = normal_pair(load_abreast<kAbreast, U32>(lengths + i),
                                    load_abreast<kAbreast, U32>(angles + i));
      store(z + i, pair.first);
      store(others + i, pair.second);
    }
    for (std::size_t i = 0; i < left; ++i)
      out[first + i] = (some[i] & kLanes) == 0 ? z[i] : others[i];
  });
}

/// 32 bits times 10,000 or less fit; cutting off twice is cutting off once.
inline void scaled(const std::uint32_t* words, std::uint32_t most, std::uint16_t* out,
                   std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t low = (words[i] & 0xFFFFU) * most >> 16;
    out[i] = static_cast<std::uint16_t>(((words[i] >> 16) * most + low) >> 15);
  }
}

/// Word x slots / 2^32 in 64 bits: what the lower half of the word adds carries at most once.
inline void pick(const std::uint64_t* words, const AliasSlot* slots, std::uint32_t slot_count,
                 std::uint32_t* out, std::size_t count) noexcept {
  std::size_t i = 0;
  // Narrow vectors lack what this takes.
  for (; kVectorBytes > 16 && i + kDoubles <= count; i += kDoubles) {
    const U64 word = load<U64>(words + i);
    const U64 size = U64{} + slot_count;
    const U64 scaled = product_of_halves(word >> 32, size) + (product_of_halves(word, size) >> 32);
    const U64 own = scaled >> 32;
    const U64 slot = look_up(slots, own);
    // Both are of 32 bits, so that the sign of the difference says which is less.
    const U64 keeps = U64{} - (((scaled & 0xFFFFFFFFU) - (slot & 0xFFFFFFFFU)) >> 63);
    store(out + i, lower_halves((own & keeps) | ((slot >> 32) & ~keeps)));
  }
  for (; i < count; ++i) {
    const std::uint64_t scaled =
        (words[i] >> 32) * slot_count + ((words[i] & 0xFFFFFFFFU) * slot_count >> 32);
    const auto own = static_cast<std::uint32_t>(scaled >> 32);
    const AliasSlot& slot = slots[own];
    // Chosen by a mask: no processor can foresee which it will be.
    const std::uint32_t other = static_cast<std::uint32_t>(scaled) < slot.keep ? 0U : ~0U;
    out[i] = own ^ ((own ^ slot.alias) & other);
  }
}

inline void running_totals(const float* gaps, std::uint32_t* out, std::size_t count) noexcept {
  constexpr auto kUnits = static_cast<float>(1.0 / kGapUnit);
  U32 before{};
  for (std::size_t i = 0; i < count; i += kFloats) {
    const U32 sums = running_sums((U32)to_whole(load<F32>(gaps + i) * kUnits + 0.5F));
    store(out + i, sums + before);
    before += last_of(sums);
  }
}

inline void moments(const std::uint32_t* totals, TimeMap map, double* out,
                    std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    const double run = static_cast<double>(static_cast<std::int32_t>(totals[i])) * kGapUnit;
    const double at = map.from + ((run + map.before) - map.total) * map.step;
    out[i] = at < map.most ? at : map.most;
  }
}

/// One term after another, as written.
inline void mix(const Term* terms, std::size_t term_count, float* out, std::size_t count) noexcept {
  const auto sum_at = [terms, term_count](std::size_t i, auto load_at) {
    F32 sum = load_at(terms[0].column + i) * terms[0].weight;
    for (std::size_t t = 1; t < term_count; ++t)
      sum = sum + load_at(terms[t].column + i) * terms[t].weight;
    return sum;
  };
  over_floats(
      count,
      [&](std::size_t i) {
        store(out + i, sum_at(i, [](const float* from) { return load<F32>(from); }));
      },
      [&](std::size_t i, std::size_t left) {
        const F32 sum = sum_at(i, [left](const float* from) {
          F32 padded{};
          __builtin_memcpy(&padded, from, left * sizeof(float));
          return padded;
        });
        __builtin_memcpy(out + i, &sum, left * sizeof(float));
      });
}

}  // namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL
