# Compiler flags and the libraries that libstyrolite stands on, as two interface targets.
# Owns no target that is built.

set(styrolite_warnings -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes)
if(STYROLITE_WERROR)
  list(APPEND styrolite_warnings -Werror)
endif()

# For code that runs in borrowed memory between clone and exec.
set(styrolite_bare_options -fno-stack-protector -fno-sanitize=all -fno-profile-arcs -fno-test-coverage)
if(CMAKE_C_COMPILER_ID MATCHES Clang)
  list(APPEND styrolite_bare_options -fno-sanitize-coverage=inline-8bit-counters,pc-table,trace-cmp,indirect-calls)
endif()

add_library(styrolite_flags INTERFACE)
target_compile_options(styrolite_flags INTERFACE ${styrolite_warnings})
# Defined empty, so that a source may still define it for builds without this file.
target_compile_definitions(styrolite_flags INTERFACE _GNU_SOURCE=)
target_link_options(styrolite_flags INTERFACE -Wl,--as-needed)
if(STYROLITE_SANITIZE)
  target_compile_options(styrolite_flags INTERFACE
    -fsanitize=${STYROLITE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  string(REPLACE "fuzzer-no-link," "" link_sanitizers "${STYROLITE_SANITIZE}")
  target_link_options(styrolite_flags INTERFACE -fsanitize=${link_sanitizers})
elseif(CMAKE_BUILD_TYPE MATCHES "Rel")
  target_compile_options(styrolite_flags INTERFACE -fstack-protector-strong)
  target_compile_definitions(styrolite_flags INTERFACE _FORTIFY_SOURCE=2)
  target_link_options(styrolite_flags INTERFACE -Wl,-z,relro -Wl,-z,now)
endif()

# By flags, not by files, so that a program may also be linked with -static.
add_library(styrolite_dependencies INTERFACE)
foreach(package JANSSON SECCOMP CAP)
  target_compile_options(styrolite_dependencies INTERFACE ${${package}_CFLAGS})
  target_link_libraries(styrolite_dependencies INTERFACE ${${package}_LDFLAGS})
endforeach()
