// Memory in large pages, where the system has them: what is written once takes fewer faults of pages.
// Used by SumLaw, whose rows are most of what windows keep. Never fails for the want of large pages.
#pragma once

#include <cstddef>

namespace gatewright::sim {

/// Bytes at the beginning of a page; throws std::bad_alloc.
[[nodiscard]] void* allocate_in_large_pages(std::size_t bytes);
void free_large_pages(void* memory) noexcept;

/// An allocator of such memory.
template <typename T>
struct LargePages {
  using value_type = T;
  LargePages() = default;
  template <typename U>
  LargePages(const LargePages<U>& /*other*/) noexcept {}  // NOLINT: allocators convert
  [[nodiscard]] T* allocate(std::size_t count) {
    return static_cast<T*>(allocate_in_large_pages(count * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t /*count*/) noexcept { free_large_pages(memory); }
  friend constexpr bool operator==(const LargePages&, const LargePages&) noexcept { return true; }
};

}  // namespace gatewright::sim
