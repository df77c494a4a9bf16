// Counts the heap allocations of a whole executable.
// Used by tests and benchmarks of what must not allocate; included by one source of an executable.
// Never counts what it does not see: memory that C code takes.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace gatewright {
inline std::atomic<std::uint64_t> allocations{0};
}

// Not inlined, or the compiler sees malloc meet delete and warns.
[[gnu::noinline]] void* operator new(std::size_t size) {
  gatewright::allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
