#include "sim/windows/large_pages.h"

#include <cstdlib>
#include <new>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace gatewright::sim {

void* allocate_in_large_pages(std::size_t bytes) {
  constexpr std::size_t kPage = std::size_t{1} << 21;
  constexpr std::size_t kLine = 64;
  // The last page is worth being a large one where half of it is used.
  const std::size_t in_last = bytes % kPage;
  const std::size_t rest = in_last > kPage / 2 ? kPage : (in_last + kLine - 1) / kLine * kLine;
  const std::size_t size = bytes - in_last + rest;
  const std::size_t large = size / kPage * kPage;
  void* memory = std::aligned_alloc(large > 0 ? kPage : kLine, size > 0 ? size : kLine);
  if (memory == nullptr) throw std::bad_alloc();
#if defined(__linux__)
  if (large > 0) (void)madvise(memory, large, MADV_HUGEPAGE);  // advice: it may be ignored
#endif
  return memory;
}

void free_large_pages(void* memory) noexcept { std::free(memory); }

}  // namespace gatewright::sim
