#include "sim/kernels/kernels.h"

#include <atomic>

#include "policies/assert.h"

namespace gatewright::sim {

// Each in an object of its own, compiled for that instruction set from level.cpp.
namespace portable {
extern const Kernels kKernels;
}
#if defined(__x86_64__)
namespace avx2 {
extern const Kernels kKernels;
}
namespace avx512 {
extern const Kernels kKernels;
}
#endif

namespace {

std::atomic<const Kernels*> in_use = nullptr;

const Kernels* best() noexcept {
  const Kernels* found = nullptr;
  for (const KernelLevel level : kKernelLevels)
    if (const Kernels* kernels = kernels_at(level)) found = kernels;
  return found;
}

}  // namespace

const Kernels* kernels_at(KernelLevel level) noexcept {
  switch (level) {
    case KernelLevel::portable:
      return &portable::kKernels;
#if defined(__x86_64__)
    case KernelLevel::avx2:
      return __builtin_cpu_supports("avx2") ? &avx2::kKernels : nullptr;
    case KernelLevel::avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                     __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
                 ? &avx512::kKernels
                 : nullptr;
#else
    case KernelLevel::avx2:
    case KernelLevel::avx512:
      break;
#endif
  }
  return nullptr;
}

const Kernels& kernels() noexcept {
  const Kernels* kernels = in_use.load(std::memory_order_relaxed);
  if (kernels == nullptr) in_use.store(kernels = best(), std::memory_order_relaxed);
  return *kernels;
}

void use_kernels(KernelLevel level) noexcept {
  const Kernels* kernels = kernels_at(level);
  GATEWRIGHT_ASSERT(kernels != nullptr);
  in_use.store(kernels, std::memory_order_relaxed);
}

}  // namespace gatewright::sim
