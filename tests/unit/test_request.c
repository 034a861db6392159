/* core/lib/request.c, request_text.c, pointer.c, effective.c: setters, getters, defaults, and every lack of memory. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "request.h"
#include "request_kit.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static styro_request *request;
static styro_error err;

static void setup(void)
{
  err = (styro_error)ERROR_READY;
  ck_assert_int_eq(styro_request_new(NULL, &request, &err), 0);
}

static void teardown(void)
{
  styro_request_free(request);
}

static void set(const char *pointer, const char *text)
{
  int code = styro_request_set(request, pointer, text, &err);
  ck_assert_msg(code == 0, "%s = %s: %s", pointer, text, err.message);
}

static void expect_json(const char *expected)
{
  const char *json = NULL;
  ck_assert_int_eq(styro_request_to_json(request, &json, &err), 0);
  ck_assert_str_eq(json, expected);
}

static void expect_get(const char *pointer, const char *expected)
{
  const char *text = "untouched";
  int code = styro_request_get(request, pointer, &text, &err);
  ck_assert_msg(code == 0, "%s: %s", pointer, err.message);
  ck_assert_msg((text == NULL) == (expected == NULL), "%s is %s", pointer, text == NULL ? "NULL" : text);
  if (expected != NULL) {
    ck_assert_str_eq(text, expected);
  }
}

static struct styro_effective effective(void)
{
  struct styro_effective out;
  int code = styro_request_effective(request, &out, &err);
  ck_assert_msg(code == 0, "%s (%s)", err.message, err.field);
  return out;
}

START_TEST(an_empty_request_is_the_default_sandbox)
{
  struct styro_effective e = effective();
  const struct styro_fields *f = &e.fields;
  ck_assert_int_eq(f->root_kind, STYRO_ROOT_SYSTEM);
  ck_assert_str_eq(f->cwd, "/home/sandbox");
  ck_assert_int_eq(f->uid, 1000);
  ck_assert_int_eq(f->gid, 1000);
  ck_assert_int_eq(f->umask, 022);
  ck_assert_uint_eq(f->isolation.n, 1);
  ck_assert_str_eq(f->isolation.items[0], "container");
  for (int kind = 0; kind < STYRO_NS_COUNT; kind++) {
    ck_assert_int_eq(f->namespaces[kind], STYRO_NS_NEW);
  }
  ck_assert(f->init && f->new_session && f->die_with_parent && f->no_new_privs);
  ck_assert(!f->fixed && !f->output_asked && !f->limits_asked && !f->capabilities_named && !f->time_explicit);
  ck_assert(!f->groups && f->setgroups == STYRO_SETGROUPS_DEFAULT && !f->preserve_by_caller);
  ck_assert_int_eq(f->network, STYRO_NETWORK_NONE);
  ck_assert_ptr_null(f->uid_map);
  ck_assert_int_eq(f->seccomp_kind, STYRO_SECCOMP_DEFAULT);
  ck_assert_int_eq(f->timeout_wall, 0);
  ck_assert_ptr_null(f->hostname);
  ck_assert(!styro_effective_is_set(&e, "/cwd"));
  ck_assert(styro_effective_is_set(&e, "/version"));
  ck_assert(!styro_effective_is_set(&e, "/no/such"));
  styro_effective_free(&e);
  styro_effective_free(&e);
  styro_effective_free(NULL);
}
END_TEST

START_TEST(setters_speak_text)
{
  set("/timeout", "1.5s");
  set("/timeout/grace", "500ms");
  set("/user/uid", "0");
  set("/init", "false");
  set("/root", "empty");
  set("/paths/~1out", "rw");
  set("/paths/~1out/from", "/host/out");
  set("/paths/~1t", "{\"access\": \"tmpfs\", \"size\": \"1M\"}");
  set("/paths/~1t/mode", "0700");
  set("/env/A", "[not json");
  set("/command", "[\"true\"]");
  set("/extends", "python");
  set("/rlimits/nofile", "64");
  set("/rlimits/nofile/hard", "128");
  set("/rlimits/as", "unlimited");
  set("/security/capabilities", "none");
  set("/security/capabilities/bounding", "[\"CAP_CHOWN\"]");
  set("/limits", "{\"cpu\": 1.5}");
  set("/limits/cpu", "2.5");
  set("/limits/cgroup/memory.high", "1");
  set("/umask", "077");
  set("/nice", "-3");
  set("/network", "{\"mode\": \"host\"}");
  expect_json(
      "{\"version\":1,\"extends\":[\"python\"],\"root\":\"empty\",\"paths\":{\"/out\":{\"access\":\"rw\",\"from\":"
      "\"/host/out\"},\"/t\":{\"access\":\"tmpfs\",\"size\":1048576,\"mode\":\"0700\"}},\"command\":[\"true\"],"
      "\"env\":{\"A\":\"[not json\"},\"user\":{\"uid\":0},\"network\":\"host\",\"limits\":{\"cpu\":2.5,\"cgroup\":"
      "{\"memory.high\":\"1\"}},\"rlimits\":{\"as\":\"unlimited\",\"nofile\":{\"soft\":64,\"hard\":128}},"
      "\"timeout\":{\"wall\":\"1500ms\",\"grace\":\"500ms\"},\"security\":{\"capabilities\":{\"bounding\":["
      "\"CAP_CHOWN\"],\"effective\":[],\"permitted\":[],\"inheritable\":[],\"ambient\":[]}},\"init\":false,"
      "\"umask\":\"0077\",\"nice\":-3}");
}
END_TEST

START_TEST(what_excludes_each_other_is_taken_back)
{
  set("/root/directory", "/srv");
  set("/root", "empty");
  expect_json("{\"version\":1,\"root\":\"empty\"}");
  set("/root", "{\"directory\": \"/srv\"}");
  expect_json("{\"version\":1,\"root\":{\"directory\":\"/srv\"}}");
  set("/security/seccomp", "default");
  set("/security/seccomp/bpf", "[[6,0,0,0]]");
  expect_json("{\"version\":1,\"root\":{\"directory\":\"/srv\"},\"security\":{\"seccomp\":{\"bpf\":[[6,0,0,0]]}}}");
}
END_TEST

START_TEST(integers_count_the_smallest_unit)
{
  ck_assert_int_eq(styro_request_set_int(request, "/timeout", 1500000000, &err), 0);
  ck_assert_int_eq(styro_request_set_int(request, "/output/limit", 4096, &err), 0);
  ck_assert_int_eq(styro_request_set_int(request, "/rlimits/nofile", 64, &err), 0);
  ck_assert_int_eq(styro_request_set_int(request, "/limits/cpu", 2, &err), 0);
  ck_assert_int_eq(styro_request_set_int(request, "/umask", 18, &err), 0);
  expect_json(
      "{\"version\":1,\"limits\":{\"cpu\":2},\"rlimits\":{\"nofile\":64},\"timeout\":\"1500ms\",\"output\":4096,"
      "\"umask\":\"0022\"}");
  ck_assert_int_eq(styro_request_set_int(request, "/cwd", 1, &err), STYRO_EREQUEST);
  ck_assert_str_eq(err.message, "expected an absolute path, not a whole number");
  ck_assert_int_eq(styro_request_set_int(request, "/output", -1, &err), STYRO_EREQUEST);
}
END_TEST

START_TEST(json_values_and_whole_documents)
{
  ck_assert_int_eq(styro_request_set_json(request, "", "{\"cwd\": \"/a\", \"timeout\": 2}", &err), 0);
  ck_assert_int_eq(styro_request_set_json(request, "/env", "{\"A\": \"1\"}", &err), 0);
  ck_assert_int_eq(styro_request_set_json(request, "/env/B", "\"2\"", &err), 0);
  expect_json("{\"version\":1,\"cwd\":\"/a\",\"env\":{\"A\":\"1\",\"B\":\"2\"},\"timeout\":\"2s\"}");
  ck_assert_int_eq(styro_request_set_json(request, "/timeout", "5x", &err), STYRO_EPARSE);
  ck_assert_str_eq(err.field, "/timeout");
  ck_assert_int_eq(styro_request_set_json(request, "/init", "\"true\"", &err), STYRO_EREQUEST);
}
END_TEST

START_TEST(adding_to_lists_and_maps)
{
  ck_assert_int_eq(styro_request_add(request, "/command", NULL, "sh", &err), 0);
  ck_assert_int_eq(styro_request_add(request, "/command", NULL, "-c", &err), 0);
  ck_assert_int_eq(styro_request_add(request, "/extends", NULL, "build", &err), 0);
  ck_assert_int_eq(styro_request_add(request, "/env", "A/~B", "1", &err), 0);
  ck_assert_int_eq(styro_request_add(request, "/paths", "/a//b/", "rw", &err), 0);
  ck_assert_int_eq(styro_request_add(request, "/paths", "/a/b", "{\"access\": \"deny\"}", &err), 0);
  ck_assert_int_eq(styro_request_add(request, "/best_effort", NULL, "tree_kill", &err), 0);
  ck_assert_int_eq(styro_request_add(request, "/best_effort", NULL, "rlimits", &err), 0);
  ck_assert_int_eq(styro_request_add(request, "/preserve_fds", NULL, "7", &err), 0);
  ck_assert_int_eq(styro_request_set_fd(request, "/preserve_fds", 5, &err), 0);
  ck_assert_int_eq(styro_request_add(request, "/security/capabilities", NULL, "net_raw", &err), 0);
  ck_assert_int_eq(styro_request_add(request, "/security/capabilities", NULL, "chown", &err), 0);
  expect_json("{\"version\":1,\"extends\":[\"build\"],\"best_effort\":[\"tree_kill\",\"rlimits\"],\"paths\":{\"/a/b\":"
              "\"deny\"},\"command\":[\"sh\",\"-c\"],\"env\":{\"A/~B\":\"1\"},\"security\":{\"capabilities\":["
              "\"CAP_CHOWN\",\"CAP_NET_RAW\"]},\"preserve_fds\":[7,5]}");
}
END_TEST

START_TEST(adding_where_nothing_can_be_added)
{
  static const struct {
    const char *pointer, *key, *text;
    int code;
    const char *field, *message;
  } rows[] = {
      {"/cwd", NULL, "/x", STYRO_EREQUEST, "/cwd", "is no list"},
      {"/cwd", "k", "/x", STYRO_EREQUEST, "/cwd", "is no map"},
      {"/timeout", "wall", "1s", STYRO_EREQUEST, "/timeout", "is no map"},
      {"/env", "A=B", "x", STYRO_EREQUEST, "/env/A=B", "has a `=` in it"},
      {"/env", "", "x", STYRO_EREQUEST, "/env/", "is empty"},
      {"/env", "\xff", "x", STYRO_EREQUEST, "/env/?", "UTF-8"},
      {"/env", "A", "\xff", STYRO_EREQUEST, "/env/A", "UTF-8"},
      {"/paths", "out", "rw", STYRO_EREQUEST, "/paths/out", "is not an absolute path"},
      {"/paths", "/a/../b", "rw", STYRO_EREQUEST, "/paths/~1a~1..~1b", "`..`"},
      {"/paths", "/a", "rwx", STYRO_EREQUEST, "/paths/~1a", "`rwx` is not `ro`, `rw`, `deny` or `tmpfs`"},
      {"/preserve_fds", NULL, "2", STYRO_EREQUEST, "/preserve_fds/0", "out of range"},
      {"/preserve_fds", NULL, "x", STYRO_EREQUEST, "/preserve_fds/0", "list of descriptors"},
      {"/terminal", NULL, "x", STYRO_EREQUEST, "/terminal", "is no list"},
      {"/nothing", NULL, "x", STYRO_EREQUEST, "/nothing", "not a field of a request"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    int code = styro_request_add(request, rows[i].pointer, rows[i].key, rows[i].text, &err);
    ck_assert_msg(code == rows[i].code, "row %zu: %d", i, code);
    ck_assert_str_eq(err.field, rows[i].field);
    ck_assert_msg(strstr(err.message, rows[i].message) != NULL, "%s", err.message);
  }
  expect_json("{\"version\":1}");
}
END_TEST

/* PATH_MAX with its NUL, as for a part of a pointer. */
START_TEST(a_key_has_the_length_of_a_path)
{
  static char key[4097];
  memset(key, 'k', 4096);
  ck_assert_int_eq(styro_request_add(request, "/env", key, "x", &err), STYRO_EREQUEST);
  ck_assert_ptr_nonnull(strstr(err.message, "kkk` is too long for a key"));
  ck_assert_str_eq(err.field, "/env");
  key[4095] = '\0';
  ck_assert_int_eq(styro_request_add(request, "/env", key, "x", &err), 0);
  ck_assert_int_eq(styro_request_add(request, "/env", key, "y", &err), 0);
  struct styro_effective e = effective();
  ck_assert_uint_eq(e.fields.env.n, 1);
  ck_assert_str_eq(e.fields.env.keys[0], key);
  ck_assert_str_eq(e.fields.env.values[0], "y");
  styro_effective_free(&e);
}
END_TEST

START_TEST(descriptors)
{
  ck_assert_int_eq(styro_request_set_fd(request, "/preserve_fds", 9, &err), 0);
  ck_assert_int_eq(styro_request_set_fd(request, "/preserve_fds", 9, &err), STYRO_EREQUEST);
  ck_assert_str_eq(err.message, "descriptor 9 stands there twice");
  ck_assert_int_eq(styro_request_set_fd(request, "/preserve_fds", 1, &err), STYRO_EREQUEST);
  ck_assert_int_eq(styro_request_set_fd(request, "/cwd", 9, &err), STYRO_EREQUEST);
  ck_assert_str_eq(err.hint, "descriptors are handed to `/preserve_fds`, or stand in place of a host path");
  set("/preserve_fds", "by_caller");
  expect_json("{\"version\":1,\"preserve_fds\":\"by_caller\"}");
  ck_assert_int_eq(styro_request_set_fd(request, "/preserve_fds", 9, &err), STYRO_EREQUEST);
  ck_assert_str_eq(err.hint, "hand the descriptor over with the run");
}
END_TEST

START_TEST(a_descriptor_in_place_of_a_path)
{
  ck_assert_int_eq(styro_request_set_fd(request, "/paths/~1x/from", 9, &err), 0);
  expect_json("{\"version\":1,\"paths\":{\"/x\":{\"access\":\"ro\",\"from\":9}}}");
  ck_assert_int_eq(styro_request_set_fd(request, "/paths/~1x/from", 2, &err), STYRO_EREQUEST);
  ck_assert_str_eq(err.message, "2 is out of range");
  ck_assert_str_eq(err.hint, "a descriptor is 3 or above: 0, 1 and 2 are the standard streams, which each run chooses");
  ck_assert_int_eq(styro_request_set_fd(request, "/paths/~1x/from", 1048576, &err), STYRO_EREQUEST);
  set("/paths/~1x/from", "17");
  expect_json("{\"version\":1,\"paths\":{\"/x\":{\"access\":\"ro\",\"from\":17}}}");
  set("/paths/~1x/from", "/17");
  expect_json("{\"version\":1,\"paths\":{\"/x\":{\"access\":\"ro\",\"from\":\"/17\"}}}");
  ck_assert_int_eq(styro_request_set_json(request, "/paths/~1x/from", "true", &err), STYRO_EREQUEST);
  ck_assert_str_eq(err.message, "expected an absolute path or a descriptor, not true or false");
  ck_assert_int_eq(styro_request_set_json(request, "/paths/~1x/from", "\"17\"", &err), STYRO_EREQUEST);
  ck_assert_str_eq(err.message, "`17` is not an absolute path");
}
END_TEST

START_TEST(pointers_that_lead_nowhere)
{
  static const struct {
    const char *pointer, *field, *message;
  } rows[] = {
      {"timeout", "timeout", "does not start with `/`"},
      {"/timeot", "/timeot", "not a field of a request"},
      {"/timeout/wal", "/timeout/wal", "`wal` is not a field here"},
      {"/root/kind", "/root/kind", "`kind` is not a field here"},
      {"/timeout/wall/x", "/timeout/wall", "has no parts"},
      {"/command/0", "/command", "has no parts"},
      {"/env/A/B", "B", "is below a text"},
      {"/terminal/x", "/terminal", "not supported yet"},
      {"/paths/~1a/acces", "/paths/~1a/acces", "`acces` is not a field here"},
      {"/env/~2", "/env/~2", "without 0 or 1"},
      {"/env/~", "/env/~", "without 0 or 1"},
      {"/", "/", "`` is not a field"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    styro_error other = ERROR_READY;
    int code = styro_request_set(request, rows[i].pointer, "1", &err);
    ck_assert_int_lt(code, 0);
    ck_assert_str_eq(err.field, rows[i].field);
    ck_assert_msg(strstr(err.message, rows[i].message) != NULL, "%s: %s", rows[i].pointer, err.message);
    ck_assert_int_eq(styro_request_set_int(request, rows[i].pointer, 1, &other), code);
    ck_assert_str_eq(other.message, err.message);
    ck_assert_int_eq(styro_request_set_fd(request, rows[i].pointer, 3, &other), code);
    ck_assert_str_eq(other.message, err.message);
    ck_assert_int_eq(styro_request_set_json(request, rows[i].pointer, "no JSON", &other), code);
    ck_assert_str_eq(other.message, err.message);
  }
  expect_json("{\"version\":1}");
}
END_TEST

START_TEST(a_failed_setter_changes_nothing)
{
  set("/timeout", "5s");
  set("/command", "[\"a\"]");
  ck_assert_int_lt(styro_request_set(request, "/timeout", "soon", &err), 0);
  ck_assert_int_lt(styro_request_set(request, "/command", "[\"b\", 3]", &err), 0);
  ck_assert_int_lt(styro_request_set_json(request, "", "{\"timeout\": 9, \"cwd\": \"x\"}", &err), 0);
  expect_json("{\"version\":1,\"command\":[\"a\"],\"timeout\":\"5s\"}");
}
END_TEST

START_TEST(getting_after_presets_and_defaults)
{
  set("/extends", "build");
  set("/timeout", "5s");
  set("/paths/~1a", "rw");
  set("/paths/~1b", "{\"from\": \"/x\"}");
  set("/rlimits/nofile", "64");
  set("/env/TZ", "EST");
  expect_get("/timeout/wall", "5000000000");
  expect_get("/timeout", "5000000000");
  expect_get("/timeout/grace", "0");
  expect_get("/timeout/cpu", NULL);
  expect_get("/cwd", "/home/sandbox");
  expect_get("/user/uid", "1000");
  expect_get("/user/uid_map", NULL);
  expect_get("/umask", "0022");
  expect_get("/init", "true");
  expect_get("/network", "none");
  expect_get("/root", "system");
  expect_get("/root/directory", NULL);
  expect_get("/isolation", "[\"container\"]");
  expect_get("/env/TZ", "EST");
  expect_get("/env/LC_ALL", "C.UTF-8");
  expect_get("/env/NONE", NULL);
  expect_get("/namespaces/uts/hostname", "build");
  expect_get("/namespaces/pid", "new");
  expect_get("/paths/~1a", "rw");
  expect_get("/paths/~1a~1", "rw");
  expect_get("/paths/~1a/from", NULL);
  expect_get("/paths/~1b/from", "/x");
  expect_get("/paths/~1b", "{\"access\":\"ro\",\"from\":\"/x\"}");
  expect_get("/paths/~1b/optional", "false");
  expect_get("/paths/~1c", NULL);
  expect_get("/rlimits/nofile", "64");
  expect_get("/rlimits/nofile/hard", "64");
  expect_get("/rlimits/core", NULL);
  expect_get("/output", NULL);
  expect_get("/user", NULL);
  expect_get("/command", NULL);
  expect_get("/terminal", NULL);
  set("/rlimits/nofile/hard", "unlimited");
  expect_get("/rlimits/nofile/hard", "unlimited");
  expect_get("/rlimits/nofile", "{\"soft\":64,\"hard\":\"unlimited\"}");
  const char *text = NULL;
  ck_assert_int_eq(styro_request_get(request, "/nothing", &text, &err), STYRO_EREQUEST);
}
END_TEST

START_TEST(variables_are_resolved)
{
  ck_assert_int_eq(styro_request_set_variable(request, "CWD", "/home/me//jobs/", &err), 0);
  ck_assert_int_eq(styro_request_set_variable(request, "NAME", "x", &err), 0);
  ck_assert_int_eq(styro_request_set_variable(request, "NAME", "y", &err), 0);
  set("/root/directory", "${CWD}/root");
  set("/paths/${CWD}~1${NAME}/from", "${CWD}");
  set("/cwd", "/a/${NAME}");
  set("/env/A", "$${CWD} ${CWD} $X ${NAME}");
  set("/command", "[\"${CWD}\"]");
  struct styro_effective e = effective();
  ck_assert_str_eq(e.fields.root_directory, "/home/me/jobs/root");
  ck_assert_int_eq(e.fields.root_kind, STYRO_ROOT_DIRECTORY);
  ck_assert_str_eq(e.fields.rules[0].path, "/home/me/jobs/y");
  ck_assert_str_eq(e.fields.rules[0].from, "/home/me/jobs");
  ck_assert_str_eq(e.fields.cwd, "/a/y");
  ck_assert_str_eq(e.fields.env.values[0], "${CWD} /home/me//jobs/ $X y");
  ck_assert_str_eq(e.fields.command.items[0], "${CWD}");
  styro_effective_free(&e);
  expect_json(
      "{\"version\":1,\"root\":{\"directory\":\"${CWD}/root\"},\"paths\":{\"${CWD}/${NAME}\":{\"access\":\"ro\","
      "\"from\":\"${CWD}\"}},\"command\":[\"${CWD}\"],\"cwd\":\"/a/${NAME}\",\"env\":{\"A\":\"$${CWD} ${CWD} $X "
      "${NAME}\"}}");
}
END_TEST

START_TEST(what_follows_from_the_fields)
{
  ck_assert_int_eq(styro_request_set_json(
                       request, "",
                       "{\"best_effort\": [\"limits\"], \"limits\": {\"memory\": \"1G\", \"cgroup\": {\"pids.max\": "
                       "\"5\"}, \"parent\": \"/x\"}, \"rlimits\": {\"nofile\": {\"soft\": 1, \"hard\": 2}}, "
                       "\"output\": \"1M\", \"namespaces\": {\"time\": \"new\"}, \"init\": false, \"security\": "
                       "{\"capabilities\": [], \"seccomp\": {\"bpf\": [[6, 0, 0, 2147418112]]}}}",
                       &err),
                   0);
  struct styro_effective e = effective();
  const struct styro_fields *f = &e.fields;
  ck_assert(f->limits_asked);
  ck_assert(f->limits_mask == (UINT64_C(1) << STYRO_LIMIT_MEMORY | UINT64_C(1) << STYRO_LIMIT_PIDS));
  ck_assert(f->rlimits[RLIMIT_NOFILE].set && !f->rlimits[RLIMIT_CORE].set);
  ck_assert(f->rlimits[RLIMIT_NOFILE].soft == 1 && f->rlimits[RLIMIT_NOFILE].hard == 2);
  ck_assert(f->output_asked && f->time_explicit && f->capabilities_named && !f->die_with_parent);
  ck_assert_int_eq(f->seccomp_kind, STYRO_SECCOMP_BPF);
  ck_assert_uint_eq(f->bpf_n, 1);
  ck_assert(styro_effective_is_set(&e, "/rlimits"));
  ck_assert(!styro_effective_is_set(&e, "/die_with_parent"));
  styro_effective_free(&e);
}
END_TEST

START_TEST(ids_are_stable_names)
{
  ck_assert_str_eq(styro_field_pointer(styro_field_id("/paths")), "/paths");
}
END_TEST

START_TEST(misuse_is_named)
{
  const char *text = NULL;
  ck_assert_int_eq(styro_request_new(NULL, NULL, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_set(NULL, "/cwd", "/", &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_set(request, NULL, "/", &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_set(request, "/cwd", NULL, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_set_int(NULL, "/nice", 1, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_set_int(request, NULL, 1, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_set_json(NULL, "/nice", "1", &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_set_json(request, NULL, "1", &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_add(NULL, "/command", NULL, "x", &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_add(request, "/command", NULL, NULL, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_set_fd(request, NULL, 3, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_set_json(request, "/nice", NULL, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_add(request, NULL, NULL, "x", &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_set_fd(NULL, "/preserve_fds", 3, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_set_variable(request, "A", NULL, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_set_variable(request, "1A", "x", &err), STYRO_EREQUEST);
  ck_assert_int_eq(styro_request_set_variable(request, "", "x", &err), STYRO_EREQUEST);
  ck_assert_int_eq(styro_request_get(request, "/cwd", NULL, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_get(NULL, "/cwd", &text, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_to_json(request, NULL, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_schema(NULL, &text, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_validate(NULL, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_request_set(request, "/nice", "x", NULL), STYRO_EPARSE);
  styro_request_free(NULL);
}
END_TEST

/* ---- memory ---- */

static const char everything[] =
    "{\"version\": 1, \"extends\": [\"python\", \"build\"], \"best_effort\": [\"limits\"], \"root\": {\"directory\": "
    "\"${DIR}\"}, \"paths\": {\"/a\": \"rw\", \"${DIR}/x\": {\"from\": \"/y\"}}, \"command\": [\"a\", \"b\"], \"cwd\": "
    "\"/c\", \"env\": {\"A\": \"${DIR}\", \"TZ\": \"x\"}, \"inherit_env\": [\"T\"], \"namespaces\": {\"uts\": "
    "{\"hostname\": \"h\"}}, \"limits\": {\"cpuset\": \"0\", \"cgroup\": {\"memory.high\": \"1\"}}, \"rlimits\": "
    "{\"nofile\": 5}, \"timeout\": \"5s\", \"security\": {\"seccomp\": {\"bpf\": [[6, 0, 0, 0]]}}, \"preserve_fds\": [3, "
    "4]}";

static int read_everything(const styro_allocator *alloc, styro_error *error)
{
  styro_request *own = NULL;
  int code = styro_request_from_json(alloc, everything, strlen(everything), &own, error);
  styro_request_free(own);
  return code;
}

static int resolve_everything(const styro_allocator *alloc, styro_error *error)
{
  styro_request *own = NULL;
  struct styro_effective e = {0};
  const char *text = NULL;
  int code = styro_request_from_json(alloc, everything, strlen(everything), &own, error);
  if (code == 0) {
    code = styro_request_set_variable(own, "DIR", "/d", error);
  }
  if (code == 0) {
    code = styro_request_effective(own, &e, error);
  }
  if (code == 0) {
    code = styro_request_get(own, "/env/A", &text, error);
  }
  styro_effective_free(&e);
  styro_request_free(own);
  return code;
}

static int set_in_every_way(const styro_allocator *alloc, styro_error *error)
{
  styro_request *own = NULL;
  int code = styro_request_new(alloc, &own, error);
  code = code != 0 ? code : styro_request_set(own, "/timeout", "5s", error);
  code = code != 0 ? code : styro_request_set(own, "/command", "[\"a\", \"b\"]", error);
  code = code != 0 ? code : styro_request_set(own, "/cwd", "/a", error);
  code = code != 0 ? code : styro_request_set(own, "/paths/~1a", "rw", error);
  code = code != 0 ? code : styro_request_set(own, "/paths/~1a/from", "/b", error);
  code = code != 0 ? code : styro_request_set(own, "/paths/~1a/from", "/c", error);
  code = code != 0 ? code : styro_request_set(own, "/env/A", "1", error);
  code = code != 0 ? code : styro_request_set_int(own, "/nice", 3, error);
  code = code != 0 ? code : styro_request_set_json(own, "/env", "{\"B\": \"2\"}", error);
  code = code != 0 ? code : styro_request_add(own, "/command", NULL, "c", error);
  code = code != 0 ? code : styro_request_add(own, "/env", "C", "3", error);
  code = code != 0 ? code : styro_request_set_fd(own, "/preserve_fds", 3, error);
  code = code != 0 ? code : styro_request_set_fd(own, "/preserve_fds", 4, error);
  styro_request_free(own);
  return code;
}

static int write_everything(const styro_allocator *alloc, styro_error *error)
{
  styro_request *own = NULL;
  const char *text = NULL;
  int code = styro_request_from_json(alloc, everything, strlen(everything), &own, error);
  code = code != 0 ? code : styro_request_to_json(own, &text, error);
  code = code != 0 ? code : styro_request_to_json(own, &text, error);
  styro_request_free(own);
  return code;
}

static int write_schema(const styro_allocator *alloc, styro_error *error)
{
  styro_request *own = NULL;
  const char *text = NULL;
  int code = styro_request_new(alloc, &own, error);
  code = code != 0 ? code : styro_request_schema(own, &text, error);
  styro_request_free(own);
  return code;
}

static kit_work *const works[] = {read_everything, resolve_everything, set_in_every_way, write_everything,
                                  write_schema};

START_TEST(every_failed_allocation_is_named_and_leaves_nothing)
{
  kit_fail_every_allocation(works[_i]);
}
END_TEST

START_TEST(every_failed_malloc_below_is_named_and_leaves_nothing)
{
  kit_fail_every_malloc_of_jansson(works[_i]);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("request");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_set_timeout(cases, 60);
  tcase_add_test(cases, an_empty_request_is_the_default_sandbox);
  tcase_add_test(cases, setters_speak_text);
  tcase_add_test(cases, what_excludes_each_other_is_taken_back);
  tcase_add_test(cases, integers_count_the_smallest_unit);
  tcase_add_test(cases, json_values_and_whole_documents);
  tcase_add_test(cases, adding_to_lists_and_maps);
  tcase_add_test(cases, adding_where_nothing_can_be_added);
  tcase_add_test(cases, a_key_has_the_length_of_a_path);
  tcase_add_test(cases, descriptors);
  tcase_add_test(cases, a_descriptor_in_place_of_a_path);
  tcase_add_test(cases, pointers_that_lead_nowhere);
  tcase_add_test(cases, a_failed_setter_changes_nothing);
  tcase_add_test(cases, getting_after_presets_and_defaults);
  tcase_add_test(cases, variables_are_resolved);
  tcase_add_test(cases, what_follows_from_the_fields);
  tcase_add_test(cases, ids_are_stable_names);
  tcase_add_test(cases, misuse_is_named);
  tcase_add_loop_test(cases, every_failed_allocation_is_named_and_leaves_nothing, 0, (int)COUNT(works));
  tcase_add_loop_test(cases, every_failed_malloc_below_is_named_and_leaves_nothing, 0, (int)COUNT(works) - 1);
  suite_add_tcase(suite, cases);
  return kit_run(suite);
}
