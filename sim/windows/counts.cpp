#include "sim/windows/counts.h"

#include <algorithm>
#include <array>
#include <bit>
#include <boost/random/normal_distribution.hpp>
#include <cmath>
#include <vector>

#include "sim/kernels/kernels.h"

namespace gatewright::sim {
namespace {

double draw_bent(Stream& stream, const Cumulants& law) {
  boost::random::normal_distribution<double> normal;
  return std::max(0.0, bent(law, normal(stream)) + 0.5);
}

/// Poisson laws of means at equal steps below kBentFrom, as alias tables; what a mean is above one of
/// them is a Poisson number of its own, and most often none.
class PoissonTables {
 public:
  static const PoissonTables& instance() {
    static const PoissonTables tables;
    return tables;
  }
  [[nodiscard]] std::uint64_t draw(Stream& stream, double mean) const noexcept {
    const auto step = static_cast<std::size_t>(mean * kPerUnit);
    const double rest = mean - static_cast<double>(step) / kPerUnit;
    // Three numbers of a word: a slot, whether it keeps its own, and the first digits of the rest's luck.
    const std::uint64_t word = stream();
    const std::uint64_t number = word >> (64 - kBits);
    const std::uint32_t slot = tables_[step][number];
    const std::uint64_t alias = slot % kNumbers;
    // Without a branch: which of both it is is luck.
    const std::uint64_t keeps =
        static_cast<std::uint32_t>(word) < slot - alias ? ~std::uint64_t{0} : 0;
    const std::uint64_t count = alias ^ ((alias ^ number) & keeps);
    const auto digits = static_cast<double>((word >> 32) & (kLuck - 1));
    if (digits + 1.0 <= (1.0 - rest) * kLuck) return count;  // e^-rest is more than that
    return count + of_rest((digits + stream.uniform()) / kLuck, rest);
  }

 private:
  static constexpr double kPerUnit = 8.0;
  /// Beyond these numbers lies less than 1e-13 of any of the laws.
  static constexpr std::size_t kBits = 6;
  static constexpr std::size_t kNumbers = std::size_t{1} << kBits;
  static constexpr std::uint64_t kLuck = std::uint64_t{1} << (32 - kBits);
  /// Per slot, in one word so that tables stay near: how often it keeps its own, of 2^32, and in the last digits
  /// the number that it is otherwise.
  using Table = std::array<std::uint32_t, kNumbers>;

  PoissonTables() : tables_(static_cast<std::size_t>(kBentFrom * kPerUnit) + 1) {
    for (std::size_t step = 0; step < tables_.size(); ++step)
      fill(static_cast<double>(step) / kPerUnit, tables_[step]);
  }
  static void fill(double mean, Table& table);
  /// Where `u` lies in the law of that mean.
  static std::uint64_t of_rest(double u, double mean) noexcept {
    std::uint64_t count = 0;
    double share = std::exp(-mean);
    for (double up_to = share; u >= up_to && count < kNumbers; up_to += share)
      share *= mean / static_cast<double>(++count);
    return count;
  }

  std::vector<Table> tables_;
};

/// As Vose (1991) fills them; a slot that keeps all of its own refers to itself.
void PoissonTables::fill(double mean, Table& table) {
  constexpr double kWhole = 0x1p32;
  const auto slot = [](double keep, std::size_t alias) {
    const auto often = static_cast<std::uint32_t>(keep);
    return static_cast<std::uint32_t>(often - often % kNumbers + alias);
  };
  std::array<double, kNumbers> left{};  // times the number of slots
  double share = std::exp(-mean);
  for (std::size_t k = 0; k < kNumbers; ++k) {
    left[k] = share * static_cast<double>(kNumbers);
    share *= mean / static_cast<double>(k + 1);
  }
  std::vector<std::size_t> poor, rich;
  for (std::size_t k = 0; k < kNumbers; ++k) (left[k] < 1.0 ? poor : rich).push_back(k);
  while (!poor.empty() && !rich.empty()) {
    const std::size_t from = poor.back();
    const std::size_t to = rich.back();
    poor.pop_back();
    table[from] = slot(left[from] * kWhole, to);
    left[to] -= 1.0 - left[from];
    if (left[to] < 1.0) {
      rich.pop_back();
      poor.push_back(to);
    }
  }
  for (const std::vector<std::size_t>* whole : {&poor, &rich})
    for (const std::size_t k : *whole) table[k] = slot(kWhole - 1.0, k);
}

/// -ln(1 - p), p at most 1/2.
double rate_of(double p) noexcept {
  constexpr double kShort = 1.0 / 64.0;  // the next term is below 1e-11 of the whole
  if (p > kShort) return -std::log(1.0 - p);
  return p * (1.0 + p * (1.0 / 2.0 + p * (1.0 / 3.0 + p * (1.0 / 4.0 + p * (1.0 / 5.0)))));
}

/// 64 trials side by side: uniform numbers of which as many binary digits are drawn as it takes to tell
/// whether they are below the probability, which is at most 1/2.
std::uint64_t draw_side_by_side(Stream& stream, Trials trials) {
  constexpr std::uint64_t kAtOnce = 64;
  const auto digits = static_cast<std::uint64_t>(trials.probability * 0x1p64);
  std::uint64_t successes = 0;
  for (std::uint64_t left = trials.count; left > 0;) {
    const std::uint64_t now = std::min(left, kAtOnce);
    // Those that are as large as the probability, as far as digits are drawn.
    std::uint64_t open = ~std::uint64_t{0} >> (kAtOnce - now);
    std::uint64_t below = 0;
    for (std::uint64_t rest = digits; open != 0 && rest != 0; rest <<= 1) {
      const std::uint64_t digit = std::uint64_t{0} - (rest >> 63);
      const std::uint64_t drawn = stream();
      below |= open & digit & ~drawn;
      open &= ~(drawn ^ digit);
    }
    successes += static_cast<std::uint64_t>(std::popcount(below));
    left -= now;
  }
  return successes;
}

/// Few successes of a probability of at most 1/2: as many as boxes that are hit, where each is hit a
/// Poisson number of times. So many hits fall on all of them, each on any; one that falls where there was
/// one before adds nothing.
std::uint64_t draw_few(Stream& stream, Trials trials) {
  constexpr double kOften = 0.1;
  if (trials.probability > kOften) return draw_side_by_side(stream, trials);
  const auto boxes = static_cast<double>(trials.count);
  const std::uint64_t hits = draw_poisson(stream, boxes * rate_of(trials.probability));
  // Mostly no two fall together, of which there are at most so many chances.
  const double u = boxes * stream.uniform();
  if (u >= 0.5 * static_cast<double>(hits * (hits - 1))) return hits;
  // Of the first hit that falls where there was one: that it is an earlier one, that there was none yet.
  double before = 0.0, alone = 1.0;
  std::uint64_t hit = 1;
  for (; hit < hits; ++hit) {
    before += alone * static_cast<double>(hit);
    if (u < before) break;
    alone *= 1.0 - static_cast<double>(hit) / boxes;
  }
  __extension__ using Wide = unsigned __int128;
  for (std::uint64_t i = hit + 1; i < hits; ++i)
    hit += static_cast<std::uint64_t>((Wide{stream()} * trials.count) >> 64) >= hit ? 1U : 0U;
  return hit;
}

}  // namespace

Cumulants cumulants_of_poisson(double mean) noexcept { return {mean, mean, mean, mean, mean}; }

Cumulants cumulants_of(Trials trials) noexcept {
  const double p = trials.probability, q = 1.0 - p;
  const double mean = static_cast<double>(trials.count) * p;
  const double variance = mean * q, lean = variance * (q - p);
  return {mean, variance, lean, variance * (1.0 - 6.0 * p * q), lean * (1.0 - 12.0 * p * q)};
}

double bent(const Cumulants& law, double z) noexcept {
  const double variance = law.variance - 1.0 / 12.0;
  const double square = 1.0 / variance;  // beside the root, not after it
  const double sd = std::sqrt(variance);
  const double scale = sd * square;
  const double g1 = law.third * square * scale;
  const double g2 = (law.fourth + 1.0 / 120.0) * square * square;
  const double g3 = law.fifth * square * square * scale;
  const double z2 = z * z;
  // The orders of 1/sd, its square and its cube.
  const double first = g1 * (z2 - 1.0) * (1.0 / 6.0);
  const double second =
      z * (g2 * (z2 - 3.0) * (1.0 / 24.0) - g1 * g1 * (2.0 * z2 - 5.0) * (1.0 / 36.0));
  const double third = g3 * ((z2 - 6.0) * z2 + 3.0) * (1.0 / 120.0) -
                       g1 * g2 * ((z2 - 5.0) * z2 + 2.0) * (1.0 / 24.0) +
                       g1 * g1 * g1 * ((12.0 * z2 - 53.0) * z2 + 17.0) * (1.0 / 324.0);
  return law.mean + sd * (z + first + second + third);
}

std::uint64_t draw_poisson(Stream& stream, double mean) {
  if (!(mean > 0.0)) return 0;
  if (mean >= kBentFrom)
    return static_cast<std::uint64_t>(draw_bent(stream, cumulants_of_poisson(mean)));
  return PoissonTables::instance().draw(stream, mean);
}

std::uint64_t draw_binomial(Stream& stream, Trials trials) {
  const double p = trials.probability;
  if (trials.count == 0 || !(p > 0.0)) return 0;
  if (p >= 1.0) return trials.count;
  if (static_cast<double>(trials.count) * p * (1.0 - p) >= kBentFrom)
    return std::min(static_cast<std::uint64_t>(draw_bent(stream, cumulants_of(trials))),
                    trials.count);
  return p <= 0.5 ? draw_few(stream, trials)
                  : trials.count - draw_few(stream, {trials.count, 1.0 - p});
}

}  // namespace gatewright::sim
