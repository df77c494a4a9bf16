#include "sim/traffic/arrivals.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <numbers>
#include <utility>
#include <variant>

#include "sim/seconds.h"
#include "sim/streams.h"
#include "sim/traffic/trace.h"

namespace gatewright::sim {
namespace {

using Nanoseconds = std::int64_t;
constexpr double kNanosecondsPerSecond = 1e9;

double seconds(Nanoseconds time) noexcept {
  return static_cast<double>(time) / kNanosecondsPerSecond;
}

/// [from, to) in nanoseconds since the start of the rollout.
struct Window {
  Window(std::uint64_t index, Duration length)
      : from(static_cast<Nanoseconds>(index) * length.count()),
        to(from + length.count()),
        last_second(std::nextafter(seconds(to), 0.0)) {}

  /// A time in the window as seconds: rounding must not carry it into the next.
  [[nodiscard]] double within(double at_seconds) const noexcept {
    return std::min(at_seconds, last_second);
  }

  Nanoseconds from;
  Nanoseconds to;
  double last_second;
};

void clear(ArrivalColumns& out) {
  out.at_seconds.clear();
  out.input_tokens.clear();
  out.output_tokens.clear();
  out.draws = 0;
}

/// Arrivals of a Poisson process in the window: exponential gaps, begun anew at its start, which is
/// exact because the process has no memory.
void fill_poisson(RunKey key, std::uint64_t index, const Window& window, double rate_per_second,
                  ArrivalColumns& out) {
  constexpr std::size_t kBatch = 256;
  Stream stream({key.seed, key.replication, "arrivals", index});
  std::array<double, kBatch> gaps;
  const double start = seconds(window.from);
  const double length = seconds(window.to - window.from);
  double since_start = 0.0;
  while (since_start < length) {
    stream.fill_exponential(gaps);
    for (const double gap : gaps) {
      since_start += gap / rate_per_second;
      if (!(since_start < length)) break;
      out.at_seconds.push_back(window.within(start + since_start));
    }
  }
  out.draws += stream.draws();
}

/// Of synthetic arrivals: nothing is recorded.
const std::vector<float>& no_tokens() noexcept {
  static const std::vector<float> kNone;
  return kNone;
}

class PoissonProcess final : public ArrivalProcess {
 public:
  explicit PoissonProcess(const PoissonArrivals& law) : law_(law) {}

  void fill(RunKey key, std::uint64_t window, Duration length, ArrivalColumns& out) const override {
    clear(out);
    fill_poisson(key, window, Window(window, length), law_.rate_per_second, out);
  }
  double mean_rate_per_second() const noexcept override { return law_.rate_per_second; }
  const std::vector<float>& sorted_output_tokens() const noexcept override { return no_tokens(); }

 private:
  PoissonArrivals law_;
};

/// Thinning (Lewis and Shedler 1979): candidates at the peak rate, each kept with the share that the
/// rate then has of the peak.
class DiurnalProcess final : public ArrivalProcess {
 public:
  explicit DiurnalProcess(const DiurnalArrivals& law)
      : law_(law), peak_(1.0 + law.amplitude + law.second_harmonic) {}

  void fill(RunKey key, std::uint64_t window, Duration length, ArrivalColumns& out) const override {
    clear(out);
    fill_poisson(key, window, Window(window, length), law_.rate_per_second * peak_, out);
    Stream thinning({key.seed, key.replication, "arrivals.thinning", window});
    std::size_t kept = 0;
    for (const double at_seconds : out.at_seconds)
      if (thinning.uniform() * peak_ < relative_rate(at_seconds))
        out.at_seconds[kept++] = at_seconds;
    out.at_seconds.resize(kept);
    out.draws += thinning.draws();
  }
  double mean_rate_per_second() const noexcept override { return law_.rate_per_second; }
  const std::vector<float>& sorted_output_tokens() const noexcept override { return no_tokens(); }

 private:
  /// The rate against its mean over the day.
  [[nodiscard]] double relative_rate(double at_seconds) const noexcept {
    constexpr double kSecondsPerDay = 86'400.0;
    const double since_peak = at_seconds + to_seconds(law_.start_of_day - law_.peak);
    const double cosine = std::cos(2.0 * std::numbers::pi / kSecondsPerDay * since_peak);
    const double cosine_of_double = 2.0 * cosine * cosine - 1.0;
    return 1.0 + law_.amplitude * cosine + law_.second_harmonic * cosine_of_double;
  }

  DiurnalArrivals law_;
  double peak_;
};

/// A recording that never ends: after its span it begins again.
class Recording {
 public:
  explicit Recording(const Trace& trace)
      : span_(std::llround(trace.span_seconds * kNanosecondsPerSecond)),
        rate_(static_cast<double>(trace.rows.size()) / trace.span_seconds) {
    for (const TraceRow& row : trace.rows) {
      times_.push_back(std::llround(row.at_seconds * kNanosecondsPerSecond));
      input_.push_back(row.input_tokens);
      output_.push_back(row.output_tokens);
    }
    sorted_output_ = output_;
    std::sort(sorted_output_.begin(), sorted_output_.end());
  }

  [[nodiscard]] Nanoseconds span() const noexcept { return span_; }
  [[nodiscard]] double rate_per_second() const noexcept { return rate_; }
  [[nodiscard]] const std::vector<float>& sorted_output() const noexcept { return sorted_output_; }

  /// Appends what is recorded in [from, to), said `later` after it was recorded.
  void play(Nanoseconds from, Nanoseconds to, Nanoseconds later, const Window& window,
            ArrivalColumns& out) const {
    while (from < to) {
      const Nanoseconds lap = from / span_ * span_;
      const Nanoseconds end = std::min(to, lap + span_);
      const std::size_t first = index_of(from - lap);
      const std::size_t last = index_of(end - lap);
      for (std::size_t i = first; i < last; ++i)
        out.at_seconds.push_back(window.within(seconds(times_[i] + lap + later)));
      append(input_, first, last, out.input_tokens);
      append(output_, first, last, out.output_tokens);
      from = end;
    }
  }

 private:
  /// The first row not before `time`.
  [[nodiscard]] std::size_t index_of(Nanoseconds time) const noexcept {
    return static_cast<std::size_t>(std::lower_bound(times_.begin(), times_.end(), time) -
                                    times_.begin());
  }

  static void append(const std::vector<float>& from, std::size_t first, std::size_t last,
                     std::vector<float>& to) {
    to.insert(to.end(), from.begin() + static_cast<std::ptrdiff_t>(first),
              from.begin() + static_cast<std::ptrdiff_t>(last));
  }

  Nanoseconds span_;
  double rate_;
  std::vector<Nanoseconds> times_;
  std::vector<float> input_;
  std::vector<float> output_;
  std::vector<float> sorted_output_;
};

/// The recording from its start, over and over.
class LoopedTrace final : public ArrivalProcess {
 public:
  explicit LoopedTrace(const Trace& trace) : recording_(trace) {}

  void fill(RunKey /*key*/, std::uint64_t index, Duration length,
            ArrivalColumns& out) const override {
    clear(out);
    const Window window(index, length);
    recording_.play(window.from, window.to, 0, window, out);
  }
  double mean_rate_per_second() const noexcept override { return recording_.rate_per_second(); }
  const std::vector<float>& sorted_output_tokens() const noexcept override {
    return recording_.sorted_output();
  }

 private:
  Recording recording_;
};

/// The circular block bootstrap (Politis and Romano 1992): the rollout is cut into blocks, each plays
/// a stretch of the recording that starts at a time drawn uniformly.
class BootstrappedTrace final : public ArrivalProcess {
 public:
  BootstrappedTrace(const Trace& trace, Duration block)
      : recording_(trace), block_(std::min(block.count(), recording_.span())) {}

  void fill(RunKey key, std::uint64_t index, Duration length, ArrivalColumns& out) const override {
    clear(out);
    const Window window(index, length);
    for (Nanoseconds from = window.from; from < window.to;) {
      const Nanoseconds block = from / block_;
      const Nanoseconds start = block * block_;
      const Nanoseconds end = std::min(window.to, start + block_);
      Stream stream(
          {key.seed, key.replication, "arrivals.block", static_cast<std::uint64_t>(block)});
      const auto drawn =
          static_cast<Nanoseconds>(stream.uniform() * static_cast<double>(recording_.span()));
      recording_.play(drawn + (from - start), drawn + (end - start), start - drawn, window, out);
      out.draws += stream.draws();
      from = end;
    }
  }
  double mean_rate_per_second() const noexcept override { return recording_.rate_per_second(); }
  const std::vector<float>& sorted_output_tokens() const noexcept override {
    return recording_.sorted_output();
  }

 private:
  Recording recording_;
  Nanoseconds block_;
};

/// "14,176".
std::string grouped(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t i = digits.size(); i > 3;) digits.insert(i -= 3, 1, ',');
  return digits;
}

/// Three digits: "5.9".
std::string rounded(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g", value);
  return text.data();
}

/// "40 min".
std::string spoken(double duration_seconds) {
  if (duration_seconds >= 2.0 * 86'400.0) return rounded(duration_seconds / 86'400.0) + " days";
  if (duration_seconds >= 2.0 * 3'600.0) return rounded(duration_seconds / 3'600.0) + " h";
  if (duration_seconds >= 2.0 * 60.0) return rounded(duration_seconds / 60.0) + " min";
  return rounded(duration_seconds) + " s";
}

class Maker {
 public:
  explicit Maker(const Scenario& scenario) : scenario_(scenario) {}

  MadeArrivals operator()(const PoissonArrivals& law) {
    made_.process = std::make_unique<PoissonProcess>(law);
    return std::move(made_);
  }

  MadeArrivals operator()(const DiurnalArrivals& law) {
    made_.process = std::make_unique<DiurnalProcess>(law);
    return std::move(made_);
  }

  MadeArrivals operator()(const TraceArrivals& law) {
    constexpr Duration kLeastBlock = std::chrono::seconds(1);
    if (law.repeat == TraceRepeat::bootstrap && law.block < kLeastBlock) {
      made_.diagnostics.push_back({Severity::error,
                                   "traffic.arrivals.trace.block",
                                   "expected a block of at least 1s, such as 5m",
                                   {},
                                   0,
                                   0});
      return std::move(made_);
    }
    const std::filesystem::path file =
        std::filesystem::path(scenario_.directory) / std::filesystem::path(law.file);
    ReadTrace read = read_trace(file.string(), law.format);
    for (Diagnostic& diagnostic : read.diagnostics) {
      diagnostic.path = "traffic.arrivals.trace.file";
      made_.diagnostics.push_back(std::move(diagnostic));
    }
    if (has_errors(made_.diagnostics)) return std::move(made_);
    name_ = "trace " + file.filename().string() + ": ";
    play(law, read.trace);
    say_what_was_dropped(read.trace);
    return std::move(made_);
  }

 private:
  void play(const TraceArrivals& law, const Trace& trace) {
    std::uint64_t dropped = 0;
    for (const DroppedRows& rows : trace.dropped) dropped += rows.count;
    const double rate = static_cast<double>(trace.rows.size()) / trace.span_seconds;
    const std::string what = name_ + grouped(trace.rows.size()) + " rows over " +
                             spoken(trace.span_seconds) + " (" + rounded(rate) + "/s), " +
                             grouped(dropped) + " dropped; ";
    const double horizon = to_seconds(scenario_.horizon);
    const std::string to_cover = " to cover " + spoken(horizon);

    if (trace.span_seconds >= horizon) {
      made_.process = std::make_unique<LoopedTrace>(trace);
      made_.notes.push_back(what + "as long as the horizon of " + spoken(horizon) +
                            ", so played once, the same in every replication");
    } else if (law.repeat == TraceRepeat::loop) {
      made_.process = std::make_unique<LoopedTrace>(trace);
      made_.notes.push_back(what + "looped" + to_cover + ", the same in every replication");
    } else {
      made_.process = std::make_unique<BootstrappedTrace>(trace, law.block);
      const double block = std::min(to_seconds(law.block), trace.span_seconds);
      made_.notes.push_back(what + spoken(block) + " blocks drawn anew in each replication" +
                            to_cover);
      if (block < to_seconds(law.block))
        made_.notes.push_back(name_ + "blocks are cut to the length of the recording");
    }
    if (trace.tick_seconds > 0.0)
      made_.notes.push_back(name_ + "times come in ticks of " + spoken(trace.tick_seconds) +
                            ": bursts below a few ticks are those of the clock");
  }

  void say_what_was_dropped(const Trace& trace) {
    for (const DroppedRows& rows : trace.dropped)
      made_.notes.push_back(name_ + "dropped " + grouped(rows.count) +
                            (rows.count == 1 ? " row" : " rows") + ", the first in line " +
                            std::to_string(rows.first_line) + ": " + rows.reason);
  }

  const Scenario& scenario_;
  MadeArrivals made_;
  std::string name_;  ///< how notes begin
};

}  // namespace

MadeArrivals make_arrivals(const Scenario& scenario) {
  return std::visit(Maker(scenario), scenario.traffic.arrivals);
}

}  // namespace gatewright::sim
