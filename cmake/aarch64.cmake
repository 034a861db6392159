# Toolchain file: aarch64 by Debian's gcc-aarch64-linux-gnu. `./dev cross` unpacks the arm64 -dev packages below
# STYROLITE_ARM64_ROOT, so that the machine's own package set stays as it is. All programs are linked statically and run
# under qemu-aarch64.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES STYROLITE_ARM64_ROOT)

if(NOT STYROLITE_ARM64_ROOT)
  set(STYROLITE_ARM64_ROOT $ENV{STYROLITE_ARM64_ROOT})
endif()
set(arm64_lib ${STYROLITE_ARM64_ROOT}/usr/lib/aarch64-linux-gnu)
set(ENV{PKG_CONFIG_LIBDIR} ${arm64_lib}/pkgconfig:${STYROLITE_ARM64_ROOT}/usr/share/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${STYROLITE_ARM64_ROOT})
set(CMAKE_C_FLAGS_INIT "-idirafter ${STYROLITE_ARM64_ROOT}/usr/include -idirafter ${STYROLITE_ARM64_ROOT}/usr/include/aarch64-linux-gnu")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static -L${arm64_lib}")
set(STYROLITE_STATIC_ONLY ON)
