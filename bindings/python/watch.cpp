#include "bindings/python/watch.h"

#include <chrono>
#include <exception>
#include <future>

namespace gatewright::python {

namespace py = pybind11;

namespace {

constexpr auto kLookInterval = std::chrono::milliseconds(50);

/// Looks between pieces of the work, where the last look is long ago.
void work_here(Watch& watch, const std::function<void()>& look, const std::function<void()>& work) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point looked_at = Clock::now();
  watch.look = [&] {
    if (Clock::now() - looked_at < kLookInterval) return;
    {
      const py::gil_scoped_acquire with_gil;
      look();
    }
    looked_at = Clock::now();
  };
  std::exception_ptr failure;
  try {
    const py::gil_scoped_release without_gil;
    work();
  } catch (...) {
    failure = std::current_exception();
  }
  watch.look = nullptr;
  look();
  if (failure) std::rethrow_exception(failure);
}

void work_on_own_thread(const std::function<void()>& look, const std::function<void()>& work) {
  std::future<void> result = std::async(std::launch::async, work);
  for (bool ready = false; !ready;) {
    {
      const py::gil_scoped_release without_gil;
      ready = result.wait_for(kLookInterval) == std::future_status::ready;
    }
    look();
  }
  result.get();
}

}  // namespace

bool watched(Watch& watch, std::uint64_t total, const py::object& progress,
             const std::function<void()>& work, Workplace workplace) {
  bool interrupted = false;
  std::exception_ptr raised;
  std::uint64_t told = 0;
  const auto look = [&] {
    try {
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      const std::uint64_t done = watch.done.load();
      if (progress.is_none() || done == told || raised) return;
      told = done;
      progress(done, total);
    } catch (py::error_already_set& error) {
      watch.stop = true;
      if (error.matches(PyExc_KeyboardInterrupt)) {
        interrupted = true;
      } else if (!raised) {
        raised = std::current_exception();
      }
    }
  };

  if (workplace == Workplace::here)
    work_here(watch, look, work);
  else
    work_on_own_thread(look, work);
  if (raised) std::rethrow_exception(raised);
  return interrupted;
}

void raise_interrupt() {
  PyErr_SetNone(PyExc_KeyboardInterrupt);
  throw py::error_already_set();
}

}  // namespace gatewright::python
