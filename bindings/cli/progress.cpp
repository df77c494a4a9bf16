#include "bindings/cli/progress.h"

#include <cmath>

#include <fmt/format.h>

#include "analysis/layout.h"
#include "bindings/cli/terminal.h"

namespace gatewright::cli {
namespace {

constexpr std::size_t kBar = 20;
constexpr std::string_view kClearLine = "\r\x1b[K";

[[nodiscard]] std::string time_text(double seconds) {
  const auto whole = std::llround(seconds);
  return whole < 60 ? fmt::format("{} s", whole)
                    : fmt::format("{}:{:02} min", whole / 60, whole % 60);
}

}  // namespace

Progress::Progress(std::string label, bool wanted)
    : label_(std::move(label)), is_shown_(wanted && is_watched()) {}

void Progress::show(std::uint64_t done) {
  const Clock::time_point now = Clock::now();
  if (!is_shown_ || total_ == 0 || now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  const double share = static_cast<double>(done) / static_cast<double>(total_);
  const double seconds = std::chrono::duration<double>(now - started_).count();
  std::string line =
      fmt::format("{}{} {} {}/{}", kClearLine, analysis::cut(label_, 30, false),
                  analysis::left(analysis::bar(share, kBar, false), kBar), done, total_);
  if (done > 0 && seconds > 0.5)
    line += fmt::format("  {:.3g}/s  {} left", static_cast<double>(done) / seconds,
                        time_text(seconds * (1.0 - share) / share));
  std::fwrite(line.data(), 1, line.size(), stderr);
}

void Progress::clear() {
  if (!is_shown_ || drawn_ == Clock::time_point{}) return;
  std::fwrite(kClearLine.data(), 1, kClearLine.size(), stderr);
  drawn_ = {};
}

}  // namespace gatewright::cli
