// Marks of rare branches: who tests with random worlds counts them and misses those never reached.
// Used inside policies/ and sim/ as GATEWRIGHT_PROBE("a repeated observation"), read by the swarm.
// Never changes what is computed: off, as in production, a mark costs one predictable branch.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace gatewright {

/// The text of a mark as a template argument, so that equal texts are one mark.
template <std::size_t kSize>
struct ProbeReason {
  consteval ProbeReason(const char (&reason)[kSize]) {  // NOLINT: a reason reads as text
    std::copy_n(reason, kSize, text);
  }
  char text[kSize]{};
};

/// How often a mark was reached while counting was on.
struct ProbeCount {
  std::string_view reason;
  std::uint64_t reached = 0;
};

class ProbeMark {
 public:
  /// Enters the mark in the list, before main().
  explicit ProbeMark(const char* reason) noexcept : reason_(reason), next_(first) { first = this; }
  ProbeMark(const ProbeMark&) = delete;
  ProbeMark& operator=(const ProbeMark&) = delete;
  ~ProbeMark() = default;

  void reach() noexcept {
    if (is_counting.load(std::memory_order_relaxed))
      reached_.fetch_add(1, std::memory_order_relaxed);
  }

 private:
  friend void count_probes(bool on) noexcept;
  friend std::vector<ProbeCount> probe_counts();
  static inline constinit std::atomic<bool> is_counting = false;
  static inline constinit ProbeMark* first = nullptr;

  std::string_view reason_;
  std::atomic<std::uint64_t> reached_ = 0;
  ProbeMark* next_;
};

/// Turns counting on, from nothing, or off. For the whole process; not while something is stepping.
void count_probes(bool on) noexcept;
/// Every mark of the program, reached or not, by name.
[[nodiscard]] std::vector<ProbeCount> probe_counts();

/// The mark of that text; all are made before main(), so that one never reached is known as well.
template <ProbeReason kReason>
inline ProbeMark probe_mark{kReason.text};

}  // namespace gatewright

#define GATEWRIGHT_PROBE(reason) (::gatewright::probe_mark<reason>.reach())
