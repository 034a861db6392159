/* What a request is told whose places cannot hold what it puts there: one row at least for each rule, and others that can. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "request_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define FILE_AT(place) "{\"type\":\"file\",\"at\":\"" place "\"}"
#define LINK_AT(place) "{\"type\":\"symlink\",\"at\":\"" place "\",\"target\":\"t\"}"
#define DIR_AT(place) "{\"type\":\"dir\",\"at\":\"" place "\"}"
#define MOUNT_AT(type, place) "{\"type\":\"" type "\",\"at\":\"" place "\"}"
#define BIND_AT(place) "{\"type\":\"bind\",\"from\":\"/f\",\"at\":\"" place "\"}"
#define MAY_MISS(place) "{\"type\":\"bind\",\"optional\":true,\"from\":\"/f\",\"at\":\"" place "\"}"
#define MOUNTS(list) "\"mounts\":[" list "]"
#define PATHS(rules) "\"paths\":{" rules "}"
#define PROCESSES "{\"type\":\"proc\",\"at\":\"/proc\",\"subset\":\"pid\"}"

static const struct {
  const char *members, *field, *message;
} wrong[] = {
    /* entries over what stands there */
    {MOUNTS(FILE_AT("/x") "," FILE_AT("/x")), "/mounts/1/at", "`/x` is taken"},
    {MOUNTS(MOUNT_AT("tmpfs", "/x") "," LINK_AT("/x")), "/mounts/1/at", "`/x` is taken"},
    {MOUNTS(LINK_AT("/x") "," BIND_AT("/x")), "/mounts/1/at", "`/x` is taken"},
    {MOUNTS(FILE_AT("/x") "," DIR_AT("/x")), "/mounts/1/at", "`/x` is taken"},
    {MOUNTS(FILE_AT("/x") "," MOUNT_AT("proc", "/x")), "/mounts/1/at", "`/x` is taken"},
    {MOUNTS(FILE_AT("/x") "," FILE_AT("/x/y")), "/mounts/1/at", "`/x/y` lies below"},
    {MOUNTS(FILE_AT("/x") "," FILE_AT("/y") "," MOUNT_AT("tmpfs", "/x/y/z")), "/mounts/2/at", "`/x/y/z` lies below"},
    /* rules over what entries make */
    {MOUNTS(LINK_AT("/x")) "," PATHS("\"/x\":\"deny\""), "/paths/~1x", "`/x` cannot stand on"},
    {MOUNTS(LINK_AT("/x")) "," PATHS("\"/x\":{\"from\":\"/f\"}"), "/paths/~1x", "`/x` cannot stand on"},
    {MOUNTS(FILE_AT("/x")) "," PATHS("\"/x\":\"tmpfs\""), "/paths/~1x", "`/x` cannot stand on"},
    {MOUNTS(FILE_AT("/x")) "," PATHS("\"/x/y\":\"tmpfs\""), "/paths/~1x~1y", "`/x/y` lies below"},
    /* proc */
    {PATHS("\"/proc\":\"ro\""), "/paths/~1proc", "`/proc` is always the sandbox's own"},
    {PATHS("\"/dev\":\"deny\""), "/paths/~1dev", "`/dev` is always the sandbox's own"},
    {PATHS("\"/proc/sys/vm\":{\"from\":\"/f\",\"access\":\"rw\"}"), "/paths/~1proc~1sys~1vm", "stays so"},
    {PATHS("\"/proc/kcore\":\"ro\""), "/paths/~1proc~1kcore", "stays so"},
    {PATHS("\"/proc/bus\":\"tmpfs\""), "/paths/~1proc~1bus", "stays so"},
    {MOUNTS(MOUNT_AT("proc", "/p")) "," PATHS("\"/p/keys\":{\"from\":\"/f\"}"), "/paths/~1p~1keys", "stays so"},
    {PATHS("\"/proc/cpuinfo\":\"ro\""), "/paths/~1proc~1cpuinfo", "the host's would be shown"},
    {PATHS("\"/proc/1\":\"rw\""), "/paths/~1proc~11", "the host's would be shown"},
    {MOUNTS(PROCESSES) "," PATHS("\"/proc/cpuinfo\":{\"from\":\"/f\"}"), "/paths/~1proc~1cpuinfo", "but processes"},
    {MOUNTS(PROCESSES "," BIND_AT("/proc/meminfo")), "/mounts/1/at", "but processes"},
    {MOUNTS(BIND_AT("/proc/meminfo") "," PROCESSES), "/mounts/0/at", "but processes"},
    {MOUNTS("{\"type\":\"proc\",\"at\":\"/p\",\"subset\":\"pid\"}," BIND_AT("/p/meminfo")), "/mounts/1/at",
     "but processes"},
    /* dev */
    {PATHS("\"/dev/fuse\":\"rw\""), "/paths/~1dev~1fuse", "has no `/dev/fuse`"},
    {PATHS("\"/dev/null/x\":{\"from\":\"/f\"}"), "/paths/~1dev~1null~1x", "has no `/dev/null/x`"},
    {PATHS("\"/dev/nullx\":\"tmpfs\""), "/paths/~1dev~1nullx", "has no `/dev/nullx`"},
    {MOUNTS(MOUNT_AT("dev", "/d")) "," PATHS("\"/d/x\":{\"from\":\"/f\"}"), "/paths/~1d~1x", "has no `/d/x`"},
    {MOUNTS(MOUNT_AT("tmpfs", "/t") ",{\"type\":\"propagation\",\"at\":\"/\",\"propagation\":\"shared\"}") "," PATHS(
         "\"/dev/x\":{\"from\":\"/f\"}"),
     "/paths/~1dev~1x", "has no `/dev/x`"},
    /* the working directory */
    {"\"cwd\":\"/x\"," PATHS("\"/x\":\"deny\""), "/cwd", "lies in `/x`, which `paths` denies"},
    {"\"cwd\":\"/x/y/z\"," PATHS("\"/x\":\"deny\",\"/x/y\":\"deny\""), "/cwd", "lies in `/x/y`"},
};

static const char *const right[] = {
    MOUNTS(FILE_AT("/x") "," BIND_AT("/x")),
    MOUNTS(FILE_AT("/x/y") "," MOUNT_AT("tmpfs", "/x") "," FILE_AT("/x/y")),
    MOUNTS(FILE_AT("/x") "," MOUNT_AT("tmpfs", "/xy/z")) "," PATHS("\"/xz\":\"deny\""),
    MOUNTS(MAY_MISS("/x") "," FILE_AT("/x")),
    MOUNTS(MOUNT_AT("tmpfs", "/x") "," DIR_AT("/x") "," MOUNT_AT("tmpfs", "/x")),
    MOUNTS(LINK_AT("/x") "," DIR_AT("/x/y")),
    MOUNTS(FILE_AT("/x")) "," PATHS("\"/x\":{\"from\":\"/f\"}"),
    MOUNTS(FILE_AT("/x/y")) "," PATHS("\"/x\":\"tmpfs\",\"/x/y/z\":\"tmpfs\""),
    MOUNTS(FILE_AT("/x")) "," PATHS("\"/x\":\"deny\""),
    PATHS("\"/proc/kcore\":\"deny\",\"/proc/cpuinfo\":{\"from\":\"/f\"},\"/proc/1\":\"deny\",\"/process\":\"ro\""),
    MOUNTS(PROCESSES "," BIND_AT("/proc/self/x") "," BIND_AT("/proc/12/x") "," BIND_AT("/proc/thread-self/x")),
    MOUNTS(PROCESSES "," MAY_MISS("/proc/meminfo")) "," PATHS("\"/proc/cpuinfo\":\"deny\""),
    MOUNTS(MOUNT_AT("proc", "/proc") "," BIND_AT("/proc/meminfo")),
    MOUNTS(PROCESSES "," MOUNT_AT("tmpfs", "/p") "," BIND_AT("/p/meminfo")),
    PATHS("\"/dev/null\":{\"from\":\"/f\"},\"/dev/shm/x\":\"tmpfs\",\"/dev/pts\":\"deny\",\"/dev/fuse\":\"deny\","
          "\"/device\":\"ro\",\"/dev/ptmx\":\"deny\""),
    PATHS("\"/dev/fuse\":{\"optional\":true},\"/dev/stdin\":{\"from\":\"/f\"}"),
    MOUNTS("{\"type\":\"bind\",\"access\":\"dev\",\"at\":\"/dev/fuse\",\"from\":\"/dev/fuse\"}") "," PATHS(
        "\"/dev/fuse\":\"ro\""),
    MOUNTS(MOUNT_AT("dev", "/d") "," MOUNT_AT("proc", "/p")) "," PATHS(
        "\"/d\":{\"from\":\"/f\"},\"/p\":{\"from\":\"/f\"}"),
    MOUNTS("{\"type\":\"proc\",\"at\":\"/p\",\"subset\":\"pid\"}," MOUNT_AT("tmpfs", "/p/self")) "," PATHS(
        "\"/p/self/x\":\"tmpfs\""),
    "\"cwd\":\"/x/y\"," PATHS("\"/x/y\":\"tmpfs\",\"/x\":\"deny\""),
    MOUNTS(DIR_AT("/dev/a/b")) "," PATHS("\"/dev/a\":\"tmpfs\",\"/dev/a/c\":\"tmpfs\""),
    PATHS("\"/home/sandbox\":\"deny\""),
    "\"cwd\":\"/x/y\"," PATHS("\"/x\":\"deny\",\"/x/y\":\"tmpfs\""),
    "\"cwd\":\"/x\"," PATHS("\"/x\":{\"access\":\"deny\",\"if_missing\":\"ignore\"},\"/xy\":\"deny\""),
    "\"cwd\":\"/x\",\"security\":{\"capabilities\":[\"DAC_OVERRIDE\"]}," PATHS("\"/x\":\"deny\""),
};

static int check(const char *members, styro_error *err)
{
  static char text[4096];
  snprintf(text, sizeof text, "{\"version\":1,%s}", members);
  return kit_check(text, err);
}

START_TEST(what_cannot_stand_there_is_said)
{
  styro_error err = ERROR_READY;
  int code = check(wrong[_i].members, &err);
  ck_assert_msg(code == STYRO_EREQUEST, "%s: %d, %s", wrong[_i].members, code, err.message);
  ck_assert_msg(strcmp(err.field, wrong[_i].field) == 0, "%s: %s, %s", wrong[_i].members, err.field, err.message);
  ck_assert_msg(strstr(err.message, wrong[_i].message) != NULL, "%s: %s", wrong[_i].members, err.message);
  ck_assert_str_ne(err.hint, "");
}
END_TEST

START_TEST(what_can_stand_there_passes)
{
  styro_error err = ERROR_READY;
  int code = check(right[_i], &err);
  ck_assert_msg(code == 0, "%s: %s, %s", right[_i], err.field, err.message);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("validate_places");
  TCase *cases = tcase_create("all");
  tcase_add_loop_test(cases, what_cannot_stand_there_is_said, 0, (int)COUNT(wrong));
  tcase_add_loop_test(cases, what_can_stand_there_passes, 0, (int)COUNT(right));
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
