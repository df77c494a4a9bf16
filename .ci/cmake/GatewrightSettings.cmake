# How everything is compiled: language, launcher, and the interface target gatewright_options.
include_guard(GLOBAL)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)  # the Python module links every library
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Type of build" FORCE)
endif()

find_program(GATEWRIGHT_CCACHE ccache)
mark_as_advanced(GATEWRIGHT_CCACHE)
if(GATEWRIGHT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # The sloppiness that the ccache manual asks for with precompiled headers; paths relative to the
  # repository, so that its clones share what is compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND};-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros"
      "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR};CCACHE_NOHASHDIR=1;${GATEWRIGHT_CCACHE}")
endif()

add_library(gatewright_options INTERFACE)
target_include_directories(gatewright_options INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_features(gatewright_options INTERFACE cxx_std_20)
# Same bits everywhere: no contraction of a*b+c, and never fast math. Nobody asks for errno after a function.
target_compile_options(gatewright_options INTERFACE
  -ffp-contract=off -fno-math-errno -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
# Position independent code of g++ inlines no function that another library could put something in place of.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(gatewright_options INTERFACE -fno-semantic-interposition)
endif()
# g++ for any x86-64 clears and copies a hundred bytes by instructions that take as long as many moves or a call.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(gatewright_moves "unrolled_loop:128:noalign,libcall:-1:noalign")
  target_compile_options(gatewright_options INTERFACE
    -mmemset-strategy=${gatewright_moves} -mmemcpy-strategy=${gatewright_moves})
endif()
# g++ 12 takes "text" + std::string for an overlapping copy (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(gatewright_options INTERFACE -Wno-restrict)
endif()
if(GATEWRIGHT_WERROR)
  target_compile_options(gatewright_options INTERFACE -Werror)
endif()

add_library(gatewright_version INTERFACE)
target_compile_definitions(gatewright_version INTERFACE
  "GATEWRIGHT_VERSION=\"${PROJECT_VERSION}\"")

if(GATEWRIGHT_SANITIZE)
  add_compile_options("-fsanitize=${GATEWRIGHT_SANITIZE}" -fno-omit-frame-pointer)
  add_link_options("-fsanitize=${GATEWRIGHT_SANITIZE}")
  if(GATEWRIGHT_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()

if(GATEWRIGHT_TIDY)
  find_program(GATEWRIGHT_CLANG_TIDY clang-tidy REQUIRED)
  set(CMAKE_CXX_CLANG_TIDY "${GATEWRIGHT_CLANG_TIDY};--quiet")
  if(GATEWRIGHT_WERROR)
    list(APPEND CMAKE_CXX_CLANG_TIDY "--warnings-as-errors=*")
  endif()
  set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)  # clang-tidy cannot read those of another compiler
endif()

# The precompiled headers are shared by tests whose definitions differ, which clang does not accept.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)
endif()
