// Workload A in plain C++: one server at utilisation 0.9 on the standard's generator, laws and
// priority_queue. Run beside bench_serving by report.py.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

namespace {

constexpr std::uint64_t kCustomers = 200'000;

struct Laws {
  std::mt19937_64 words{1};
  std::exponential_distribution<double> gap{0.9};
  std::exponential_distribution<double> service{1.0};
  double next_gap() { return gap(words); }
  double next_service() { return service(words); }
};

void report(benchmark::State& bench, std::uint64_t customers, double sojourns) {
  const auto count = static_cast<double>(customers);
  bench.counters["events"] = benchmark::Counter(2.0 * count, benchmark::Counter::kIsRate);
  bench.counters["mean_sojourn"] = sojourns / count;  // 10 in theory
}

/// An event loop as one first writes it: anything can be scheduled.
class EventLoop {
 public:
  void after(double seconds, std::function<void()> what) {
    events_.push({now_ + seconds, scheduled_++, std::move(what)});
  }
  void run() {
    while (!events_.empty()) {
      Event event = events_.top();
      events_.pop();
      now_ = event.at;
      event.what();
    }
  }
  [[nodiscard]] double now() const { return now_; }

 private:
  struct Event {
    double at;
    std::uint64_t number;
    std::function<void()> what;
    bool operator>(const Event& other) const {
      return at != other.at ? at > other.at : number > other.number;
    }
  };
  double now_ = 0.0;
  std::uint64_t scheduled_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
};

void plain_queue(benchmark::State& bench) {
  Laws laws;
  double sojourns = 0.0;
  std::uint64_t customers = 0;
  for (auto _ : bench) {
    EventLoop loop;
    std::queue<double> waiting;
    std::uint64_t arrived = 0;
    std::function<void()> leave = [&] {
      sojourns += loop.now() - waiting.front();
      waiting.pop();
      if (!waiting.empty()) loop.after(laws.next_service(), leave);
    };
    std::function<void()> arrive = [&] {
      waiting.push(loop.now());
      if (waiting.size() == 1) loop.after(laws.next_service(), leave);
      if (++arrived < kCustomers) loop.after(laws.next_gap(), arrive);
    };
    loop.after(laws.next_gap(), arrive);
    loop.run();
    customers += kCustomers;
  }
  report(bench, customers, sojourns);
}
BENCHMARK(plain_queue)->Unit(benchmark::kMillisecond);

/// The same where an event is one of two numbers: nothing else can be scheduled.
void plain_queue_of_numbers(benchmark::State& bench) {
  enum class Kind : std::uint8_t { arrival, leave };
  struct Event {
    double at;
    Kind kind;
    bool operator>(const Event& other) const { return at > other.at; }
  };
  Laws laws;
  double sojourns = 0.0;
  std::uint64_t customers = 0;
  for (auto _ : bench) {
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events;
    std::queue<double> waiting;
    events.push({laws.next_gap(), Kind::arrival});
    for (std::uint64_t arrived = 0; !events.empty();) {
      const Event event = events.top();
      events.pop();
      if (event.kind == Kind::arrival) {
        waiting.push(event.at);
        if (waiting.size() == 1) events.push({event.at + laws.next_service(), Kind::leave});
        if (++arrived < kCustomers) events.push({event.at + laws.next_gap(), Kind::arrival});
      } else {
        sojourns += event.at - waiting.front();
        waiting.pop();
        if (!waiting.empty()) events.push({event.at + laws.next_service(), Kind::leave});
      }
    }
    customers += kCustomers;
  }
  report(bench, customers, sojourns);
}
BENCHMARK(plain_queue_of_numbers)->Unit(benchmark::kMillisecond);

}  // namespace
