/*
 * The presets, made from core/presets by its make_presets.py: change them there and run it. Holds text only; what it means is
 * the reader's business.
 */
#include "presets.h"

const struct styro_preset styro_presets[] = {
    {"build",
     "{\"version\": 1, \"env\": {\"LC_ALL\": \"C.UTF-8\", \"TZ\": \"UTC\", \"SOURCE_DATE_EPOCH\": \"3"
     "15532800\"}, \"namespaces\": {\"uts\": {\"hostname\": \"build\"}}}"},
    {"python",
     "{\"version\": 1, \"env\": {\"PYTHONDONTWRITEBYTECODE\": \"1\", \"PYTHONNOUSERSITE\": \"1\", "
     "\"PYTHONUNBUFFERED\": \"1\"}}"},
    {0},
};
