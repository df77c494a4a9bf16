#include "sim/traffic/arrivals.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include "sim/arms/chance.h"
#include "sim/kernels/kernels.h"
#include "sim/lane_stream.h"
#include "sim/seconds.h"
#include "sim/streams.h"
#include "sim/traffic/modulation.h"
#include "sim/traffic/profiles.h"
#include "sim/traffic/rate_path.h"
#include "sim/traffic/tenant_renewals.h"
#include "sim/traffic/trace.h"
#include "sim/users/session_flow.h"

namespace gatewright::sim {
namespace {

constexpr double kNanosecondsPerSecond = 1e9;

double seconds(Nanoseconds time) noexcept {
  return static_cast<double>(time) / kNanosecondsPerSecond;
}

/// [from, to) in nanoseconds since the start of the rollout.
struct Window {
  Window(std::uint64_t number, Duration length)
      : index(number),
        from(static_cast<Nanoseconds>(number) * length.count()),
        to(from + length.count()),
        last_second(std::nextafter(seconds(to), 0.0)) {}

  /// A time in the window as seconds: rounding must not carry it into the next.
  [[nodiscard]] double within(double at_seconds) const noexcept {
    return std::min(at_seconds, last_second);
  }

  std::uint64_t index;
  Nanoseconds from;
  Nanoseconds to;
  double last_second;
};

/// Arrivals of a Poisson process of rate one, many at a time.
class UnitArrivals {
 public:
  /// Times in units of kGapUnit since `before`.
  struct Times {
    double before = 0.0;
    std::span<const std::uint32_t> units;
  };

  explicit UnitArrivals(const StreamKey& key) : stream_(key) {}
  /// The next of those before `end`, at least one unless none is left.
  [[nodiscard]] Times take_before(double end) noexcept {
    if (next_ == kGapsAtOnce) draw();
    const auto is_before = [this, end](std::uint32_t units) { return at(units) < end; };
    const auto first = units_.begin() + static_cast<std::ptrdiff_t>(next_);
    const auto last = is_before(units_.back())
                          ? units_.end()
                          : std::partition_point(first, units_.end(), is_before);
    next_ += static_cast<std::size_t>(last - first);
    return {before_, {first, last}};
  }
  [[nodiscard]] std::uint64_t draws() const noexcept { return stream_.draws(); }

 private:
  [[nodiscard]] double at(std::uint32_t units) const noexcept {
    return before_ + static_cast<double>(units) * kGapUnit;
  }
  void draw() noexcept {
    before_ = at(units_.back());
    alignas(64) std::array<float, kGapsAtOnce> gaps;
    stream_.fill_exponential(gaps);
    kernels().running_totals(gaps.data(), units_.data(), kGapsAtOnce);
    next_ = 0;
  }

  LaneStream stream_;
  alignas(64) std::array<std::uint32_t, kGapsAtOnce> units_{};
  double before_ = 0.0;
  std::size_t next_ = kGapsAtOnce;
};

/// Arrivals of a Poisson process in the window, which begins anew at its start; that is exact because
/// the process has no memory. Where the rate r changes, time runs r times as fast in a process of rate
/// one (Cinlar 1975, section 4.7).
void fill_poisson(RunKey key, const Window& window, std::span<const RatePiece> pieces,
                  ArrivalColumns& out) {
  UnitArrivals arrivals({key.seed, key.replication, "arrivals", window.index});
  double run = 0.0;  // of the unit process, at the start of the piece
  Nanoseconds from = window.from;
  for (const RatePiece& piece : pieces) {
    const double start = seconds(from);
    const double end = run + seconds(piece.to - from) * piece.per_second;
    TimeMap map{.from = start,
                .total = run,
                .step = 1.0 / piece.per_second,
                .most = window.within(seconds(piece.to))};
    while (run < end) {
      const auto [before, some] = arrivals.take_before(end);
      if (some.empty()) break;
      map.before = before;
      const std::size_t filled = out.at_seconds.size();
      out.at_seconds.resize(filled + some.size());
      kernels().moments(some.data(), map, out.at_seconds.data() + filled, some.size());
    }
    run = end;
    from = piece.to;
  }
  out.draws += arrivals.draws();
}

/// Of synthetic arrivals: nothing is recorded.
const std::vector<float>& no_tokens() noexcept {
  static const std::vector<float> kNone;
  return kNone;
}

/// What all synthetic arrivals are made of.
struct SyntheticLaw {
  RateLaw rate;
  std::optional<DailyWave> wave{};
  std::vector<TrafficChange> changes{};
  Tenants tenants{};
  Sessions sessions{};

  [[nodiscard]] bool has_sessions() const noexcept { return sessions.requests > 1.0; }
};

class SyntheticCursor final : public ArrivalCursor {
 public:
  SyntheticCursor(const SyntheticLaw& law, const Population& population)
      : law_(law), path_(starts_of(law), ChangeFactor(law.changes)) {
    if (law.tenants.burstiness) renewals_.emplace(*law.tenants.burstiness, population.shares());
    if (law.has_sessions()) sessions_.emplace(law.sessions, population);
  }

  void start(RunKey key) override {
    key_ = key;
    next_window_ = 0;
    path_.start(key);
    if (renewals_) renewals_->start(key);
    if (sessions_) sessions_->start(key, law_.rate.per_second * wave_factor(0.0));
    draws_ = 0;
  }

  void next(Duration length, ArrivalColumns& out) override {
    out.clear();
    const Window window(next_window_++, length);
    if (renewals_) {
      path_.fill(window.from, window.to, wave(MinutelyWave::Held::middle), pieces_);
      renewals_->fill(window.from, pieces_, out.at_seconds, out.tenant);
      for (double& at : out.at_seconds) at = window.within(at);
    } else {
      path_.fill(window.from, window.to, wave(MinutelyWave::Held::most), pieces_);
      fill_poisson(key_, window, pieces_, out);
      if (law_.wave) thin(window, out);
    }
    if (sessions_) weave_sessions(window, out);

    const std::uint64_t draws =
        path_.draws() + (renewals_ ? renewals_->draws() : 0) + (sessions_ ? sessions_->draws() : 0);
    out.draws += draws - draws_;
    draws_ = draws;
  }

 private:
  /// The rate of session starts.
  static RateLaw starts_of(const SyntheticLaw& law) {
    RateLaw starts = law.rate;
    if (law.has_sessions()) starts.per_second /= law.sessions.requests;
    return starts;
  }

  [[nodiscard]] double wave_factor(double at_seconds) const noexcept {
    return law_.wave ? law_.wave->factor(at_seconds) : 1.0;
  }

  [[nodiscard]] MinutelyWave wave(MinutelyWave::Held held) const noexcept {
    return {law_.wave ? &*law_.wave : nullptr, held};
  }

  /// Thinning (Lewis and Shedler 1979): candidates at the greatest rate of their minute, each kept
  /// with the share that the rate then has of it, which for nearly all is above their draw anyway.
  void thin(const Window& window, ArrivalColumns& out) {
    constexpr double kMinuteSeconds = 60.0;
    LaneStream thinning({key_.seed, key_.replication, "arrivals.thinning", window.index});
    words_.resize(out.at_seconds.size());
    thinning.fill_words(words_);
    double minute_ends = -1.0;
    Bounds bounds;
    Word sure = 0;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const double at = out.at_seconds[i];
      if (at >= minute_ends) {
        const auto minute = static_cast<Nanoseconds>(at / kMinuteSeconds);
        minute_ends = kMinuteSeconds * static_cast<double>(minute + 1);
        bounds = law_.wave->within_minute(minute);
        sure = bound_of(bounds.least / bounds.most);
      }
      out.at_seconds[kept] = at;
      if (words_[i] < sure || uniform_of(words_[i]) * bounds.most < law_.wave->factor(at)) ++kept;
    }
    out.at_seconds.resize(kept);
    out.draws += thinning.draws();
  }

  /// What came in are starts of sessions; what goes out are the requests of all sessions.
  void weave_sessions(const Window& window, ArrivalColumns& out) {
    const double from = seconds(window.from);
    sessions_->play({.index = window.index,
                     .length_seconds = seconds(window.to - window.from),
                     .from_seconds = from,
                     .until_seconds = seconds(window.to)},
                    {out.at_seconds, out.tenant}, path_.changes(), requests_);
    out.tenant.clear();
    out.at_seconds.resize(requests_.size());
    out.user.resize(requests_.size());
    out.session.resize(requests_.size());
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      // The calendar divides, which may round into a neighbour of the window.
      out.at_seconds[i] = window.within(std::max(from, requests_[i].at_seconds));
      out.user[i] = requests_[i].user;
      out.session[i] = requests_[i].session;
    }
  }

  const SyntheticLaw& law_;
  RatePath path_;
  std::optional<TenantRenewals> renewals_;
  std::optional<SessionFlow> sessions_;
  RunKey key_;
  std::uint64_t next_window_ = 0;
  std::vector<RatePiece> pieces_;
  std::vector<Word> words_;               ///< of thinning
  std::vector<SessionRequest> requests_;  ///< of the present window
  std::uint64_t draws_ = 0;               ///< of what carries over, up to the present window
};

class SyntheticRates final : public RateCursor {
 public:
  explicit SyntheticRates(const SyntheticLaw& law)
      : law_(law), path_(law.rate, ChangeFactor(law.changes)) {}

  void start(RunKey key) override {
    path_.start(key);
    next_window_ = 0;
  }
  void next(Duration length, std::vector<RatePiece>& out) override {
    const Window window(next_window_++, length);
    path_.fill(window.from, window.to, {law_.wave ? &*law_.wave : nullptr}, out);
  }
  std::uint64_t draws() const noexcept override { return path_.draws(); }

 private:
  const SyntheticLaw& law_;
  RatePath path_;
  std::uint64_t next_window_ = 0;
};

class SyntheticProcess final : public ArrivalProcess {
 public:
  explicit SyntheticProcess(SyntheticLaw law) : law_(std::move(law)) {}

  std::unique_ptr<ArrivalCursor> cursor(const Population& population) const override {
    return std::make_unique<SyntheticCursor>(law_, population);
  }
  std::unique_ptr<RateCursor> rates() const override {
    if (law_.tenants.burstiness || law_.has_sessions()) return nullptr;
    return std::make_unique<SyntheticRates>(law_);
  }
  double mean_rate_per_second() const noexcept override { return law_.rate.per_second; }
  const std::vector<float>& sorted_output_tokens() const noexcept override { return no_tokens(); }

 private:
  SyntheticLaw law_;
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

/// A recording made as long as a rollout.
class TraceProcess : public ArrivalProcess {
 public:
  TraceProcess(const Trace& trace, const std::vector<TrafficChange>& changes)
      : recording_(trace), changes_(changes) {}

  std::unique_ptr<ArrivalCursor> cursor(const Population& /*population*/) const override;
  double mean_rate_per_second() const noexcept override { return recording_.rate_per_second(); }
  const std::vector<float>& sorted_output_tokens() const noexcept override {
    return recording_.sorted_output();
  }

  void fill(RunKey key, const Window& window, ArrivalColumns& out) const {
    out.clear();
    play(key, window, out);
    if (!changes_.is_empty()) thin(key, window, out);
  }

 protected:
  /// Appends the arrivals of a window.
  virtual void play(RunKey key, const Window& window, ArrivalColumns& out) const = 0;
  [[nodiscard]] const Recording& recording() const noexcept { return recording_; }

 private:
  /// Keeps of what is recorded the share that the changes leave.
  void thin(RunKey key, const Window& window, ArrivalColumns& out) const {
    Stream stream({key.seed, key.replication, "arrivals.changes", window.index});
    std::size_t kept = 0;
    for (std::size_t i = 0; i < out.at_seconds.size(); ++i) {
      const double factor =
          changes_.at(static_cast<Nanoseconds>(out.at_seconds[i] * kNanosecondsPerSecond));
      if (!(stream.uniform() < factor)) continue;
      out.at_seconds[kept] = out.at_seconds[i];
      out.input_tokens[kept] = out.input_tokens[i];
      out.output_tokens[kept++] = out.output_tokens[i];
    }
    out.at_seconds.resize(kept);
    out.input_tokens.resize(kept);
    out.output_tokens.resize(kept);
    out.draws += stream.draws();
  }

  Recording recording_;
  ChangeFactor changes_;
};

/// Nothing carries over but the number of the window.
class TraceCursor final : public ArrivalCursor {
 public:
  explicit TraceCursor(const TraceProcess& process) : process_(process) {}

  void start(RunKey key) override {
    key_ = key;
    next_window_ = 0;
  }
  void next(Duration length, ArrivalColumns& out) override {
    process_.fill(key_, Window(next_window_++, length), out);
  }

 private:
  const TraceProcess& process_;
  RunKey key_;
  std::uint64_t next_window_ = 0;
};

std::unique_ptr<ArrivalCursor> TraceProcess::cursor(const Population& /*population*/) const {
  return std::make_unique<TraceCursor>(*this);
}

/// The recording from its start, over and over.
class LoopedTrace final : public TraceProcess {
 public:
  using TraceProcess::TraceProcess;

 private:
  void play(RunKey /*key*/, const Window& window, ArrivalColumns& out) const override {
    recording().play(window.from, window.to, 0, window, out);
  }
};

/// The circular block bootstrap (Politis and Romano 1992): the rollout is cut into blocks, each plays
/// a stretch of the recording that starts at a time drawn uniformly.
class BootstrappedTrace final : public TraceProcess {
 public:
  BootstrappedTrace(const Trace& trace, const std::vector<TrafficChange>& changes, Duration block)
      : TraceProcess(trace, changes), block_(std::min(block.count(), recording().span())) {}

 private:
  void play(RunKey key, const Window& window, ArrivalColumns& out) const override {
    for (Nanoseconds from = window.from; from < window.to;) {
      const Nanoseconds block = from / block_;
      const Nanoseconds start = block * block_;
      const Nanoseconds end = std::min(window.to, start + block_);
      Stream stream(
          {key.seed, key.replication, "arrivals.block", static_cast<std::uint64_t>(block)});
      const auto drawn =
          static_cast<Nanoseconds>(stream.uniform() * static_cast<double>(recording().span()));
      recording().play(drawn + (from - start), drawn + (end - start), start - drawn, window, out);
      out.draws += stream.draws();
      from = end;
    }
  }

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
    return synthetic({.per_second = law.rate_per_second}, std::nullopt);
  }

  MadeArrivals operator()(const DiurnalArrivals& law) {
    return synthetic({.per_second = law.rate_per_second},
                     DailyWave{law.amplitude, law.second_harmonic, law.peak, law.start_of_day});
  }

  MadeArrivals operator()(const BurstyArrivals& said) {
    const BurstyArrivals law = filled(said, *find_profile(scenario_.traffic.profile));
    RateLaw rate{.per_second = *law.rate_per_second, .start_of_day = law.start_of_day};
    rate.day_level_log_variance = std::log1p(*law.day_level_cv * *law.day_level_cv);
    add_modulation("arrivals.fast", law.fast, kFastAverageSeconds, rate);
    add_modulation("arrivals.slow", law.slow, kSlowAverageSeconds, rate);
    return synthetic(std::move(rate),
                     DailyWave{*law.amplitude, *law.second_harmonic, law.peak, law.start_of_day});
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
  static void add_modulation(StreamName name, const BurstyArrivals::Modulation& law,
                             double averaged_over_seconds, RateLaw& rate) {
    if (*law.cv == 0.0) return;
    const double variance =
        log_variance(*law.cv, {.over_seconds = averaged_over_seconds,
                               .correlation_seconds = to_seconds(*law.correlation_time)});
    rate.modulations.emplace_back(name, variance, *law.correlation_time);
  }

  MadeArrivals synthetic(RateLaw rate, std::optional<DailyWave> wave) {
    const Traffic& traffic = scenario_.traffic;
    made_.process = std::make_unique<SyntheticProcess>(SyntheticLaw{
        std::move(rate), wave, traffic.changes, traffic.tenants, traffic.users.sessions});
    return std::move(made_);
  }

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
      made_.process = std::make_unique<LoopedTrace>(trace, scenario_.traffic.changes);
      made_.notes.push_back(what + "as long as the horizon of " + spoken(horizon) +
                            ", so played once, the same in every replication");
    } else if (law.repeat == TraceRepeat::loop) {
      made_.process = std::make_unique<LoopedTrace>(trace, scenario_.traffic.changes);
      made_.notes.push_back(what + "looped" + to_cover + ", the same in every replication");
    } else {
      made_.process =
          std::make_unique<BootstrappedTrace>(trace, scenario_.traffic.changes, law.block);
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
