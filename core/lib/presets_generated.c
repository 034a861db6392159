/*
 * The presets, made from core/presets by its make_presets.py: change them there and run it. Holds text only; what it means is
 * the reader's business.
 */
#include "presets.h"

const struct styro_preset styro_presets[] = {
    {"agent",
     "{\"version\": 1, \"cwd\": \"/work\", \"paths\": {\"/work\": {\"from\": \"${CWD}\", \"access\": \""
     "rw\"}, \"/work/.git/config\": {\"access\": \"ro\", \"optional\": true}, \"/work/.git/hooks"
     "\": {\"access\": \"deny\", \"if_missing\": \"ignore\"}, \"/work/.env\": {\"access\": \"deny\", "
     "\"if_missing\": \"ignore\"}}, \"env\": {\"GIT_TERMINAL_PROMPT\": \"0\", \"GIT_CONFIG_COUNT\""
     ": \"1\", \"GIT_CONFIG_KEY_0\": \"core.hooksPath\", \"GIT_CONFIG_VALUE_0\": \"/dev/null\", "
     "\"PAGER\": \"cat\", \"PYTHONDONTWRITEBYTECODE\": \"1\"}, \"inherit_env\": [\"GIT_AUTHOR_NAM"
     "E\", \"GIT_AUTHOR_EMAIL\", \"GIT_COMMITTER_NAME\", \"GIT_COMMITTER_EMAIL\"], \"namespace"
     "s\": {\"uts\": {\"hostname\": \"agent\"}}}"},
    {"build",
     "{\"version\": 1, \"env\": {\"LC_ALL\": \"C.UTF-8\", \"TZ\": \"UTC\", \"SOURCE_DATE_EPOCH\": \"3"
     "15532800\"}, \"namespaces\": {\"uts\": {\"hostname\": \"build\"}}, \"security\": {\"seccomp\""
     ": \"build\"}}"},
    {"desktop",
     "{\"version\": 1, \"paths\": {\"/run/user/1000\": {\"access\": \"tmpfs\", \"mode\": \"0700\", \""
     "size\": \"16M\"}, \"/run/user/1000/wayland-0\": {\"from\": \"${WAYLAND_DISPLAY}\", \"acces"
     "s\": \"ro\"}, \"/etc/fonts\": {\"access\": \"ro\", \"optional\": true}, \"/var/cache/fontcon"
     "fig\": {\"access\": \"ro\", \"optional\": true}}, \"env\": {\"XDG_RUNTIME_DIR\": \"/run/user"
     "/1000\", \"XDG_SESSION_TYPE\": \"wayland\", \"WAYLAND_DISPLAY\": \"wayland-0\", \"GDK_BACK"
     "END\": \"wayland\", \"QT_QPA_PLATFORM\": \"wayland\", \"SDL_VIDEODRIVER\": \"wayland\", \"GS"
     "ETTINGS_BACKEND\": \"memory\", \"NO_AT_BRIDGE\": \"1\"}, \"namespaces\": {\"uts\": {\"hostna"
     "me\": \"desktop\"}}}"},
    {"python",
     "{\"version\": 1, \"env\": {\"PYTHONDONTWRITEBYTECODE\": \"1\", \"PYTHONNOUSERSITE\": \"1\", "
     "\"PYTHONUNBUFFERED\": \"1\", \"PIP_DISABLE_PIP_VERSION_CHECK\": \"1\", \"PIP_NO_CACHE_DIR"
     "\": \"1\", \"PIP_NO_INPUT\": \"1\"}}"},
    {0},
};
