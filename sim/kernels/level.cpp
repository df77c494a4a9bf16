// The kernels for one instruction set: this file is compiled once for each, with its flags, and only
// the table leaves it.
#include "sim/kernels/answers.h"
#include "sim/kernels/functions.h"
#include "sim/kernels/kernels.h"
#include "sim/kernels/lanes.h"
#include "sim/kernels/orders.h"
#include "sim/kernels/row_sets.h"
#include "sim/kernels/streams.h"
#include "sim/kernels/sums.h"
#include "sim/kernels/texts.h"
#include "sim/kernels/variates.h"

namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL {
namespace {

void exp_column(const float* in, float* out, std::size_t count) noexcept {
  map(in, out, count, [](const auto& x) { return exp(x); });
}

void log_column(const float* in, float* out, std::size_t count) noexcept {
  map(in, out, count, [](const auto& x) { return log(x); });
}

void lognormals(const float* z, LognormalScale scale, float* out, std::size_t count) noexcept {
  map(z, out, count, [=](const auto& score) {
    return smaller(all(scale.most), exp(score * scale.sigma) * scale.median);
  });
}

/// Values of at least 0: cutting off rounds.
template <typename Floats>
Floats rounded(const Floats& value) noexcept {
  return to_float(to_whole(value + 0.5F));
}

void whole_lognormals(const float* z, LognormalScale scale, float* out,
                      std::size_t count) noexcept {
  constexpr float kReach = 80.0F;  // of exp
  map(z, out, count, [=](const auto& score) {
    const auto exponent = larger(smaller(score * scale.sigma, all(kReach)), all(-kReach));
    const auto value = exp(exponent) * scale.median;
    return rounded(larger(smaller(value, all(scale.most)), all(1.0F)));
  });
}

void whole_numbers(const float* z, const Grid& grid, float* out, std::size_t count) noexcept {
  const auto last = static_cast<float>(grid.points - 1);
  const float steps = last / (2.0F * grid.reach);
  const float* values = grid.values;
  const auto value_at = [=](F32 score) {
    // What is no number is not smaller, and cut as well.
    const F32 cut = larger(smaller((score + grid.reach) * steps, all(last)), all(0.0F));
    const I32 place = to_whole(smaller(all(last - 1.0F), cut));
    const auto [low, high] = look_up(values, place);
    return rounded(low + (cut - to_float(place)) * (high - low));
  };
  map(z, out, count, [=](const auto& scores) { return each(scores, value_at); });
}

}  // namespace

extern const Kernels kKernels;
const Kernels kKernels = {
    .words = words,
    .open = open,
    .long_words = long_words,
    .normals = normals,
    .exponentials = exponentials,
    .words_at = words_at,
    .long_words_at = long_words_at,
    .normals_at = normals_at,
    .scaled = scaled,
    .pick = pick,
    .running_totals = running_totals,
    .moments = moments,
    .mix = mix,
    .exp = exp_column,
    .log = log_column,
    .lognormals = lognormals,
    .whole_lognormals = whole_lognormals,
    .whole_numbers = whole_numbers,
    .linear = linear,
    .linear_by_row = linear_by_row,
    .latencies = latencies,
    .mark = mark,
    .endings = endings,
    .costs = costs,
    .md5 = md5,
    .rows_below_16 = rows_below_16,
    .rows_below_32 = rows_below_32,
    .rows_with = rows_with,
    .count_rows = count_rows,
    .keep_rows = keep_rows,
    .sums_where = sums_where,
    .log_sums_where = log_sums_where,
    .sums_about = sums_about,
    .farthest = farthest,
    .count_at_most = count_at_most,
    .least_above = least_above,
    .keep_between = keep_between,
    .at_ranks = at_ranks,
    .sums_of_rows = sums_of_rows,
    .power_sums = power_sums,
    .bent_sums = bent_sums,
    .sums_at = sums_at,
    .log_sums_at = log_sums_at,
};

}  // namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL
