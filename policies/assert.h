// Assertions that stay on: a broken invariant stops the engine, and the exposure stays where it was.
// Used inside policies/; the handler can be replaced by the host before the first step.
#pragma once

namespace gatewright {

/// Receives the failed expression and its place; must not return.
using AssertionHandler = void (*)(const char* expression, const char* file, int line);

/// Installs a handler and returns the one before; nullptr restores the default, which aborts.
AssertionHandler set_assertion_handler(AssertionHandler handler) noexcept;

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace gatewright

#define GATEWRIGHT_ASSERT(expression) \
  ((expression) ? void(0) : ::gatewright::assertion_failed(#expression, __FILE__, __LINE__))
