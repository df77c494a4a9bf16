#include "sim/windows/request_kinds.h"

#include <algorithm>
#include <bit>
#include <boost/core/noinit_adaptor.hpp>
#include <cmath>
#include <iterator>
#include <limits>
#include <memory>
#include <utility>

#include "sim/kernels/kernels.h"
#include "sim/telemetry/tally.h"

namespace gatewright::sim {
namespace {

constexpr std::array<RouteTraits, kRoutes> kTraits = {{
    {.asked = {true, false}, .measured = {true, false}, .costs = false},
    {.asked = {true, true}, .measured = {false, true}, .costs = true},
    {.asked = {true, true}, .measured = {true, true}, .costs = true},
    {.asked = {true, true}, .measured = {true, false}, .costs = true},
}};

/// Bits of KindFinder::harm_.
constexpr std::uint8_t kNewlyBad = 1;
constexpr std::uint8_t kNeitherBad = 2;
/// KindFinder::code_ of points that are in another net.
constexpr std::uint8_t kLeftOut = 0xFF;
/// The events that tell kinds apart, as 3 bits, and back.
constexpr std::uint8_t packed(std::uint8_t events) noexcept {
  static_assert(kTelling == (1 | 2 | 128));
  return static_cast<std::uint8_t>((events & 3) | (events & 128) >> 5);
}
constexpr std::uint8_t unpacked(std::uint8_t told) noexcept {
  return static_cast<std::uint8_t>((told & 3) | (told & 4) << 5);
}

/// Rows, or cells, that lie in the same stretch of each of some laws are of one cell.
struct Cells {
  std::vector<std::uint16_t> of;                   ///< per row, numbered as they first occur
  std::vector<std::vector<std::uint8_t>> stretch;  ///< per law and cell
};

/// Law by law: cells of those before are told apart by the next one's stretches. `stretch_of`: per law and row.
Cells find_cells(std::span<const std::vector<std::uint8_t>> stretch_of, std::size_t rows) {
  constexpr std::uint16_t kNone = std::numeric_limits<std::uint16_t>::max();
  Cells cells;
  cells.of.assign(rows, 0);
  std::size_t count = 1;
  for (const std::vector<std::uint8_t>& stretches : stretch_of) {
    const std::size_t most = *std::ranges::max_element(stretches) + std::size_t{1};
    std::vector<std::uint16_t> next(count * most, kNone);
    std::vector<std::vector<std::uint8_t>> finer(cells.stretch.size() + 1);
    count = 0;
    for (std::size_t r = 0; r < rows; ++r) {
      const std::uint16_t before = cells.of[r];
      std::uint16_t& cell = next[before * most + stretches[r]];
      if (cell == kNone) {
        cell = static_cast<std::uint16_t>(count++);
        for (std::size_t l = 0; l < cells.stretch.size(); ++l)
          finer[l].push_back(cells.stretch[l][before]);
        finer.back().push_back(stretches[r]);
      }
      cells.of[r] = cell;
    }
    cells.stretch = std::move(finer);
  }
  return cells;
}

/// A law that is dense is listed at so many places a row, so that quantiles of many requests take no steps.
constexpr std::size_t kValuesPerRow = 4;

/// Makes the kinds of a route, one after another.
class KindFinder {
 public:
  KindFinder(Route route, const KindSources& sources)
      : route_(route),
        sources_(sources),
        objectives_(sources.scenario.scenario().objectives),
        answers_(sources.scenario, sources.laws),
        logarithms_(sources.measured.size()) {}
  std::vector<RequestKind> find() &&;

 private:
  using Stretch = RequestKind::Stretch;
  using Listed = RequestKind::Listed;
  using Place = RequestKind::Place;
  using Cut = NumberLaws::Cut;
  /// Numbers that are all written.
  using Filled = std::vector<float, boost::noinit_adaptor<std::allocator<float>>>;
  /// A kind while its rows are found.
  struct Kind : RequestKind {
    std::vector<Filled> columns;  ///< number after number
    std::size_t count = 0;        ///< of rows
    std::size_t fine = 0;         ///< of which are fine ones; see SumLaw
  };

  void add_points(const ForcedPair& forced);
  /// Finds what is to be known of some points whatever their kind.
  void look_at(const AnsweredPoints& chunk);
  void add_chunk(const ForcedPair& forced, const AnsweredPoints& chunk);
  Kind& kind_of(const ForcedPair& forced, std::array<std::uint8_t, 2> events);
  void find_places(Kind& kind) const;
  /// Adds those of some points that are of the kind.
  void add_rows(Kind& kind, const AnsweredPoints& chunk);
  void complete(Kind& kind);
  /// Fills the cells of the table.
  void divide(Kind& kind, SumLaw::Table& table) const;
  void find_stretches(Kind& kind, std::size_t listed,
                      std::span<const std::uint8_t> stretch_of_row) const;
  [[nodiscard]] std::span<const float> between_cuts(const Kind& kind, Place place,
                                                    std::size_t stretch) const;
  void find_missing(const Kind& kind, SumLaw::Table& table) const;
  [[nodiscard]] std::vector<double> shift_of(const Kind& kind) const;
  [[nodiscard]] static bool is_whole_law(const Kind& kind, std::size_t arm) noexcept;

  Route route_;
  const KindSources& sources_;
  const Objectives& objectives_;
  PointAnswers answers_;
  std::vector<Kind> kinds_;    ///< of the forced answers that are added
  std::vector<Filled> spare_;  ///< memory of kinds that are complete
  // Of the points that are looked at.
  std::vector<std::array<Column<float>, 2>> logarithms_;  ///< per measurement and arm
  std::array<Column<std::uint8_t>, 2> told_;              ///< what tells kinds apart, packed
  Column<std::uint8_t> harm_;                             ///< kNewlyBad or kNeitherBad, or none
  Column<std::uint8_t> code_;                             ///< what tells the route's kinds apart
  std::array<std::uint64_t, kChunk / 64> rows_;           ///< those of a kind
  Column<float> number_, other_;                          ///< of these
};

std::vector<RequestKind> KindFinder::find() && {
  const RouteTraits& traits = traits_of(route_);
  const std::vector<Forced> mishaps = possible_mishaps(sources_.scenario.scenario());
  // What is forced on an arm that is not asked makes no difference.
  const std::vector<Forced> of_candidate =
      traits.asked[kCandidateArm] ? mishaps : std::vector<Forced>(1);
  std::vector<RequestKind> found;
  for (const Forced& baseline : mishaps)
    for (const Forced& candidate : of_candidate) {
      add_points({baseline, candidate});
      for (Kind& kind : kinds_) {
        complete(kind);
        found.push_back(std::move(kind));
      }
      kinds_.clear();
    }
  return found;
}

void KindFinder::add_points(const ForcedPair& forced) {
  for_nets(net_of(forced), route_ == Route::served, [&](Points points) {
    points.asked = traits_of(route_).asked;
    answers_.answer(forced, points, [&](const AnsweredPoints& chunk) {
      look_at(chunk);
      add_chunk(forced, chunk);
    });
  });
}

/// Whether the kind's numbers at the arm have the law of all answers without a mishap. Where timeouts take
/// many out, as they do of hanging answers, the other arm's answers to the same prompts are no random ones.
bool KindFinder::is_whole_law(const Kind& kind, std::size_t arm) noexcept {
  return kind.forced[arm] == Forced{} && kind.events == std::array<std::uint8_t, 2>{} &&
         kind.share > 0.999;
}

/// The rows of a kind are known.
void KindFinder::complete(Kind& kind) {
  static_assert(std::is_nothrow_move_constructible_v<Kind>);  // what refers to it stays valid
  const auto mass =
      static_cast<double>((kind.count - kind.fine) * mass_of(false) + kind.fine * mass_of(true));
  kind.share = mass / mass_of_all(net_of(kind.forced));
  kind.newly_bad /= mass;
  kind.neither_bad /= mass;
  SumLaw::Table table{
      .columns = {}, .summed = kind.columns.size() - kind.listed.size(), .fine = kind.fine};
  if (!kind.listed.empty()) {
    divide(kind, table);
    find_missing(kind, table);
  }
  table.shift = shift_of(kind);
  table.columns.assign(kind.columns.begin(), kind.columns.end());
  kind.sums.emplace(std::move(table));
  std::ranges::move(kind.columns, std::back_inserter(spare_));
  kind.columns.clear();
}

/// Cells are the combinations of stretches that occur. Where cuts serve no longer, cells merge.
void KindFinder::divide(Kind& kind, SumLaw::Table& table) const {
  const std::size_t listed = kind.listed.size();
  std::vector<double> ends;  ///< of cuts
  const auto cuts_of = [this, &kind](std::size_t l) -> std::span<const Cut> {
    const Place& place = kind.listed[l].place;
    return sources_.numbers.at(place).cuts(place.measurement);
  };
  for (std::size_t l = 0; l < listed; ++l)
    for (const Cut& cut : cuts_of(l))
      if (std::isfinite(cut.until)) ends.push_back(cut.until);
  std::ranges::sort(ends);
  ends.erase(std::ranges::unique(ends).begin(), ends.end());

  std::vector<std::vector<std::uint8_t>> stretch_of_row;  ///< per law
  for (std::size_t l = 0; l < listed; ++l) {
    std::vector<std::uint8_t>& stretches = stretch_of_row.emplace_back(kind.count);
    const Filled& numbers = kind.columns[table.summed + l];
    for (const Cut& cut : cuts_of(l))
      for (std::size_t r = 0; r < kind.count; ++r)
        stretches[r] = static_cast<std::uint8_t>(stretches[r] + (numbers[r] >= cut.at ? 1 : 0));
    find_stretches(kind, l, stretches);
  }
  Cells cells = find_cells(stretch_of_row, kind.count);
  table.cell = std::move(cells.of);
  for (std::size_t l = 0; l < listed; ++l)
    kind.listed[l].divisions.front().stretch_of_cell = cells.stretch[l];

  for (const double end : ends) {
    SumLaw::Table::Merging& merging = table.merged.emplace_back();
    merging.from = static_cast<std::uint64_t>(std::ceil(end));
    std::vector<std::vector<std::uint8_t>> merged = cells.stretch;  ///< per law and cell
    for (std::size_t l = 0; l < listed; ++l) {
      Listed& one = kind.listed[l];
      Listed::Division& division = one.divisions.emplace_back();
      const std::vector<Stretch>& fine = one.divisions.front().stretches;
      std::vector<std::uint8_t> into;  ///< per stretch
      std::uint8_t number = 0;
      for (std::size_t s = 0; s < fine.size(); ++s) {
        if (s > 0 && cuts_of(l)[s - 1].until > end) ++number;
        into.push_back(number);
        if (number == division.stretches.size()) {
          division.stretches.push_back(fine[s]);
        } else if (!fine[s].among.empty()) {
          std::span<const float>& among = division.stretches.back().among;
          among = among.empty() ? fine[s].among
                                : std::span(among.data(), among.size() + fine[s].among.size());
        }
      }
      for (std::uint8_t& stretch : merged[l]) stretch = into[stretch];
    }
    Cells coarse = find_cells(merged, cells.stretch.front().size());
    merging.cell = std::move(coarse.of);
    for (std::size_t l = 0; l < listed; ++l)
      kind.listed[l].divisions.back().stretch_of_cell = std::move(coarse.stretch[l]);
  }
}

/// Where a cut lies, a net is wrong by some rows: it has whole ones only, and its points are fewer than
/// they should be. Weights of cells are made to sum up to what every number's stretches should have
/// (iterative proportional fitting, Deming and Stephan 1940).
void KindFinder::find_missing(const Kind& kind, SumLaw::Table& table) const {
  constexpr int kRounds = 100;  // what is missing is some 1e-5 of the rows
  constexpr double kMostMissing = 1e-3;
  const bool has_failed = ((kind.events[0] | kind.events[1]) & kTelling & ~kCollapsed) != 0;
  const LatentPoints& net = net_of(kind.forced);
  if (has_failed || net.size() == LatentPoints::kFew) return;
  std::vector<double> mass(*std::ranges::max_element(table.cell) + std::size_t{1});
  for (std::size_t r = 0; r < kind.count; ++r)
    mass[table.cell[r]] += static_cast<double>(mass_of(r >= kind.count - kind.fine));
  std::vector<double> weight = mass;
  const double all = mass_of_all(net);
  for (int round = 0; round < kRounds; ++round) {
    for (const Listed& listed : kind.listed) {
      const auto [place, arm] = listed.place;
      const Forced& mishap = kind.forced[arm];
      // Where the other answer hangs, prompts whose answers end in time are no random ones.
      if (mishap.error || kind.forced[1 - arm].hang) continue;
      std::span<const Cut> cuts = sources_.numbers.at({place, arm}).cuts(place);
      const std::vector<std::uint8_t>& stretch = listed.divisions.front().stretch_of_cell;
      for (std::size_t cut = 0; cut < cuts.size(); ++cut) {
        if (std::isfinite(cuts[cut].until)) continue;
        double below = 0.0, above = 0.0;
        for (std::size_t c = 0; c < mass.size(); ++c)
          (stretch[c] <= cut ? below : above) += weight[c];
        const double more = cuts[cut].shares[index_of(mishap)] * all - below;
        // Costs fall where long prompts are cheaper, and then lines say nothing.
        const bool is_likely = std::fabs(more) < kMostMissing * all;
        if (!is_likely || below <= 0.0 || above <= more) continue;
        for (std::size_t c = 0; c < mass.size(); ++c)
          weight[c] *= stretch[c] <= cut ? 1.0 + more / below : 1.0 - more / above;
      }
    }
  }
  std::ranges::transform(weight, mass, std::back_inserter(table.missing), std::minus<>());
}

/// Of answers without a mishap, the numbers between two cuts: the law's own, not those of the kind's rows.
/// Empty where rows are all that is known, and where they are finer: at the end of a whole distribution.
std::span<const float> KindFinder::between_cuts(const Kind& kind, Place place,
                                                std::size_t stretch) const {
  const bool is_end = stretch == sources_.numbers.at(place).cuts(place.measurement).size();
  const bool is_whole =
      sources_.measured[place.measurement].measurement.kind == Measurement::Kind::histogram;
  if (!is_whole_law(kind, place.arm) || (is_end && is_whole)) return {};
  return sources_.numbers.at(place).between_cuts(place.measurement, stretch);
}

/// Numbers of a stretch are equally likely, so that kFine neighbours among those of fine rows are one.
void KindFinder::find_stretches(Kind& kind, std::size_t listed,
                                std::span<const std::uint8_t> stretch_of_row) const {
  struct Value {
    float value;
    std::uint32_t mass;
  };
  Listed& one = kind.listed[listed];
  const bool is_whole =
      sources_.measured[one.place.measurement].measurement.kind == Measurement::Kind::histogram;
  // Tokens are whole numbers; all others have neighbours as close as one likes.
  const WorldMetric metric = sources_.measured[one.place.measurement].measurement.metric;
  const bool is_of_tokens =
      metric == WorldMetric::input_tokens || metric == WorldMetric::output_tokens;
  const bool is_dense = !is_whole && !is_of_tokens;
  one.is_smooth = is_dense && !comes_in_steps(metric);
  const Filled& numbers = kind.columns[kind.columns.size() - kind.listed.size() + listed];
  std::vector<std::vector<Value>> values(
      sources_.numbers.at(one.place).cuts(one.place.measurement).size() + 1);
  for (std::size_t r = 0; r < kind.count; ++r)
    values[stretch_of_row[r]].push_back(
        {numbers[r], static_cast<std::uint32_t>(mass_of(r >= kind.count - kind.fine))});
  std::vector<std::size_t> sizes;
  for (std::vector<Value>& stretch : values) {
    const std::span<const float> right = between_cuts(kind, one.place, sizes.size());
    if (!right.empty()) {
      const std::size_t size = right.size() * (is_dense ? kValuesPerRow : 1) *
                               net_of(kind.forced).size() / LatentPoints::kMany;
      sizes.push_back(std::max<std::size_t>(1, size));
      for (std::size_t i = 0; i < sizes.back(); ++i)
        one.values.push_back(right[(2 * i + 1) * right.size() / (2 * sizes.back())]);
      continue;
    }
    // The variance of a whole distribution hangs on its end.
    const bool is_end = is_whole && &stretch == &values.back();
    const std::size_t per_row = is_end ? SumLaw::kFine : is_dense ? kValuesPerRow : 1;
    std::ranges::sort(stretch, {}, &Value::value);
    std::uint64_t mass = 0;
    for (const Value& value : stretch) mass += value.mass;
    // A stretch of fine rows alone keeps them.
    const std::size_t fewest = std::min<std::size_t>(stretch.size(), SumLaw::kFine);
    const std::size_t size =
        std::max<std::size_t>(fewest, (per_row * mass + SumLaw::kFine / 2) / SumLaw::kFine);
    // Each slot takes what stands at its middle, between the middles of two rows.
    double below = 0.0;  // mass up to the middle of the row at `next`
    std::size_t next = 0;
    const auto half = [&stretch](std::size_t i) { return 0.5 * stretch[i].mass; };
    if (!stretch.empty()) below = half(0);
    for (std::size_t i = 0; i < size; ++i) {
      const double middle =
          (static_cast<double>(i) + 0.5) * static_cast<double>(mass) / static_cast<double>(size);
      while (next + 1 < stretch.size() && below + half(next) + half(next + 1) <= middle) {
        below += half(next) + half(next + 1);
        ++next;
      }
      const bool is_between = (is_dense || is_end) && below <= middle && next + 1 < stretch.size();
      const double low = stretch[next].value;
      const double value = is_between ? low + (static_cast<double>(stretch[next + 1].value) - low) *
                                                  (middle - below) / (half(next) + half(next + 1))
                                      : low;
      one.values.push_back(static_cast<float>(is_of_tokens ? std::nearbyint(value) : value));
    }
    sizes.push_back(size);
  }
  if (is_whole)
    for (const float value : one.values)
      one.bins.push_back(
          static_cast<std::uint16_t>(HistogramGrid::bin(static_cast<double>(value))));
  Listed::Division& division = one.divisions.emplace_back();
  std::size_t first = 0;
  for (const std::size_t size : sizes) {
    Stretch& stretch = division.stretches.emplace_back();
    stretch.among = std::span(one.values).subspan(first, size);
    if (is_whole) {
      stretch.bins = std::span(one.bins).subspan(first, size);
      for (const std::uint16_t bin : stretch.bins) {
        if (stretch.runs.empty() || stretch.runs.back().bin != bin)
          stretch.runs.push_back({bin, 0});
        ++stretch.runs.back().size;
      }
    }
    first += size;
  }
}

/// What the kind's numbers are short of on average; nothing is known where a mishap or an event is.
std::vector<double> KindFinder::shift_of(const Kind& kind) const {
  std::vector<double> shift(kind.columns.size() - kind.listed.size());
  const std::size_t whole = kind.count - kind.fine;
  const auto all = static_cast<double>(whole * mass_of(false) + kind.fine * mass_of(true));
  const auto mean = [&](const float* column) {
    const Sums sums = kernels().sums_about(column, nullptr, 0.0F, whole);
    const Sums fine = kernels().sums_about(column + whole, nullptr, 0.0F, kind.fine);
    return (static_cast<double>(mass_of(false)) * sums.values +
            static_cast<double>(mass_of(true)) * fine.values) /
           all;
  };
  std::size_t next = 0;
  const auto add = [&](bool is_known, double right) {
    if (is_known) shift[next] = right - mean(kind.columns[next].data());
    ++next;
  };
  for (const auto& [place, arm] : kind.summed) {
    const Measurement& measurement = sources_.measured[place].measurement;
    const NumberLaws::Means means = sources_.numbers.means({place, arm}, measurement.pairs);
    const bool is_known = is_whole_law(kind, arm);
    add(is_known, means.of_number);
    add(is_known, means.of_square);
    if (numbers_of(measurement) == kOfOne) continue;
    const bool is_other_known = measurement.pairs ? is_whole_law(kind, kCandidateArm) : is_known;
    add(is_other_known, means.of_other);
    add(is_other_known, means.of_other_square);
    add(false, 0.0);
  }
  return shift;
}

void KindFinder::look_at(const AnsweredPoints& chunk) {
  const Columns& columns = chunk.columns;
  std::array<Column<std::uint8_t>, 2> bad{};
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    if (!chunk.points->asked[arm]) continue;
    const ArmColumns& answers = columns.arm[arm];
    for (std::size_t m = 0; m < sources_.measured.size(); ++m)
      if (sources_.measured[m].measurement.kind == Measurement::Kind::log_sum)
        kernels().log(column_of(sources_.measured[m].measurement.metric, columns, arm).data(),
                      logarithms_[m][arm].data(), columns.size);
    for (std::size_t i = 0; i < columns.size; ++i) {
      told_[arm][i] = packed(answers.events[i]);
      bad[arm][i] = static_cast<std::uint8_t>(
          (answers.events[i] & kError) != 0 ||
          static_cast<double>(answers.latency[i]) > objectives_.latency_seconds ||
          static_cast<double>(answers.quality[i]) < objectives_.quality_floor);
    }
  }
  for (std::size_t i = 0; i < columns.size; ++i)
    harm_[i] = bad[kBaselineArm][i] != 0    ? std::uint8_t{0}
               : bad[kCandidateArm][i] != 0 ? kNewlyBad
                                            : kNeitherBad;
}

void KindFinder::add_chunk(const ForcedPair& forced, const AnsweredPoints& chunk) {
  const RouteTraits& traits = traits_of(route_);
  const std::size_t size = chunk.columns.size;
  for (std::size_t i = 0; i < size; ++i) {
    const int candidate = traits.asked[kCandidateArm] ? told_[kCandidateArm][i] << 3 : 0;
    code_[i] = static_cast<std::uint8_t>(told_[kBaselineArm][i] | candidate);
  }
  if (chunk.points->are_of_parts) {
    const std::span<const std::uint8_t> left_out =
        chunk.points->points.left_out().subspan(chunk.first, size);
    for (std::size_t i = 0; i < size; ++i) code_[i] = left_out[i] != 0 ? kLeftOut : code_[i];
  }
  // Code by code, in the order in which they come.
  const std::size_t words = (size + 63) / 64;
  std::array<std::uint64_t, kChunk / 64> left{};
  const auto take = [&](std::uint8_t code) {
    kernels().rows_with(code_.data(), {.of = 0xFF, .value = code}, rows_.data(), size);
    for (std::size_t w = 0; w < words; ++w) left[w] &= ~rows_[w];
  };
  for (std::size_t i = 0; i < size; i += 64)
    left[i / 64] = size - i >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << (size - i)) - 1;
  take(kLeftOut);
  for (std::size_t w = 0; w < words; ++w)
    while (left[w] != 0) {
      const std::uint8_t code = code_[64 * w + static_cast<std::size_t>(std::countr_zero(left[w]))];
      take(code);
      add_rows(
          kind_of(forced, {unpacked(code & 7), unpacked(static_cast<std::uint8_t>(code >> 3))}),
          chunk);
    }
}

void KindFinder::add_rows(Kind& kind, const AnsweredPoints& chunk) {
  const Columns& columns = chunk.columns;
  const std::size_t size = columns.size;
  const std::size_t words = (size + 63) / 64;
  const std::size_t added = kernels().count_rows(rows_.data(), words);
  const std::size_t count = kind.count + added;
  const auto harmed = [&](std::uint8_t bit) {
    std::array<std::uint64_t, kChunk / 64> rows;  // NOLINT: filled at once
    kernels().rows_with(harm_.data(), {.of = bit, .value = bit}, rows.data(), size);
    for (std::size_t w = 0; w < words; ++w) rows[w] &= rows_[w];
    return static_cast<double>(kernels().count_rows(rows.data(), words) *
                               mass_of(chunk.points->are_fine));
  };
  kind.newly_bad += harmed(kNewlyBad);
  kind.neither_bad += harmed(kNeitherBad);
  kind.count = count;
  if (chunk.points->are_fine) kind.fine += added;

  std::size_t next = 0;
  const auto column = [&]() -> float* {
    if (next == kind.columns.size()) {
      kind.columns.emplace_back();
      if (!spare_.empty()) {
        kind.columns.back() = std::move(spare_.back());
        kind.columns.back().clear();
        spare_.pop_back();
      }
    }
    Filled& to = kind.columns[next++];
    to.resize(count);
    return to.data() + (count - added);
  };
  const auto keep = [&](const float* numbers, Column<float>& kept) {
    kernels().keep_rows(numbers, rows_.data(), size, kept.data());
  };
  const Column<float>&number = number_, &other = other_;
  // Products about a middle, in double precision until they are known.
  const auto add_products = [&](const Column<float>& a, double centre_of_a, const Column<float>& b,
                                double centre_of_b) {
    float* to = column();
    for (std::size_t i = 0; i < added; ++i)
      to[i] = static_cast<float>((static_cast<double>(a[i]) - centre_of_a) *
                                 (static_cast<double>(b[i]) - centre_of_b));
  };
  for (const auto& [place, arm] : kind.summed) {
    const Measurement& measurement = sources_.measured[place].measurement;
    const bool is_log = measurement.kind == Measurement::Kind::log_sum;
    const auto numbers_at = [&](std::size_t of) {
      return is_log ? logarithms_[place][of].data()
                    : column_of(measurement.metric, columns, of).data();
    };
    const auto& [centre, beside] = sources_.numbers.centres({place, arm}, measurement.pairs);
    keep(numbers_at(arm), number_);
    std::copy_n(number.data(), added, column());
    add_products(number, centre, number, centre);
    if (numbers_of(measurement) == kOfOne) continue;
    if (measurement.pairs) {
      keep(numbers_at(kCandidateArm), other_);
    } else {
      keep(column_of(*measurement.covariate, columns, arm).data(), other_);
      if (is_log) kernels().log(other.data(), other_.data(), added);
    }
    std::copy_n(other.data(), added, column());
    add_products(other, beside, other, beside);
    add_products(other, beside, number, centre);
  }
  if (traits_of(route_).costs) {
    keep(columns.arm[kCandidateArm].cost.data(), number_);
    float* to = column();
    std::copy_n(number.data(), added, to);
    if (route_ == Route::served) {
      keep(columns.arm[kBaselineArm].cost.data(), other_);
      for (std::size_t i = 0; i < added; ++i) to[i] -= other[i];
    }
  }
  for (const Listed& listed : kind.listed) {
    const auto [place, arm] = listed.place;
    // What has no mishap at this arm.
    const std::span<const float> exact =
        sources_.numbers.at(listed.place)
            .exact(place, (arm == kCandidateArm) == chunk.points->is_candidate_first, kind.forced);
    keep(kind.forced[arm] == Forced{}
             ? exact.data() + chunk.points->before + chunk.first
             : column_of(sources_.measured[place].measurement.metric, columns, arm).data(),
         number_);
    std::copy_n(number.data(), added, column());
  }
}

KindFinder::Kind& KindFinder::kind_of(const ForcedPair& forced,
                                      std::array<std::uint8_t, 2> events) {
  for (Kind& kind : kinds_)
    if (kind.events == events) return kind;
  Kind& kind = kinds_.emplace_back();
  kind.forced = forced;
  kind.events = events;
  find_places(kind);
  return kind;
}

void KindFinder::find_places(Kind& kind) const {
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    if (!traits_of(route_).measured[arm]) continue;
    for (std::size_t i = 0; i < sources_.measured.size(); ++i) {
      const Measurement& measurement = sources_.measured[i].measurement;
      if (is_event(measurement.metric)) continue;
      if (measurement.pairs) {
        if (arm == kBaselineArm && counts_as_pair(measurement.scope, route_, kind.events))
          kind.summed.push_back({i, arm});
      } else if (counts(measurement.scope, kind.events[arm], is_seen(route_, arm))) {
        if (is_distribution(measurement))
          kind.listed.push_back({.place = {i, arm}, .values = {}, .bins = {}, .divisions = {}});
        else
          kind.summed.push_back({i, arm});
      }
    }
  }
}

}  // namespace

const RouteTraits& traits_of(Route route) noexcept {
  return kTraits[static_cast<std::size_t>(route)];
}

bool counts_as_pair(MetricScope scope, Route route,
                    const std::array<std::uint8_t, 2>& events) noexcept {
  return route == Route::mirrored &&
         (scope == MetricScope::all ||
          ((events[kBaselineArm] | events[kCandidateArm]) & kError) == 0);
}

std::size_t numbers_of(const Measurement& measurement) noexcept {
  return measurement.pairs || measurement.covariate ? kOfTwo : kOfOne;
}

std::vector<RequestKind> find_kinds(Route route, const KindSources& sources) {
  return KindFinder(route, sources).find();
}

}  // namespace gatewright::sim
