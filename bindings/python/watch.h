// Long work away from the GIL, watched from the thread that asked for it.
// Used by run and sweep; signals, progress and errors of Python code reach Python in the caller's
// thread and nowhere else.
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>
#include <cstdint>
#include <functional>

namespace gatewright::python {

/// What work and watcher tell each other.
struct Watch {
  std::atomic<bool> stop{false};  ///< set by the watcher: finish what is under way, then return
  std::atomic<std::uint64_t> done{0};  ///< raised by the work
  std::function<void()>
      look{};  ///< set by the watcher: the work calls it after whatever it finished
};

/// Where the work is done. A thread of its own takes as long to start as a small experiment takes.
enum class Workplace : std::uint8_t {
  own_thread,  ///< and the caller looks twenty times a second
  here,        ///< and the caller looks as often where `watch.look` is called
};

/// Runs `work` without the GIL, looking meanwhile for signals and calling `progress(done, total)` when
/// it is callable and there is news. Returns whether Ctrl-C stopped the work. What `work`, `progress`
/// or another signal handler raises is raised here, once the work has returned.
[[nodiscard]] bool watched(Watch& watch, std::uint64_t total, const pybind11::object& progress,
                           const std::function<void()>& work,
                           Workplace workplace = Workplace::own_thread);

/// Raises KeyboardInterrupt: Ctrl-C came before there was anything to keep. Needs the GIL.
[[noreturn]] void raise_interrupt();

}  // namespace gatewright::python
