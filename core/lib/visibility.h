/*
 * Put before every source of the library by the build (-include): what the public header declares keeps default
 * visibility under -fvisibility=hidden. Without it, as when cgo compiles these files, all symbols are plain.
 */
#pragma GCC visibility push(default)
#include "../include/styrolite.h"
#pragma GCC visibility pop
