# The functions that rooms declare their targets with.
include_guard(GLOBAL)

# gatewright_library(<name> SOURCES ... [DEPENDS ...])
# A static library with the project's flags, whose includes start at the repository root.
# The alias is gatewright::<name without gatewright_>.
function(gatewright_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC gatewright_options ${arg_DEPENDS})
  string(REGEX REPLACE "^gatewright_" "" short_name ${name})
  add_library(gatewright::${short_name} ALIAS ${name})
endfunction()

# gatewright_executable(<name> SOURCES ... [DEPENDS ...])
# Lands in <build>/bin.
function(gatewright_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE gatewright_options ${arg_DEPENDS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
endfunction()

# gatewright_test(<name> SOURCES ... [DEPENDS ...] [LABELS ...] [DEFINITIONS ...] [ARGUMENTS ...]
#                 [TIMEOUT <seconds>] [RUN_SERIAL])
# One GoogleTest executable, which is one entry of ctest; it runs in the repository root.
# gtest_main, gmock and rapidcheck are linked, the gtest and gmock headers are precompiled, and
# GATEWRIGHT_SOURCE_DIR and GATEWRIGHT_SHARED_DATA are defined as strings.
function(gatewright_test name)
  if(NOT GATEWRIGHT_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg "RUN_SERIAL" "TIMEOUT"
                        "SOURCES;DEPENDS;LABELS;DEFINITIONS;ARGUMENTS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 600)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} gatewright_test_base)
  if(arg_DEFINITIONS)
    target_compile_definitions(${name} PRIVATE ${arg_DEFINITIONS})
  endif()
  target_precompile_headers(${name} REUSE_FROM gatewright_test_headers)
  add_test(NAME ${name} COMMAND ${name} ${arg_ARGUMENTS}
           WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT})
  if(arg_LABELS)
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}")
  endif()
  if(arg_RUN_SERIAL)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()

# gatewright_bench(<name> SOURCES ... [DEPENDS ...])
# One Google Benchmark executable with its main; it lands in <build>/bench, and the target
# gatewright_benches builds them all.
function(gatewright_bench name)
  if(NOT GATEWRIGHT_BUILD_BENCH)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE gatewright_options ${arg_DEPENDS} benchmark::benchmark
                                        benchmark::benchmark_main)
  target_compile_definitions(${name} PRIVATE
    "GATEWRIGHT_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\""
    "GATEWRIGHT_SHARED_DATA=\"${GATEWRIGHT_SHARED_DATA}\"")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bench")
  add_dependencies(gatewright_benches ${name})
endfunction()

# gatewright_python_module(<name> SOURCES ... [DEPENDS ...])
# An extension module of the package bindings/python/gatewright. In the build tree it lies in
# <build>/python/gatewright beside links to the package's files, so that PYTHONPATH=<build>/python
# imports both (`make python-path` prints it); in a wheel it is installed into the package.
function(gatewright_python_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
  set(package "${PROJECT_BINARY_DIR}/python/gatewright")
  pybind11_add_module(${name} MODULE NO_EXTRAS ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE gatewright_options gatewright_version ${arg_DEPENDS})
  set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${package}")
  install(TARGETS ${name} LIBRARY DESTINATION gatewright COMPONENT python)

  file(MAKE_DIRECTORY "${package}")
  file(GLOB stale LIST_DIRECTORIES true "${package}/*")
  foreach(entry IN LISTS stale)
    if(IS_SYMLINK "${entry}" AND NOT EXISTS "${entry}")
      file(REMOVE "${entry}")
    endif()
  endforeach()
  set(origin "${PROJECT_SOURCE_DIR}/bindings/python/gatewright")
  file(GLOB entries CONFIGURE_DEPENDS LIST_DIRECTORIES true RELATIVE "${origin}" "${origin}/*")
  foreach(entry IN LISTS entries)
    if(NOT entry STREQUAL "__pycache__")
      file(CREATE_LINK "${origin}/${entry}" "${package}/${entry}" COPY_ON_ERROR SYMBOLIC)
    endif()
  endforeach()
  set(GATEWRIGHT_PYTHON_PATH "${PROJECT_BINARY_DIR}/python" CACHE INTERNAL
      "Put this on PYTHONPATH to import the build tree")
endfunction()
