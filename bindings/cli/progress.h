// A progress bar on stderr, where somebody watches: runs done, rate, time left.
// Used by the verbs that play; silent everywhere else.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace gatewright::cli {

class Progress {
 public:
  /// `wanted`: neither --quiet nor --no-progress.
  Progress(std::string label, bool wanted);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  /// The number of runs that are needed in all, as far as is known.
  void expect(std::uint64_t total) { total_ = total; }
  /// At most ten times a second something is drawn.
  void show(std::uint64_t done);
  /// Takes the bar off the terminal.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  std::string label_;
  bool is_shown_;
  std::uint64_t total_ = 0;
  Clock::time_point started_ = Clock::now();
  Clock::time_point drawn_{};
};

}  // namespace gatewright::cli
