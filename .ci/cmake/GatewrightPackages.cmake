# Third-party packages; tests/tidy/layers.txt says which room may use which.
# Targets: Boost::headers, Eigen3::Eigen, yaml-cpp, CLI11::CLI11, fmt::fmt,
# nlohmann_json::nlohmann_json, SQLite::SQLite3, ZLIB::ZLIB, Threads::Threads; with tests GTest::*, rapidcheck,
# rapidcheck_gtest; with benchmarks benchmark::benchmark.
include_guard(GLOBAL)

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(Boost 1.74 REQUIRED)
if("sim" IN_LIST GATEWRIGHT_ROOMS)
  find_package(Eigen3 3.4 REQUIRED NO_MODULE)
  find_package(ZLIB REQUIRED)
endif()
if("scenarios" IN_LIST GATEWRIGHT_ROOMS)
  find_package(yaml-cpp 0.7 REQUIRED)
endif()
find_package(fmt REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
if(GATEWRIGHT_BUILD_CLI)
  find_package(CLI11 2.1 REQUIRED)
  find_package(SQLite3 3.35 REQUIRED)
endif()
if(GATEWRIGHT_BUILD_TESTS)
  find_package(GTest REQUIRED)
  find_package(rapidcheck REQUIRED)
endif()
if(GATEWRIGHT_BUILD_BENCH)
  find_package(benchmark REQUIRED)
endif()

# The project's own interpreter, or whatever builds the wheel.
if(GATEWRIGHT_BUILD_PYTHON)
  if(NOT SKBUILD AND NOT Python_EXECUTABLE AND EXISTS "${PROJECT_SOURCE_DIR}/.venv/bin/python")
    set(Python_EXECUTABLE "${PROJECT_SOURCE_DIR}/.venv/bin/python")
  endif()
  find_package(Python 3.11 REQUIRED COMPONENTS Interpreter Development.Module)
  if(NOT pybind11_DIR)
    execute_process(COMMAND "${Python_EXECUTABLE}" -m pybind11 --cmakedir
                    OUTPUT_VARIABLE pybind11_DIR OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
  set(PYBIND11_FINDPYTHON ON)
  find_package(pybind11 CONFIG REQUIRED)
endif()
