/* A plan in words: the table of steps is whole, and text and JSON say of each step what a reader needs to know. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counting_alloc.h"
#include "lib/plan_steps.h"
#include "outline.h"
#include "sample_plan.h"

static const char rich[] =
    "\"command\": [\"python3\", \"-c\", \"print(1)\"], \"cwd\": \"/w\", \"timeout\": \"2.5s\", \"nice\": 3, "
    "\"limits\": {\"memory\": \"1G\"}, \"best_effort\": [\"limits\", \"session_keyring\", \"rlimits\"], "
    "\"rlimits\": {\"nofile\": {\"soft\": 64, \"hard\": \"unlimited\"}}, "
    "\"security\": {\"capabilities\": [\"CAP_NET_RAW\"]}, "
    "\"paths\": {\"/w\": {\"access\": \"rw\", \"from\": \"/host/w\"}, \"/w/.git\": \"ro\", \"/w/.env\": "
    "{\"access\": \"deny\", \"if_missing\": \"ignore\"}, \"/t\": {\"access\": \"tmpfs\", \"size\": \"1M\"}, "
    "\"/o~p\": {\"access\": \"ro\", \"optional\": true}}";

static styro_plan *plan;
static char *text;

static void setup(void)
{
  plan = compiled(rich);
  text = NULL;
}

static void teardown(void)
{
  styro_text_free(NULL, text);
  styro_plan_free(plan);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

START_TEST(every_step_has_its_words)
{
  for (int code = 1; code < WIRE_STEP_COUNT; code++) {
    const struct styro_step_row *row = &styro_step_rows[code];
    ck_assert_msg(row->name && row->does && row->why, "step %d", code);
    ck_assert_str_eq(styro_step_name(code), row->name);
    ck_assert_uint_gt(strlen(row->why), 10);
    ck_assert_str_ne(styro_stage_name(row->stage), "unknown");
    for (int other = 1; other < code; other++) {
      ck_assert_str_ne(row->name, styro_step_rows[other].name);
    }
  }
  ck_assert_str_eq(styro_step_name(0), "none");
  ck_assert_str_eq(styro_step_name(-1), "none");
  ck_assert_str_eq(styro_step_name(WIRE_STEP_COUNT), "none");
}
END_TEST

START_TEST(names_in_steps)
{
  ck_assert_str_eq(styro_rlimit_name(0), "cpu");
  ck_assert_str_eq(styro_rlimit_name(15), "rttime");
  ck_assert_str_eq(styro_rlimit_name(16), "?");
  ck_assert_str_eq(styro_step_protection(STYRO_SECCOMP), "seccomp");
  ck_assert_str_eq(styro_step_protection(STYRO_PROTECTION_COUNT), "unknown");
  ck_assert_str_eq(styro_step_protection(UINT32_MAX), "unknown");
}
END_TEST

static void described(int code, const char *field, const char *object)
{
  char f[128], o[256];
  styro_step_describe(plan, outline_step(plan, code), f, sizeof f, o, sizeof o);
  ck_assert_str_eq(f, field);
  ck_assert_str_eq(o, object);
}

START_TEST(objects_and_fields)
{
  described(WIRE_STEP_NOTE, "/limits", "limit_memory");
  described(WIRE_STEP_NAMESPACES, "/namespaces", "user mount pid ipc uts cgroup time net");
  described(WIRE_STEP_MAP_IDS, "/user/uid_map", "uid 1000, gid 1000 inside");
  described(WIRE_STEP_IDENTITY, "/user/uid", "uid 1000, gid 1000");
  described(WIRE_STEP_HOSTNAME, "/namespaces/uts/hostname", "sandbox");
  described(WIRE_STEP_USERNS_LIMIT, "/namespaces/user", "");
  described(WIRE_STEP_NICE, "/nice", "3");
  described(WIRE_STEP_RLIMIT, "/rlimits/nofile", "nofile");
  described(WIRE_STEP_ACCESS, "/paths/~1w", "/w");
  described(WIRE_STEP_FILE, "/user", "/etc/passwd");
  described(WIRE_STEP_DEV, "/root", "/dev");
  described(WIRE_STEP_PIVOT, "/root", "");
  styro_plan_free(plan);
  plan = compiled("\"root\": {\"directory\": \"/srv\"}");
  described(WIRE_STEP_ROOT, "/root/directory", "/srv");
}
END_TEST

START_TEST(pointers_are_escaped)
{
  char field[128], object[256];
  const struct wire_plan *block = plan->block;
  const struct wire_step *step = wire_step_first(block);
  while (!wire_step_target(step) || strcmp(wire_str(block, wire_step_target(step)->path), "/o~p") != 0) {
    step = wire_step_next(step);
  }
  styro_step_describe(plan, step, field, sizeof field, object, sizeof object);
  ck_assert_str_eq(field, "/paths/~1o~0p");
  styro_step_describe(plan, step, field, 8, object, 3);
  ck_assert_str_eq(field, "/paths/");
  ck_assert_str_eq(object, "/o");
}
END_TEST

/* ---- text -------------------------------------------------------------------------------------------------------- */

static void explain(int format)
{
  styro_error err = {.size = sizeof err};
  int rc = styro_plan_explain(plan, format, NULL, &text, &err);
  ck_assert_msg(rc == 0, "%s", err.message);
}

static void says(const char *words)
{
  ck_assert_msg(strstr(text, words) != NULL, "`%s` is not in\n%s", words, text);
}

START_TEST(a_rich_plan_as_text)
{
  explain(STYRO_FORMAT_TEXT);
  ck_assert_msg(strncmp(text, "  1  what a run starts from ", 28) == 0, "%s", text);
  says("(python3 -c print(1), in /w, at most 2.5 s)\n");
  says("  2  a protection that is not enforced limit_memory (cgroup limits are not supported yet)\n");
  says("user mount pid ipc uts cgroup time net\n");
  says("(outside: the caller's own id, for a root caller exactly 65534)\n");
  says("bind /usr (from `/usr`, ro, nosuid, nodev, if it is there)\n");
  says("bind /w (from `/host/w`, nosuid, nodev, rw)\n");
  says("bind /w/.git (from `.git` below the enclosing source, ro, nosuid, nodev)\n");
  says("/w/.env (a missing one is accepted and listed as not enforced)\n");
  says("/t (1048576 bytes, mode 0755, nosuid, nodev, rw)\n");
  says("bind /o~p (from `/o~p`, ro, nosuid, nodev, if it is there)\n");
  says("nofile (soft 64, hard unlimited) [best effort: rlimits]\n");
  says("[best effort: session_keyring]\n");
  says("CAP_NET_RAW");
  says("no_new_privs; ");
  unsigned lines = 0;
  for (const char *p = text; *p; p++) {
    lines += *p == '\n';
  }
  ck_assert_uint_eq(lines, 2 * ((const struct wire_plan *)plan->block)->steps_n);
  ck_assert_ptr_null(strstr(text, "(null)"));
}
END_TEST

START_TEST(other_words)
{
  styro_plan_free(plan);
  plan = compiled("\"user\": {\"uid_map\": \"self\"}, \"security\": {\"no_new_privs\": false}");
  explain(STYRO_FORMAT_TEXT);
  says("(command given by each run, in /home/sandbox)\n");
  says("(outside: the caller's own id; groups outside: the caller's own id, for a root caller exactly 65534)\n");
  says("(all empty)\n");
  says("start the new root (ro, nosuid, nodev)\n");
}
END_TEST

START_TEST(what_two_requests_may_differ_in)
{
  styro_plan_free(plan);
  plan = compiled("\"user\": {\"uid_map\": [[0, 7, 2], [1000, 500, 1]], \"gid_map\": \"self\"}, \"umask\": \"0077\", "
                  "\"security\": {\"capabilities\": {\"bounding\": [\"chown\"]}}");
  explain(STYRO_FORMAT_TEXT);
  says(
      "(outside: 2 of them from 0 on are 7 and following, 1 of them from 1000 on are 500 and following; groups outside: the "
      "caller's own id)\n");
  says("(umask 0077)\n");
  says("(no_new_privs; securebits noroot noroot_locked; permitted none; bounding CAP_CHOWN)\n");
  styro_text_free(NULL, text);
  styro_plan_free(plan);
  plan = compiled(
      "\"user\": {\"uid_map\": \"self\", \"gid_map\": \"self\"}, \"security\": {\"capabilities\": [\"net_raw\"]}");
  explain(STYRO_FORMAT_TEXT);
  says("(outside: the caller's own id)\n");
  says("(no_new_privs; securebits noroot noroot_locked; permitted CAP_NET_RAW)\n");
}
END_TEST

START_TEST(who_the_payload_is)
{
  styro_plan_free(plan);
  plan = compiled("\"user\": {\"uid_map\": \"subuid\", \"gid_map\": [[0, 0, 2000]], \"groups\": [7, 10], "
                  "\"setgroups\": \"allow\"}");
  explain(STYRO_FORMAT_TEXT);
  says(
      "(outside: the caller's own id and subordinate ids around it; for a root caller subordinate ids only; "
      "groups outside: 2000 of them from 0 on are 0 and following (beware: 0 is root of the host); setgroups(2) allowed)\n");
  says("become the sandbox's user uid 1000, gid 1000 (supplementary groups 7 10)\n");
  styro_text_free(NULL, text);
  styro_plan_free(plan);
  plan = compiled("\"user\": {\"groups\": []}");
  explain(STYRO_FORMAT_TEXT);
  says("(no supplementary groups)\n");
  styro_text_free(NULL, text);
  styro_plan_free(plan);
  plan = compiled("\"user\": {\"groups\": \"keep\", \"setgroups\": \"deny\"}");
  explain(STYRO_FORMAT_TEXT);
  says("; supplementary groups of the caller are kept; setgroups(2) denied)\n");
  says("become the sandbox's user uid 1000, gid 1000\n");
}
END_TEST

START_TEST(what_becomes_of_a_root_directory)
{
  styro_plan_free(plan);
  plan = compiled("\"root\": {\"directory\": \"/srv\", \"writable\": true}");
  explain(STYRO_FORMAT_TEXT);
  says("start the new root /srv (nosuid, nodev, rw)\n");
  styro_text_free(NULL, text);
  styro_plan_free(plan);
  plan = compiled("\"root\": {\"directory\": \"/srv\", \"writable\": \"discard\", \"size\": \"1M\"}");
  explain(STYRO_FORMAT_TEXT);
  says(
      "start the new root /srv (changes go to a tmpfs of 1048576 bytes and end with the sandbox, nosuid, nodev, rw)\n");
}
END_TEST

/* Whose ids show is said where it is shown. */
START_TEST(what_becomes_of_idmapped_directories)
{
  styro_plan_free(plan);
  plan = compiled(
      "\"root\": {\"directory\": \"/srv\", \"idmap\": \"user\"}, \"paths\": {\"/x\": {\"from\": \"/f\", \"idmap\": "
      "[[5, 1000, 1]]}}");
  explain(STYRO_FORMAT_TEXT);
  says("start the new root /srv (ro, nosuid, nodev, idmapped)\n");
  says("bind /x (from `/f`, ro, nosuid, nodev, idmapped)\n");
}
END_TEST

START_TEST(what_an_entry_of_mounts_does)
{
  styro_plan_free(plan);
  plan = compiled(
      "\"mounts\": [{\"type\": \"mqueue\", \"at\": \"/q\"}, {\"type\": \"propagation\", \"at\": \"/\", \"propagation\": "
      "\"shared\"}, {\"type\": \"tmpfs\", \"at\": \"/t\", \"inodes\": 7}, {\"type\": \"dir\", \"at\": \"/d\", \"mode\": "
      "\"0700\"}, {\"type\": \"file\", \"at\": \"/f\"}, {\"type\": \"proc\", \"at\": \"/p\", \"hidepid\": \"noaccess\"}, "
      "{\"type\": \"proc\", \"at\": \"/r\", \"hidepid\": \"noaccess\", \"subset\": \"pid\"}, {\"type\": \"proc\", \"at\": "
      "\"/s\", \"subset\": \"pid\"}]");
  explain(STYRO_FORMAT_TEXT);
  says("mount a file system of the kernel's /q (mqueue, by who owns the IPC namespace, nosuid, nodev, noexec, rw)\n");
  says("change the mount / (shared, with the mounts below it)\n");
  says(", 7 files, nosuid, nodev, rw)\n");
  says("make a directory /d (mode 0700)\n");
  says("write a file /f (mode 0644)\n");
  says("write a file /etc/passwd\n");
  says("mount a new proc /p (processes of others closed)\n");
  says("mount a new proc /r (processes of others closed, nothing but processes)\n");
  says("mount a new proc /s (nothing but processes)\n");
}
END_TEST

START_TEST(what_steers_a_terminal_does_not_reach_it)
{
  styro_plan_free(plan);
  plan = compiled("\"command\": [\"a\\u001b[31m\\nb\\u007f\"], \"paths\": {\"/p\\u0007\": \"ro\"}");
  explain(STYRO_FORMAT_TEXT);
  says("(a?[31m?b?, in /home/sandbox)\n");
  says("bind /p? (from `/p?`, ro, nosuid, nodev)\n");
  for (const char *c = text; *c != '\0'; c++) {
    ck_assert(*c == '\n' || ((unsigned char)*c >= 0x20 && *c != 0x7f));
  }
}
END_TEST

START_TEST(every_kind_of_step_is_printed)
{
  styro_plan_free(plan);
  plan = sample_plan();
  explain(STYRO_FORMAT_TEXT);
  for (size_t i = 0; i < sample_codes_n; i++) {
    says(styro_step_rows[sample_codes[i]].does);
    says(styro_step_rows[sample_codes[i]].why);
  }
}
END_TEST

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static json_t *parsed(void)
{
  json_error_t error;
  explain(STYRO_FORMAT_JSON);
  json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
  ck_assert_msg(root != NULL, "%s at %d", error.text, error.position);
  return root;
}

static const char *string_of(const json_t *step, const char *key)
{
  const json_t *value = json_object_get(step, key);
  ck_assert_msg(json_is_string(value), "%s", key);
  return json_string_value(value);
}

static const json_t *step_about(const json_t *root, const char *name, const char *object)
{
  size_t i;
  const json_t *step;
  json_array_foreach(json_object_get(root, "steps"), i, step)
  {
    if (strcmp(string_of(step, "step"), name) == 0 && strcmp(string_of(step, "object"), object) == 0) {
      return step;
    }
  }
  ck_abort_msg("no step `%s` about `%s`", name, object);
}

/* A number, so that nobody takes it for a path of the host. */
START_TEST(a_descriptor_as_json)
{
  styro_plan_free(plan);
  plan = compiled("\"paths\": {\"/x\": {\"from\": 7}}");
  json_t *root = parsed();
  const json_t *step = step_about(root, "bind", "/x");
  ck_assert_int_eq(json_integer_value(json_object_get(step, "descriptor")), 7);
  ck_assert_ptr_null(json_object_get(step, "source"));
  json_decref(root);
}
END_TEST

START_TEST(a_rich_plan_as_json)
{
  json_t *root = parsed();
  const json_t *steps = json_object_get(root, "steps");
  size_t i;
  const json_t *step;
  ck_assert_int_eq(json_integer_value(json_object_get(root, "version")), 1);
  ck_assert_uint_eq(json_array_size(steps), ((const struct wire_plan *)plan->block)->steps_n);
  json_array_foreach(steps, i, step)
  {
    static const char *const keys[] = {"step", "stage", "field", "object", "details", "does", "why"};
    ck_assert_uint_eq((size_t)json_integer_value(json_object_get(step, "number")), i + 1);
    ck_assert(json_is_boolean(json_object_get(step, "optional")));
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
      string_of(step, keys[k]);
    }
  }
  json_decref(root);
}
END_TEST

START_TEST(sources_and_optional_steps_for_check_here)
{
  json_t *root = parsed();
  const json_t *step = step_about(root, "bind", "/w");
  ck_assert_str_eq(string_of(step, "source"), "/host/w");
  ck_assert_str_eq(string_of(step, "field"), "/paths/~1w");
  ck_assert_str_eq(string_of(step, "stage"), "path");
  ck_assert(json_is_false(json_object_get(step, "optional")));
  step = step_about(root, "bind", "/w/.git"); /* what it is shows only below the outer source */
  ck_assert_ptr_null(json_object_get(step, "source"));
  step = step_about(root, "bind", "/usr");
  ck_assert_str_eq(string_of(step, "source"), "/usr");
  ck_assert_str_eq(string_of(step, "field"), "/root");
  ck_assert_str_eq(string_of(step, "stage"), "mount");
  ck_assert(json_is_true(json_object_get(step, "optional")));
  ck_assert_ptr_null(json_object_get(step_about(root, "tmpfs", "/t"), "source"));
  ck_assert(json_is_true(json_object_get(step_about(root, "mask", "/proc/kcore"), "optional")));
  json_decref(root);
}
END_TEST

/* A path that is cut for the error struct must not end within a character. */
START_TEST(odd_texts_stay_json)
{
  char members[2048] = "\"command\": [\"a\\n\\\"\\\\\\u0001\\u00e9\"], \"paths\": {\"/x";
  for (int i = 0; i < 199; i++) {
    strcat(members, i % 50 == 49 ? "/" : "\xc3\xa9");
  }
  strcat(members, "\": \"ro\"}");
  styro_plan_free(plan);
  plan = compiled(members);
  json_t *root = parsed();
  const json_t *run = json_array_get(json_object_get(root, "steps"), 0);
  ck_assert_ptr_nonnull(strstr(string_of(run, "details"), "a\n\"\\\x01\xc3\xa9, in /home"));
  json_decref(root);
}
END_TEST

/* A plan read from elsewhere, or a text that no setter saw: `source` is whole, and must be a text of JSON all the same. */
START_TEST(a_source_of_any_bytes_stays_json)
{
  styro_plan_free(plan);
  plan = compiled("\"paths\": {\"/x\": {\"from\": \"/ab\"}}");
  const struct wire_step_bind *bind = outline_step(plan, WIRE_STEP_BIND);
  while (bind->head.code != WIRE_STEP_BIND || strcmp(wire_str(plan->block, bind->target.path), "/x") != 0) {
    bind = (const void *)wire_step_next((const void *)bind);
  }
  memcpy((char *)plan->block + bind->source.path + sizeof(uint32_t), "/\xff\x1b", 3);
  json_t *root = parsed();
  ck_assert_str_eq(string_of(step_about(root, "bind", "/x"), "source"), "/?\x1b");
  json_decref(root);
}
END_TEST

/* Details have room for 1023 bytes: a longer command is cut there, and what would follow it is left out. */
START_TEST(details_are_cut_to_their_room)
{
  static char members[8000] = "\"timeout\": 5, \"command\": [\"a\"";
  for (int i = 0; i < 600; i++) {
    strcat(members, ", \"bcd\"");
  }
  strcat(members, "]");
  styro_plan_free(plan);
  plan = compiled(members);
  json_t *root = parsed();
  const char *details = string_of(json_array_get(json_object_get(root, "steps"), 0), "details");
  ck_assert_uint_eq(strlen(details), 1023);
  ck_assert_int_eq(strncmp(details, "a bcd bcd ", 10), 0);
  ck_assert_str_eq(details + 1013, " bcd bcd b");
  json_decref(root);
}
END_TEST

/* ---- misuse and memory ------------------------------------------------------------------------------------------- */

START_TEST(misuse_is_named)
{
  styro_error err = {.size = sizeof err};
  char *out = NULL;
  ck_assert_int_eq(styro_plan_explain(NULL, STYRO_FORMAT_TEXT, NULL, &out, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_plan_explain(plan, STYRO_FORMAT_TEXT, NULL, NULL, &err), STYRO_EUSAGE);
  ck_assert_int_eq(styro_plan_explain(plan, 2, NULL, &out, &err), STYRO_EUSAGE);
  ck_assert_str_eq(err.message, "styro_plan_explain needs a plan, a format and a place");
  ck_assert_ptr_null(out);
  styro_text_free(NULL, NULL);
}
END_TEST

START_TEST(memory_may_run_out_anywhere)
{
  struct counting_alloc state = {0};
  styro_allocator alloc = counting_allocator(&state);
  int rc = STYRO_ENOMEM;
  for (size_t n = 1; rc == STYRO_ENOMEM && n < 50; n++) {
    styro_error err = {.size = sizeof err};
    char *out = NULL;
    state.fail_at = n;
    state.calls = 0;
    rc = styro_plan_explain(plan, n % 2 ? STYRO_FORMAT_JSON : STYRO_FORMAT_TEXT, &alloc, &out, &err);
    ck_assert(rc == 0 ? out != NULL : out == NULL && err.code == STYRO_ENOMEM);
    styro_text_free(&alloc, out);
    ck_assert_uint_eq(state.live_blocks, 0);
  }
  ck_assert_int_eq(rc, 0);
  ck_assert_int_eq(state.wrong, 0);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("explain");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_add_test(cases, every_step_has_its_words);
  tcase_add_test(cases, names_in_steps);
  tcase_add_test(cases, objects_and_fields);
  tcase_add_test(cases, pointers_are_escaped);
  tcase_add_test(cases, a_rich_plan_as_text);
  tcase_add_test(cases, other_words);
  tcase_add_test(cases, what_two_requests_may_differ_in);
  tcase_add_test(cases, who_the_payload_is);
  tcase_add_test(cases, what_becomes_of_a_root_directory);
  tcase_add_test(cases, what_becomes_of_idmapped_directories);
  tcase_add_test(cases, what_an_entry_of_mounts_does);
  tcase_add_test(cases, what_steers_a_terminal_does_not_reach_it);
  tcase_add_test(cases, every_kind_of_step_is_printed);
  tcase_add_test(cases, a_rich_plan_as_json);
  tcase_add_test(cases, a_descriptor_as_json);
  tcase_add_test(cases, sources_and_optional_steps_for_check_here);
  tcase_add_test(cases, odd_texts_stay_json);
  tcase_add_test(cases, a_source_of_any_bytes_stays_json);
  tcase_add_test(cases, details_are_cut_to_their_room);
  tcase_add_test(cases, misuse_is_named);
  tcase_add_test(cases, memory_may_run_out_anywhere);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
