# fettle_embed(VARIABLE NAME FILE): makes NAME.cpp in the build folder, which defines
# `extern const unsigned char NAME[]` and `extern const unsigned long NAME_size` in
# namespace fettle::codegen with the bytes of FILE, and sets VARIABLE to its path.
# fettle_bitcode(VARIABLE FILE): compiles freestanding C to target-neutral LLVM bitcode.

if(CMAKE_SCRIPT_MODE_FILE)
  file(READ ${input} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  file(WRITE ${output} "namespace fettle::codegen {\nextern const unsigned char ${name}[];\nextern const unsigned long ${name}_size;\n"
       "alignas(16) const unsigned char ${name}[] = {${bytes}};\n"
       "const unsigned long ${name}_size = sizeof(${name});\n}\n")
  return()
endif()

set(FETTLE_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(fettle_embed variable name file)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -Dinput=${file} -Doutput=${output} -Dname=${name} -P ${FETTLE_EMBED_SCRIPT}
    DEPENDS ${file} ${FETTLE_EMBED_SCRIPT} VERBATIM)
  set(${variable} ${output} PARENT_SCOPE)
endfunction()

find_program(FETTLE_CLANG NAMES clang-22 HINTS /usr/lib/llvm-22/bin REQUIRED)

function(fettle_bitcode variable file)
  get_filename_component(stem ${file} NAME_WE)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${stem}.bc)
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/artifact/*.h ${CMAKE_CURRENT_SOURCE_DIR}/artifact/runtime/*.h)
  add_custom_command(OUTPUT ${output}
    COMMAND ${FETTLE_CLANG} --target=x86_64-unknown-linux-gnu -std=c11 -Wall -Wextra -Werror -O2 -emit-llvm -c -ffreestanding
            -fno-builtin -nostdlib -fPIC -fvisibility=hidden -fno-stack-protector -fno-asynchronous-unwind-tables
            -fcf-protection=none -ffp-contract=off -fno-ident -fno-vectorize -fno-slp-vectorize -I${PROJECT_SOURCE_DIR}
            ${CMAKE_CURRENT_SOURCE_DIR}/${file} -o ${output}
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${file} ${headers} VERBATIM)
  set(${variable} ${output} PARENT_SCOPE)
endfunction()
