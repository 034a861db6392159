# styrolite-helper: one small, fully static executable, shared by every language and front door.
# Linked with no C library at all, so that it starts in the time that the kernel needs; made object by object by custom
# commands, because none of the project's own flags apply. It is never instrumented: it is the first process of a sandbox.

file(GLOB helper_sources CONFIGURE_DEPENDS core/helper/*.c)
if(NOT helper_sources)
  message(STATUS "styrolite-helper: no sources yet")
  return()
endif()
file(GLOB wire_sources CONFIGURE_DEPENDS core/wire/*.c)

set(helper_compiler "${STYROLITE_HELPER_CC}")
if(NOT helper_compiler)
  set(helper_compiler ${CMAKE_C_COMPILER})
endif()
message(STATUS "styrolite-helper: static, without a C library, by ${helper_compiler}")

set(helper_flags -std=gnu11 -D_GNU_SOURCE= -Os -ffreestanding -fno-pie -fno-stack-protector ${styrolite_warnings}
  -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fno-unwind-tables
  -I${PROJECT_SOURCE_DIR}/core/include)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL aarch64)
  list(APPEND helper_flags -mno-outline-atomics) # else they are calls into libgcc, which is not linked
endif()
set(helper_link_flags -static -nostdlib -no-pie -Wl,-z,noseparate-code -Wl,-z,norelro -Wl,--gc-sections
  -Wl,--build-id=none)
if(CMAKE_BUILD_TYPE STREQUAL Debug)
  list(APPEND helper_flags -g)
else()
  list(APPEND helper_link_flags -s)
endif()

set(helper_objects)
foreach(source ${helper_sources} ${wire_sources})
  file(RELATIVE_PATH name ${PROJECT_SOURCE_DIR}/core ${source})
  string(REPLACE "/" "_" name ${name})
  set(object ${CMAKE_BINARY_DIR}/helper/${name}.o)
  add_custom_command(OUTPUT ${object} DEPENDS ${source} DEPFILE ${object}.d VERBATIM
    COMMENT "Building helper object ${name}.o"
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/helper
    COMMAND ${helper_compiler} ${helper_flags} -MD -MF ${object}.d -MT ${object} -c ${source} -o ${object})
  list(APPEND helper_objects ${object})
endforeach()
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/styrolite-helper DEPENDS ${helper_objects} VERBATIM
  COMMENT "Linking styrolite-helper"
  COMMAND ${helper_compiler} ${helper_link_flags} ${helper_objects} -o ${CMAKE_BINARY_DIR}/styrolite-helper)
add_custom_target(helper ALL DEPENDS ${CMAKE_BINARY_DIR}/styrolite-helper)
install(PROGRAMS ${CMAKE_BINARY_DIR}/styrolite-helper DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/styrolite)

# The same sources once more for the project's own compiler: never linked, but seen by clang-tidy, -fanalyzer and clang.
add_library(styrolite_helper_check OBJECT EXCLUDE_FROM_ALL ${helper_sources})
target_link_libraries(styrolite_helper_check PRIVATE styrolite_flags)
target_include_directories(styrolite_helper_check PRIVATE core/include)
