#include "bindings/python/watch.h"

#include <chrono>
#include <exception>
#include <future>

namespace gatewright::python {

namespace py = pybind11;

bool watched(Watch& watch, std::uint64_t total, const py::object& progress,
             const std::function<void()>& work) {
  constexpr auto kLookInterval = std::chrono::milliseconds(50);
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

  std::future<void> result = std::async(std::launch::async, work);
  for (bool ready = false; !ready;) {
    {
      const py::gil_scoped_release without_gil;
      ready = result.wait_for(kLookInterval) == std::future_status::ready;
    }
    look();
  }
  result.get();
  if (raised) std::rethrow_exception(raised);
  return interrupted;
}

void raise_interrupt() {
  PyErr_SetNone(PyExc_KeyboardInterrupt);
  throw py::error_already_set();
}

}  // namespace gatewright::python
