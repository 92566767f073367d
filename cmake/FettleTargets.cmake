# How a library, a tool and a tablegen step are declared here.
#
# MLIR's headers dominate compile time: one precompiled header,
# built once, serves every target.

include(TableGen)
include(AddLLVM)
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(AddMLIR)

find_program(FETTLE_CCACHE ccache)
if(FETTLE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${FETTLE_CCACHE})
endif()

set(FETTLE_SANITIZE "" CACHE STRING "sanitizers, as for -fsanitize=")

# Everything is compiled with the same flags, or the precompiled header could not be shared.
add_library(fettle_flags INTERFACE)
target_include_directories(fettle_flags SYSTEM INTERFACE ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS} ${LLD_INCLUDE_DIRS})
target_include_directories(fettle_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
target_compile_options(fettle_flags INTERFACE -Wall -Wextra -Wno-unused-parameter -Werror=return-type -Werror=switch
  -fno-semantic-interposition -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  target_compile_options(fettle_flags INTERFACE -fpch-instantiate-templates "SHELL:-Xclang -fno-pch-timestamp")
endif()
find_program(FETTLE_LLD ld.lld-22)
if(FETTLE_LLD)
  target_link_options(fettle_flags INTERFACE --ld-path=${FETTLE_LLD})
endif()
if(FETTLE_SANITIZE)
  target_compile_options(fettle_flags INTERFACE -fsanitize=${FETTLE_SANITIZE} -fno-sanitize=vptr -fno-omit-frame-pointer)
  target_link_options(fettle_flags INTERFACE -fsanitize=${FETTLE_SANITIZE})
endif()

file(WRITE ${PROJECT_BINARY_DIR}/precompiled.cpp.in "")
configure_file(${PROJECT_BINARY_DIR}/precompiled.cpp.in ${PROJECT_BINARY_DIR}/precompiled.cpp COPYONLY)
add_library(fettle_precompiled STATIC ${PROJECT_BINARY_DIR}/precompiled.cpp)
target_link_libraries(fettle_precompiled PRIVATE fettle_flags)
# The headers nearly every file needs. Named as system headers, so that nothing of
# the precompiled header depends on where the tree lies and ccache serves every clone.
target_precompile_headers(fettle_precompiled PRIVATE
  "<llvm/ADT/DenseMap.h>"
  "<llvm/ADT/SmallVector.h>"
  "<llvm/ADT/StringMap.h>"
  "<llvm/ADT/StringRef.h>"
  "<llvm/ADT/TypeSwitch.h>"
  "<llvm/Support/Error.h>"
  "<llvm/Support/FormatVariadic.h>"
  "<llvm/Support/raw_ostream.h>"
  "<mlir/Dialect/Arith/IR/Arith.h>"
  "<mlir/Dialect/Func/IR/FuncOps.h>"
  "<mlir/Dialect/Math/IR/Math.h>"
  "<mlir/Dialect/MemRef/IR/MemRef.h>"
  "<mlir/Dialect/SCF/IR/SCF.h>"
  "<mlir/Dialect/Vector/IR/VectorOps.h>"
  "<mlir/IR/Builders.h>"
  "<mlir/IR/BuiltinOps.h>"
  "<mlir/IR/PatternMatch.h>"
  "<mlir/Pass/Pass.h>"
  "<mlir/Pass/PassManager.h>"
  "<map>"
  "<memory>"
  "<optional>"
  "<string>"
  "<vector>")

# fettle_library(NAME sources... LINK libraries...)
function(fettle_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  if(NOT ARG_UNPARSED_ARGUMENTS) # headers only
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${ARG_LINK})
    return()
  endif()
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE fettle_flags PUBLIC ${ARG_LINK})
  target_precompile_headers(${name} REUSE_FROM fettle_precompiled)
endfunction()

# fettle_tool(NAME sources... LINK libraries...)
function(fettle_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE fettle_flags ${ARG_LINK})
  target_precompile_headers(${name} REUSE_FROM fettle_precompiled)
endfunction()
