// Answers under a law that differs from row to row are those of each row alone, to the byte.
#include "sim/arms/law_columns.h"

#include <cstring>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "sim/lane_stream.h"
#include "sim/streams.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

constexpr AnswerParts kAllParts{true, true, true, true, true, true, true, true};

/// Draws of one arm, and the answers.
struct Drawn {
  explicit Drawn(std::uint64_t index) {
    LaneStream stream({2, 0, "test.draws", index});
    for (Column<float>* column : {&ttft, &quality, &similarity}) stream.fill_normal(*column);
    for (Column<Word>& column : words) stream.fill_words(column);
    stream.fill_exponential(input);
    stream.fill_exponential(lengths);
    for (std::size_t i = 0; i < kChunk; ++i) {
      input[i] = 1.0F + std::floor(500.0F * input[i]);
      lengths[i] = 1.0F + std::floor(200.0F * lengths[i]);
      in_burst[i] = i % 3 == 0 ? 1 : 0;
    }
  }
  [[nodiscard]] ArmDraws draws(bool bursts) const {
    return {.ttft = ttft.data(),
            .quality = quality.data(),
            .error = words[0].data(),
            .refusal = words[1].data(),
            .thumbs = words[2].data(),
            .error_kind = words[3].data(),
            .flag = words[4].data(),
            .collapse = words[5].data(),
            .hang = words[6].data(),
            .agreement = words[7].data(),
            .similarity = similarity.data(),
            .in_burst = bursts ? in_burst.data() : nullptr};
  }
  Column<float> ttft, quality, similarity, input, lengths;
  std::array<Column<Word>, 8> words;
  Column<std::uint8_t> in_burst;
};

void set(ArmLaw& law, WorldMetric metric, const Scenario& numbers, const Affine& map) {
  if (is_paired(metric))
    law.set(metric, numbers.same_prompt, map);
  else
    law.set(metric, numbers.baseline, map);
}

/// Everything that can happen happens now and then.
Scenario eventful() {
  Scenario scenario = quiet_world();
  scenario.baseline.collapse.probability = 0.05;
  scenario.baseline.hang.probability = 0.05;
  scenario.baseline.rate_limited_share = 0.3;
  scenario.baseline.thumbs = {.down = 0.5, .up = 0.5, .rate_given = 1.0, .delay = {}};
  scenario.baseline.latency.timeout_seconds = 20.0;
  return scenario;
}

/// The columns of `out` that answers fill, as bytes.
std::vector<unsigned char> bytes_of(const ArmColumns& out, std::size_t count) {
  std::vector<unsigned char> bytes;
  const auto keep = [&](const auto& column) {
    const auto* first = reinterpret_cast<const unsigned char*>(column.data());
    bytes.insert(bytes.end(), first, first + count * sizeof column[0]);
  };
  for (const Column<float>* column : {&out.output_tokens, &out.ttft, &out.tpot, &out.latency,
                                      &out.cost, &out.quality, &out.similarity})
    keep(*column);
  keep(out.events);
  keep(out.agreement);
  return bytes;
}

TEST(LawColumns, AnswerEachRowByItsOwnLaw) {
  // Every metric alone and all at once; with and without bursts, a detector, tiers of prices. In a
  // third of the rows nothing is changed; lengths end within a vector, spans begin within one.
  const Scenario numbers = eventful();
  Scenario bursty = numbers;
  bursty.baseline.error_bursts.emplace();
  bursty.baseline.refusal_detector = {0.9, 0.8};
  bursty.baseline.price.tiers = {{300.0, 1e-6, 4e-6, {}}};
  const auto columns = std::make_unique<LawColumns>();
  const auto maps = std::make_unique<AffineColumns>();
  const auto together = std::make_unique<ArmColumns>();
  const auto alone = std::make_unique<ArmColumns>();
  constexpr std::size_t kRows = 301;
  constexpr Span kSpan{5, kRows};
  for (const Scenario& scenario : {numbers, bursty})
    for (std::size_t which = 0; which <= kWorldMetrics; ++which) {
      const bool all = which == kWorldMetrics;
      if (!all && !can_differ(static_cast<WorldMetric>(which))) continue;
      const Drawn drawn(which);
      const ArmDraws draws = drawn.draws(scenario.baseline.error_bursts.has_value());
      const PriceTable prices(scenario.baseline.price, 0.0);
      ArmLaw law;
      law.prices = &prices.at(0.0);
      law.detector = scenario.baseline.refusal_detector;
      std::vector<ArmLaw> laws(kRows, law);
      Stream stream({3, 0, "test.maps", which});
      for (std::size_t i = 0; i < kWorldMetrics; ++i) {
        const auto metric = static_cast<WorldMetric>(i);
        if (!can_differ(metric)) continue;
        const bool varies = all || i == which;
        const Affine noise = varies ? Affine{} : Affine{1.1, 0.01};
        for (std::size_t row = 0; row < kRows; ++row) {
          const bool changed = row % 3 != 0;
          maps->multiply[row] = changed ? 2.0 * stream.uniform() : 1.0;
          maps->shift[row] = changed ? 0.3 * (stream.uniform() - 0.5) : 0.0;
          set(laws[row], metric, scenario, varies ? then(noise, (*maps)[row]) : noise);
        }
        if (!varies)
          set(law, metric, scenario, noise);
        else if (is_paired(metric))
          columns->set(metric, scenario.same_prompt, {noise, *maps, kRows}, law.rows);
        else
          columns->set(metric, scenario.baseline, {noise, *maps, kRows}, law.rows);
      }
      *together = ArmColumns{};
      *alone = ArmColumns{};
      together->output_tokens = alone->output_tokens = drawn.lengths;
      answer(scenario.baseline, law, draws, drawn.input.data(), kAllParts, kSpan, *together);
      for (std::size_t row = kSpan.begin; row < kSpan.end; ++row)
        answer(scenario.baseline, laws[row], draws, drawn.input.data(), kAllParts, {row, row + 1},
               *alone);
      EXPECT_EQ(bytes_of(*together, kRows), bytes_of(*alone, kRows)) << which;
    }
}

TEST(LawColumns, LeaveWhatIsFreeFreeWhereNothingIsChanged) {
  // A cost of nothing stays nothing for requests that no effect acts on, and becomes positive for
  // others, so that logarithms exist.
  Scenario scenario = quiet_world();
  scenario.baseline.price.input_usd_per_token = 0.0;
  const auto columns = std::make_unique<LawColumns>();
  const auto maps = std::make_unique<AffineColumns>();
  const auto out = std::make_unique<ArmColumns>();
  const Drawn drawn(0);
  const PriceTable prices(scenario.baseline.price, 0.0);
  ArmLaw law;
  law.prices = &prices.at(0.0);
  law.error = 1.0;  // an error bills its input only
  maps->multiply[0] = 1.0;
  maps->multiply[1] = 2.0;
  maps->shift[0] = maps->shift[1] = 0.0;
  columns->set(WorldMetric::cost, scenario.baseline, {{}, *maps, 2}, law.rows);
  answer(scenario.baseline, law, drawn.draws(false), drawn.input.data(), {.cost = true}, {0, 2},
         *out);
  EXPECT_EQ(out->cost[0], 0.0F);
  EXPECT_EQ(out->cost[1], kLeastPositive);
}

}  // namespace
}  // namespace gatewright::sim
