/* What a wrong list of mounts is told: one row at least for each rule, and lists beside them that are right. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "request_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* `mounts` is the inside of the list, `others` what else the request says. */
static const struct {
  const char *mounts, *others, *field, *message;
} wrong[] = {
    {"{\"at\":\"/x\"}", "", "/mounts/0/type", "has no `type`"},
    {"{\"type\":\"bind\",\"at\":\"/x\"}", "", "/mounts/0/from", "has no `from`"},
    {"{\"type\":\"tmpfs\",\"at\":\"/x\"},{\"type\":\"tmpfs\",\"at\":\"/x\",\"from\":\"/y\"}", "", "/mounts/1/from",
     "`from` and the type `tmpfs` do not go together"},
    {"{\"type\":\"tmpfs\",\"at\":\"/x\"},{\"type\":\"remount\",\"at\":\"/x\"}", "", "/mounts/1", "changes nothing"},
    {"{\"type\":\"cgroup\",\"at\":\"/x\",\"access\":\"dev\"}", "", "/mounts/0/access", "with devices"},
    {"{\"type\":\"tmpfs\",\"at\":\"/x\"},{\"type\":\"remount\",\"at\":\"/x\",\"access\":\"rw\",\"recursive\":true}", "",
     "/mounts/1/recursive", "would loosen"},
    {"{\"type\":\"tmpfs\",\"at\":\"/x\"},{\"type\":\"remount\",\"at\":\"/x\",\"noexec\":false,\"recursive\":true}", "",
     "/mounts/1/recursive", "would loosen"},
    {"{\"type\":\"overlay\",\"at\":\"/x\",\"lower\":[\"/l\"],\"upper\":\"/u\"}", "", "/mounts/0/upper", "only one"},
    {"{\"type\":\"overlay\",\"at\":\"/x\",\"lower\":[\"/l\"],\"work\":\"/w\"}", "", "/mounts/0/work", "only one"},
    {"{\"type\":\"overlay\",\"at\":\"/x\",\"lower\":[\"/l\"]}", "", "/mounts/0/lower", "would be its one directory"},
    {"{\"type\":\"overlay\",\"at\":\"/x\",\"lower\":[\"/l/a\",\"/m\",\"/l\"]}", "", "/mounts/0",
     "`/l/a` is or lies in another layer"},
    {"{\"type\":\"overlay\",\"at\":\"/x\",\"lower\":[\"/l\"],\"upper\":\"/u\",\"work\":\"/l/w\"}", "", "/mounts/0",
     "`/l/w` is or lies in another layer"},
    {"{\"type\":\"overlay\",\"at\":\"/x\",\"lower\":[\"/l\",\"/m\",\"/l\"]}", "", "/mounts/0",
     "`/l` is or lies in another layer"},
    {"{\"type\":\"overlay\",\"at\":\"/x\",\"lower\":[\"/l\",\"/\"]}", "", "/mounts/0",
     "`/l` is or lies in another layer"},
    {"{\"type\":\"overlay\",\"at\":\"/x\",\"lower\":[\"/l\",\"/m\"]},{\"type\":\"remount\",\"at\":\"/x\",\"access\":\"rw\"}",
     "", "/mounts/1/access", "has no `upper`"},
    {"{\"type\":\"tmpfs\",\"at\":\"/\"}", "", "/mounts/0/at", "is the root"},
    {"{\"type\":\"tmpfs\",\"at\":\"/proc\"}", "", "/mounts/0/at", "the sandbox's own"},
    {"{\"type\":\"tmpfs\",\"at\":\"/dev\"}", "", "/mounts/0/at", "the sandbox's own"},
    {"{\"type\":\"file\",\"at\":\"/proc/x\"}", "", "/mounts/0/at", "lies in proc"},
    {"{\"type\":\"bind\",\"at\":\"/proc/kcore\",\"from\":\"/f\"}", "", "/mounts/0/at", "stays so"},
    {"{\"type\":\"proc\",\"at\":\"/p\"},{\"type\":\"bind\",\"at\":\"/p/sys/vm\",\"from\":\"/f\"}", "", "/mounts/1/at",
     "stays so"},
    {"{\"type\":\"proc\",\"at\":\"/proc\"},{\"type\":\"proc\",\"at\":\"/proc\"}", "", "/mounts/1/at", "twice"},
    {"{\"type\":\"proc\",\"at\":\"/p\"},{\"type\":\"sysfs\",\"at\":\"/p\"}", "", "/mounts/1/at", "twice"},
    {"{\"type\":\"sysfs\",\"at\":\"/s\"},{\"type\":\"dir\",\"at\":\"/s/x\"}", "", "/mounts/1/at",
     "file system of the kernel's"},
    {"{\"type\":\"proc\",\"at\":\"/s\"},{\"type\":\"file\",\"at\":\"/s/x\"}", "", "/mounts/1/at",
     "file system of the kernel's"},
    {"{\"type\":\"devpts\",\"at\":\"/s\"},{\"type\":\"dir\",\"at\":\"/s/x\"}", "", "/mounts/1/at",
     "file system of the kernel's"},
    {"{\"type\":\"mqueue\",\"at\":\"/s\"},{\"type\":\"file\",\"at\":\"/s/x\"}", "", "/mounts/1/at",
     "file system of the kernel's"},
    {"{\"type\":\"cgroup\",\"at\":\"/s\",\"access\":\"rw\"},{\"type\":\"dir\",\"at\":\"/s/x\"}", "", "/mounts/1/at",
     "file system of the kernel's"},
    {"{\"type\":\"bind\",\"at\":\"/b\",\"from\":\"/f\"},{\"type\":\"dir\",\"at\":\"/b/x\"}", "", "/mounts/1/at",
     "nothing is ever made on the host"},
    {"{\"type\":\"overlay\",\"at\":\"/b\",\"lower\":[\"/f\",\"/g\"]},{\"type\":\"symlink\",\"at\":\"/b/x\",\"target\":\"y\"}",
     "", "/mounts/1/at", "nothing is ever made on the host"},
    {"{\"type\":\"remount\",\"at\":\"/usr\",\"access\":\"ro\"}", "", "/mounts/0/at", "no earlier entry"},
    {"{\"type\":\"mqueue\",\"at\":\"/q\"},{\"type\":\"remount\",\"at\":\"/q\",\"access\":\"ro\"}", "", "/mounts/1/at",
     "no earlier entry"},
    {"{\"type\":\"tmpfs\",\"at\":\"/x\"},{\"type\":\"propagation\",\"at\":\"/x\",\"propagation\":\"slave\"}", "",
     "/mounts/1/propagation", "cannot follow the host"},
    {"{\"type\":\"bind\",\"at\":\"/x\",\"from\":\"/f\"},{\"type\":\"propagation\",\"at\":\"/x\",\"propagation\":"
     "\"slave\",\"recursive\":false}",
     "", "/mounts/1/recursive", "cannot follow the host"},
    {"{\"type\":\"propagation\",\"at\":\"/\",\"propagation\":\"slave\"}", "", "/mounts/0/propagation",
     "cannot follow the host"},
    {"{\"type\":\"proc\",\"at\":\"/p\"}",
     "\"init\":false,\"namespaces\":{\"pid\":\"host\"},\"best_effort\":[\"tree_kill\"]", "/mounts/0/type",
     "process namespace of its own"},
    {"{\"type\":\"mqueue\",\"at\":\"/q\"}", "\"namespaces\":{\"ipc\":\"host\"}", "/mounts/0/type", "IPC namespace"},
    {"{\"type\":\"cgroup\",\"at\":\"/c\"}", "\"namespaces\":{\"cgroup\":\"host\"}", "/mounts/0/type",
     "cgroup namespace"},
    {"{\"type\":\"sysfs\",\"at\":\"/s\"}", "\"network\":{\"join\":\"/n\"}", "/mounts/0/type",
     "a new user namespace does not own"},
    {"{\"type\":\"mqueue\",\"at\":\"/s\"}", "\"namespaces\":{\"ipc\":{\"join\":\"/n\"}}", "/mounts/0/type",
     "a new user namespace does not own"},
    {"{\"type\":\"cgroup\",\"at\":\"/s\"}", "\"namespaces\":{\"cgroup\":{\"join\":\"/n\"}}", "/mounts/0/type",
     "a new user namespace does not own"},
    {"{\"type\":\"devpts\",\"at\":\"/p\",\"gid\":5}", "", "/mounts/0/gid", "5 is not mapped"},
    {"{\"type\":\"devpts\",\"at\":\"/p\",\"gid\":50}", "\"user\":{\"gid\":0,\"gid_map\":[[0,1000,50]]}",
     "/mounts/0/gid", "50 is not mapped"},
    {"{\"type\":\"dev\",\"at\":\"/1\"},{\"type\":\"dev\",\"at\":\"/2\"},{\"type\":\"dev\",\"at\":\"/3\"},"
     "{\"type\":\"dev\",\"at\":\"/4\"},{\"type\":\"dev\",\"at\":\"/5\"},{\"type\":\"dev\",\"at\":\"/6\"},"
     "{\"type\":\"dev\",\"at\":\"/7\"},{\"type\":\"dev\",\"at\":\"/8\"}",
     "", "/mounts/7/type", "more than 7"},
    {"{\"type\":\"bind\",\"at\":\"/x\",\"from\":\"/f\",\"sise\":1}", "", "/mounts/0/sise", "is not a field"},
    {"7", "", "/mounts/0", "an object"},
    {"{\"type\":\"file\",\"at\":\"/f\",\"data\":\"\",\"data_base64\":\"\"}", "", "/mounts/0/data_base64",
     "the file `/f` has both `data` and `data_base64`"},
    {"{\"type\":\"file\",\"at\":\"/f\",\"data_base64\":\"AA-A\"}", "", "/mounts/0/data_base64",
     "character 3 (`-`) cannot stand there in base64"},
    {"{\"type\":\"file\",\"at\":\"/f\",\"data_base64\":\"AAAA\\n\"}", "", "/mounts/0/data_base64",
     "character 5 (byte 0x0a) cannot stand there in base64"},
    {"{\"type\":\"file\",\"at\":\"/f\",\"data_base64\":\"AA=\"}", "", "/mounts/0/data_base64",
     "groups of four characters, and this is 3 long"},
    {"{\"type\":\"file\",\"at\":\"/f\"},{\"type\":\"file\",\"at\":\"/g\",\"data_base64\":\"AB==\"}", "",
     "/mounts/1/data_base64", "character 2, the last one of the base64, holds more than the last byte"},
    {"{\"type\":\"dir\",\"at\":\"/f\",\"data_base64\":\"\"}", "", "/mounts/0/data_base64",
     "`data_base64` and the type `dir` do not go together"},
    {"{\"type\":\"overlay\",\"at\":\"/x\",\"lower\":[\"/l\",\"${NO}\"]}", "", "/mounts/0/lower/1",
     "the variable `NO` has no value"},
};

static const struct {
  const char *mounts, *others;
} right[] = {
    {"{\"type\":\"bind\",\"at\":\"/b\",\"from\":\"/f\",\"optional\":true},{\"type\":\"dir\",\"at\":\"/b/x\"}", ""},
    {"{\"type\":\"bind\",\"at\":\"/proc/meminfo\",\"from\":\"/f\"}", ""},
    {"{\"type\":\"proc\",\"at\":\"/p\"},{\"type\":\"bind\",\"at\":\"/p/meminfo\",\"from\":\"/f\"}", ""},
    {"{\"type\":\"proc\",\"at\":\"/proc\",\"subset\":\"pid\"},{\"type\":\"dev\",\"at\":\"/dev\"}", ""},
    {"{\"type\":\"propagation\",\"at\":\"/\",\"propagation\":\"shared\"}", ""},
    {"{\"type\":\"overlay\",\"at\":\"/x\",\"lower\":[\"/l\"],\"upper\":\"/u\",\"work\":\"/w\"},{\"type\":\"remount\",\"at\":\"/x\","
     "\"access\":\"rw\"}",
     ""},
    {"{\"type\":\"overlay\",\"at\":\"/x\",\"lower\":[\"/l\",\"/ll\"]},{\"type\":\"remount\",\"at\":\"/x\",\"access\":\"ro\"},"
     "{\"type\":\"remount\",\"at\":\"/x\",\"noexec\":true}",
     ""},
    {"{\"type\":\"bind\",\"at\":\"/x\",\"from\":\"/f\"},{\"type\":\"remount\",\"at\":\"/x\",\"access\":\"rw\"}", ""},
    {"{\"type\":\"sysfs\",\"at\":\"/s\"},{\"type\":\"tmpfs\",\"at\":\"/s/fs/cgroup\"},{\"type\":\"dir\",\"at\":\"/s/fs/cgroup/x\"}",
     ""},
    {"{\"type\":\"mqueue\",\"at\":\"/s\"},{\"type\":\"cgroup\",\"at\":\"/c\"}",
     "\"namespaces\":{\"user\":{\"join\":\"/n\"},\"ipc\":{\"join\":\"/n\"},\"cgroup\":{\"join\":\"/n\"}},\"user\":{\"uid\":0,"
     "\"gid\":0}"},
    {"{\"type\":\"file\",\"at\":\"/f\",\"data_base64\":\"\"},{\"type\":\"file\",\"at\":\"/g\",\"data_base64\":\"/+8=\"}",
     ""},
    {"{\"type\":\"sysfs\",\"at\":\"/s\"}", "\"network\":\"host\""},
    {"{\"type\":\"sysfs\",\"at\":\"/s\"}", "\"network\":{\"join\":\"/n\"},\"namespaces\":{\"user\":\"host\"}"},
    {"{\"type\":\"devpts\",\"at\":\"/p\",\"gid\":5}", "\"user\":{\"gid_map\":\"subuid\"}"},
    {"{\"type\":\"devpts\",\"at\":\"/p\",\"gid\":5}", "\"user\":{\"gid\":0,\"gid_map\":[[0,1000,50]]}"},
    {"{\"type\":\"devpts\",\"at\":\"/p\",\"gid\":5}", "\"namespaces\":{\"user\":\"host\"}"},
};

static int check(const char *mounts, const char *others, styro_error *err)
{
  static char text[4096];
  snprintf(text, sizeof text, "{\"version\":1,\"mounts\":[%s]%s%s}", mounts, others[0] ? "," : "", others);
  return kit_check(text, err);
}

START_TEST(a_wrong_list_is_told_what_is_wrong)
{
  styro_error err = ERROR_READY;
  int code = check(wrong[_i].mounts, wrong[_i].others, &err);
  ck_assert_msg(code == STYRO_EREQUEST, "%s: %d, %s", wrong[_i].mounts, code, err.message);
  ck_assert_msg(strcmp(err.field, wrong[_i].field) == 0, "%s: %s, %s", wrong[_i].mounts, err.field, err.message);
  ck_assert_msg(strstr(err.message, wrong[_i].message) != NULL, "%s: %s", wrong[_i].mounts, err.message);
}
END_TEST

START_TEST(a_right_list_passes)
{
  styro_error err = ERROR_READY;
  int code = check(right[_i].mounts, right[_i].others, &err);
  ck_assert_msg(code == 0, "%s: %s, %s", right[_i].mounts, err.field, err.message);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("validate_mounts");
  TCase *cases = tcase_create("all");
  tcase_add_loop_test(cases, a_wrong_list_is_told_what_is_wrong, 0, (int)COUNT(wrong));
  tcase_add_loop_test(cases, a_right_list_passes, 0, (int)COUNT(right));
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
