#include "policies/assert.h"

#include <atomic>
#include <cstdlib>

namespace gatewright {
namespace {

std::atomic<AssertionHandler> installed_handler = nullptr;

}  // namespace

AssertionHandler set_assertion_handler(AssertionHandler handler) noexcept {
  return installed_handler.exchange(handler);
}

void assertion_failed(const char* expression, const char* file, int line) noexcept {
  if (const AssertionHandler handler = installed_handler.load()) handler(expression, file, line);
  std::abort();
}

}  // namespace gatewright
