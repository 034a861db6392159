/* Words that take something from what is promised: each alone, what it takes and no more, and what only looks like one. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "protections.h"
#include "request_kit.h"
#include "weakened.h"

#define BIT(protection) STYRO_BIT(STYRO_##protection)
#define FILES                                                                                              \
  (BIT(PATH_VIEW) | BIT(READ_ONLY_PATHS) | BIT(DENIED_PATHS) | BIT(MASKED_PATHS) | BIT(DEVICE_ALLOWLIST) | \
   BIT(PRIVATE_TMP))
#define MOUNTS (BIT(READ_ONLY_PATHS) | BIT(DENIED_PATHS) | BIT(MASKED_PATHS) | BIT(DEVICE_ALLOWLIST) | BIT(DISK_SIZE))
#define SPACES                                                                                                      \
  (BIT(PROCESS_VIEW) | BIT(PROCESS_SIGNALS) | BIT(IPC_ISOLATION) | BIT(NETWORK_ISOLATION) | BIT(ABSTRACT_SOCKETS) | \
   BIT(HOSTNAME) | BIT(CGROUP_VIEW))

#define OWN "\"init\": false, \"security\": {\"seccomp\": {\"bpf\": [[6, 0, 0, 2147418112]]}, \"capabilities\": "
#define HOST_USER "\"namespaces\": {\"user\": \"host\"}, \"best_effort\": [\"nested_user_namespaces\"], "
#define NO_INIT "\"init\": false, \"best_effort\": [\"tree_kill\"], "

static const struct {
  const char *members;
  uint64_t lost;
} rows[] = {
    {"\"init\": true", 0},
    /* processes of others within reach of /proc/PID/root */
    {NO_INIT "\"namespaces\": {\"pid\": \"host\"}", 0},
    {"\"namespaces\": {\"user\": \"host\"}", 0},
    {NO_INIT "\"namespaces\": {\"pid\": \"host\", \"user\": \"host\"}", FILES},
    {NO_INIT
     "\"namespaces\": {\"pid\": {\"join\": \"/p\"}, \"user\": {\"join\": \"/u\"}}, \"user\": {\"uid\": 1, \"gid\": 1}",
     FILES},
    {"\"namespaces\": {\"user\": \"host\"}, \"paths\": {\"/p\": {\"from\": \"/proc\"}}",
     FILES | BIT(PROCESS_VIEW) | BIT(MASKED_PATHS)},
    /* proc and sys of the host */
    {"\"paths\": {\"/p\": {\"from\": \"/proc\"}}", BIT(PROCESS_VIEW) | BIT(MASKED_PATHS)},
    {"\"paths\": {\"/h\": {\"from\": \"/\"}}", BIT(PROCESS_VIEW) | BIT(MASKED_PATHS)},
    {"\"mounts\": [{\"type\": \"bind\", \"at\": \"/h\", \"from\": \"/\"}]", BIT(PROCESS_VIEW) | BIT(MASKED_PATHS)},
    {"\"paths\": {\"/p\": {\"from\": \"/proc/12\"}}", BIT(PROCESS_VIEW)},
    {"\"paths\": {\"/p\": {\"from\": \"/proc/meminfo\"}}", 0},
    {"\"paths\": {\"/p\": {\"from\": \"/proc/sys/kernel\"}}", BIT(MASKED_PATHS)},
    {"\"paths\": {\"/proc/meminfo\": \"deny\"}", 0},
    {"\"paths\": {\"/p\": {\"from\": \"/processes\"}}", 0},
    {"\"paths\": {\"/sys\": \"ro\"}", BIT(MASKED_PATHS)},
    {"\"paths\": {\"/sys/kernel\": \"ro\"}", BIT(MASKED_PATHS)},
    {"\"paths\": {\"/sys/class\": \"ro\"}", 0},
    {"\"mounts\": [{\"type\": \"sysfs\", \"at\": \"/sys\"}, {\"type\": \"proc\", \"at\": \"/p\"}]", 0},
    {"\"root\": {\"directory\": \"/\"}", BIT(MASKED_PATHS)},
    {"\"root\": {\"directory\": \"/srv\"}, \"paths\": {\"/sys\": \"ro\"}", 0},
    /* /tmp */
    {"\"paths\": {\"/tmp\": \"rw\"}", BIT(PRIVATE_TMP)},
    {"\"paths\": {\"/tmp\": {\"from\": \"/srv\"}}", BIT(PRIVATE_TMP)},
    {"\"paths\": {\"/tmp/x\": \"rw\", \"/tmpfs\": \"rw\"}", 0},
    {"\"paths\": {\"/tmp\": \"tmpfs\"}", 0},
    {"\"paths\": {\"/tmp\": \"deny\"}", 0},
    {"\"mounts\": [{\"type\": \"bind\", \"at\": \"/tmp\", \"from\": \"/srv\"}]", BIT(PRIVATE_TMP)},
    {"\"mounts\": [{\"type\": \"bind\", \"at\": \"/tmp\", \"from\": \"/srv\"}], \"paths\": {\"/tmp\": \"tmpfs\"}", 0},
    {"\"mounts\": [{\"type\": \"tmpfs\", \"at\": \"/tmp\"}]", 0},
    /* the caller's own group */
    {"\"mounts\": [{\"type\": \"cgroup\", \"at\": \"/g\", \"access\": \"rw\"}]", BIT(PROCESS_SIGNALS)},
    {"\"mounts\": [{\"type\": \"cgroup\", \"at\": \"/g\"}]", 0},
    /* capabilities, which the default filter takes the calls from */
    {"\"init\": false, \"security\": {\"capabilities\": [\"sys_admin\"]}", 0},
    {OWN "[\"sys_admin\"]}", MOUNTS},
    {OWN "{\"bounding\": [\"sys_admin\"]}}", MOUNTS},
    {OWN "[\"sys_admin\", \"sys_resource\"]}", MOUNTS | BIT(NESTED_USER_NAMESPACES)},
    {OWN "[\"sys_resource\", \"dac_read_search\"]}", 0},
    {HOST_USER OWN "[\"dac_read_search\"]}", FILES},
    {HOST_USER OWN "[\"sys_admin\"]}", FILES | MOUNTS | SPACES},
};

static uint64_t weakened(const char *members)
{
  char text[1024];
  styro_request *request = NULL;
  struct styro_effective effective;
  styro_error err = ERROR_READY;
  snprintf(text, sizeof text, "{\"version\": 1, %s}", members);
  ck_assert_int_eq(styro_request_from_json(NULL, text, strlen(text), &request, NULL), 0);
  ck_assert_msg(styro_request_effective(request, &effective, &err) == 0, "%s: %s", text, err.message);
  uint64_t bits = styro_weakened(&effective.fields);
  styro_effective_free(&effective);
  styro_request_free(request);
  return bits;
}

START_TEST(what_a_word_takes)
{
  uint64_t lost = weakened(rows[_i].members);
  ck_assert_msg(lost == rows[_i].lost, "%s: %llx and not %llx", rows[_i].members, (unsigned long long)lost,
                (unsigned long long)rows[_i].lost);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("weakened");
  TCase *cases = tcase_create("all");
  tcase_add_loop_test(cases, what_a_word_takes, 0, (int)(sizeof rows / sizeof rows[0]));
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
