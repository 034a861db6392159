/* The mount tree that a request compiles to: root, base, names, and `paths` with what their neighbours mean for them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/builder.h"
#include "outline.h"

static styro_plan *plan;

static void make(const char *members)
{
  styro_plan_free(plan);
  plan = compiled(members);
}

static void setup(void)
{
  plan = NULL;
  make("");
}

static void teardown(void)
{
  styro_plan_free(plan);
}

static void holds(const char *path, const char *steps)
{
  ck_assert_str_eq(outline_of(plan, path), steps);
}

/* ---- root and base ----------------------------------------------------------------------------------------------- */

START_TEST(the_default_root)
{
  const struct wire_step_root *root = outline_step(plan, WIRE_STEP_ROOT);
  ck_assert_uint_eq(root->kind, WIRE_ROOT_TMPFS);
  ck_assert_uint_eq(root->mode, 0755);
  ck_assert_uint_eq(root->head.flags, 0);
  holds("/usr", "bind /usr < /usr [optional create] ro nosuid nodev\n");
  holds("/bin", "link /bin < /bin [optional create]\n");
  holds("/etc/localtime", "link /etc/localtime < /etc/localtime [optional create]\n");
  holds("/etc/resolv.conf", "");
  holds("/etc/hosts", "");
  holds("/etc/passwd", "file /etc/passwd [create]\n");
  holds("/etc/shadow", "");
  holds("/dev", "dev /dev [create]\n");
  holds("/proc", "proc /proc [create]\n");
  holds("/tmp", "tmpfs /tmp [create] 268435456 1777 nosuid nodev\n");
  holds("/home/sandbox", "tmpfs /home/sandbox [create] 67108864 0700 nosuid nodev\n");
}
END_TEST

START_TEST(the_whole_base_is_read_only)
{
  for (size_t i = 0; i < styro_base_n; i++) {
    const char *path = styro_base[i].path;
    char expected[256] = "";
    if (styro_base[i].when == STYRO_BASE_ALWAYS) {
      bool link = styro_base[i].step == WIRE_STEP_LINK;
      snprintf(expected, sizeof expected, "%s %s < %s [optional create]%s\n", link ? "link" : "bind", path, path,
               link ? "" : " ro nosuid nodev");
    }
    holds(path, expected);
  }
}
END_TEST

START_TEST(proc_is_masked)
{
  for (size_t i = 0; i < styro_proc_entries_n; i++) {
    char place[64];
    char expected[128];
    snprintf(place, sizeof place, "/proc%s", styro_proc_entries[i].path);
    snprintf(expected, sizeof expected, "%s %s [defaulted]\n", styro_proc_entries[i].read_only ? "read-only" : "mask",
             place);
    holds(place, expected);
  }
  const struct wire_step *mask = outline_step(plan, WIRE_STEP_MASK);
  ck_assert_uint_eq(mask->best_effort, 0);
  make("\"best_effort\": [\"masked_paths\"]");
  mask = outline_step(plan, WIRE_STEP_MASK);
  ck_assert_uint_eq(mask->best_effort, STYRO_MASKED_PATHS + 1);
}
END_TEST

START_TEST(a_host_network_shows_its_names)
{
  make("\"network\": \"host\"");
  holds("/etc/resolv.conf", "bind /etc/resolv.conf < /etc/resolv.conf [optional create] ro nosuid nodev\n");
  holds("/etc/hosts", "bind /etc/hosts < /etc/hosts [optional create] ro nosuid nodev\n");
}
END_TEST

START_TEST(a_host_pid_namespace_shows_its_proc)
{
  make("\"namespaces\": {\"pid\": \"host\"}, \"init\": false, \"best_effort\": [\"tree_kill\", \"caller_death\", "
       "\"nested_user_namespaces\"]");
  holds("/proc", "bind /proc < /proc [create] nosuid nodev noexec\n");
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_PROC), 0);
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_USERNS_LIMIT), 1);
}
END_TEST

START_TEST(an_empty_root)
{
  make("\"root\": \"empty\"");
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_BIND), 0);
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_LINK), 0);
  holds("/etc/passwd", "file /etc/passwd [create]\n");
  holds("/tmp", "tmpfs /tmp [create] 268435456 1777 nosuid nodev\n");
}
END_TEST

/* Nothing is made in a directory of the host: what must be there is resolved, what may be absent is skipped. */
START_TEST(a_directory_as_root)
{
  make("\"root\": {\"directory\": \"/srv/tree\"}");
  const struct wire_step_root *root = outline_step(plan, WIRE_STEP_ROOT);
  ck_assert_uint_eq(root->kind, WIRE_ROOT_DIRECTORY);
  ck_assert_str_eq(wire_str(plan->block, root->source.path), "/srv/tree");
  ck_assert_str_eq(styro_field_pointer(root->head.field_id), "/root/directory");
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_FILE), 0);
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_LINK), 0);
  holds("/dev", "dev /dev\n");
  holds("/proc", "proc /proc\n");
  holds("/tmp", "tmpfs /tmp [defaulted] 268435456 1777 nosuid nodev\n");
  holds("/home", "tmpfs /home [defaulted] 67108864 0755 nosuid nodev\n");
  holds("/home/sandbox", "dir /home/sandbox [create defaulted]\n");
}
END_TEST

/* Changes that are thrown away take places that are not there; the directory itself is the lower layer. */
START_TEST(a_directory_whose_changes_are_discarded)
{
  make(
      "\"root\": {\"directory\": \"/srv/tree\", \"writable\": \"discard\"}, \"paths\": {\"/new/one\": {\"from\": \"/h\"}, "
      "\"/gone\": \"deny\"}");
  const struct wire_step_root *root = outline_step(plan, WIRE_STEP_ROOT);
  ck_assert_uint_eq(root->kind, WIRE_ROOT_DISCARD);
  ck_assert_str_eq(wire_str(plan->block, root->source.path), "/srv/tree");
  ck_assert_uint_eq(root->head.flags & WIRE_BASE, WIRE_BASE);
  ck_assert_uint_eq(root->attr_set, WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV);
  ck_assert_uint_eq(root->size, 256 << 20);
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_ACCESS), 0);
  holds("/dev", "dev /dev [create]\n");
  holds("/proc", "proc /proc [create]\n");
  holds("/tmp", "tmpfs /tmp [create] 268435456 1777 nosuid nodev\n");
  holds("/home", "tmpfs /home [create] 67108864 0755 nosuid nodev\n");
  holds("/new/one", "bind /new/one < /h [create] ro nosuid nodev\n");
  holds("/gone", "mask /gone [create]\n");
  make("\"root\": {\"directory\": \"/srv/tree\", \"writable\": \"discard\", \"size\": \"4K\"}");
  root = outline_step(plan, WIRE_STEP_ROOT);
  ck_assert_uint_eq(root->size, 4096);
}
END_TEST

/* Nothing is made there either; what the payload could move away is held, and that it can write is asked. */
START_TEST(a_directory_that_can_be_written)
{
  make(
      "\"root\": {\"directory\": \"/srv/tree\", \"writable\": true}, \"paths\": {\"/a/b/c\": \"deny\", \"/d\": \"ro\"}");
  const struct wire_step_root *root = outline_step(plan, WIRE_STEP_ROOT);
  ck_assert_uint_eq(root->kind, WIRE_ROOT_DIRECTORY);
  ck_assert_uint_eq(root->attr_set, WIRE_MOUNT_ATTR_NOSUID | WIRE_MOUNT_ATTR_NODEV);
  const struct wire_step_access *access = outline_step(plan, WIRE_STEP_ACCESS);
  ck_assert_str_eq(wire_str(plan->block, access->target.path), "/");
  ck_assert_str_eq(styro_field_pointer(access->head.field_id), "/root/writable");
  holds("/dev", "dev /dev\n");
  holds("/tmp", "tmpfs /tmp [defaulted] 268435456 1777 nosuid nodev\n");
  holds("/a", "bind /a < 1:a [optional defaulted] nosuid nodev\n");
  holds("/a/b", "bind /a/b < 1:a/b [optional defaulted] nosuid nodev\n");
  holds("/a/b/c", "mask /a/b/c\n");
  holds("/d", "bind /d < 1:d ro nosuid nodev\n");
  make("\"root\": {\"directory\": \"/srv/tree\"}, \"paths\": {\"/a/b\": \"deny\"}");
  holds("/a", "");
  holds("/a/b", "mask /a/b [optional]\n");
}
END_TEST

/* ---- names ------------------------------------------------------------------------------------------------------- */

static const char *file_text(const char *path)
{
  const struct wire_plan *block = plan->block;
  const struct wire_step *step = wire_step_first(block);
  for (uint32_t i = 0; i < block->steps_n; i++, step = wire_step_next(step)) {
    const struct wire_step_file *file = (const void *)step;
    if (step->code == WIRE_STEP_FILE && strcmp(wire_str(block, file->target.path), path) == 0) {
      ck_assert_uint_eq(file->mode, 0444);
      return wire_str(block, file->data);
    }
  }
  ck_abort_msg("no file %s", path);
}

#define ROOT "root:x:0:0:root:/root:/usr/sbin/nologin\n"
#define NOBODY "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"

START_TEST(users_and_groups)
{
  ck_assert_str_eq(file_text("/etc/passwd"), ROOT "sandbox:x:1000:1000:sandbox:/home/sandbox:/bin/sh\n" NOBODY);
  ck_assert_str_eq(file_text("/etc/group"), "root:x:0:\nsandbox:x:1000:\nnogroup:x:65534:\n");
  make("\"user\": {\"uid\": 0, \"gid\": 0}");
  ck_assert_str_eq(file_text("/etc/passwd"), "root:x:0:0:sandbox:/home/sandbox:/bin/sh\n" NOBODY);
  ck_assert_str_eq(file_text("/etc/group"), "root:x:0:\nnogroup:x:65534:\n");
  make("\"user\": {\"uid\": 65534, \"gid\": 65534}");
  ck_assert_str_eq(file_text("/etc/passwd"), ROOT "sandbox:x:65534:65534:sandbox:/home/sandbox:/bin/sh\n");
  ck_assert_str_eq(file_text("/etc/group"), "root:x:0:\nsandbox:x:65534:\n");
}
END_TEST

START_TEST(own_names_of_the_request)
{
  make("\"paths\": {\"/etc/passwd\": \"ro\"}");
  holds("/etc/passwd", "bind /etc/passwd < /etc/passwd [create] ro nosuid nodev\n");
  holds("/etc/group", "file /etc/group [create]\n");
}
END_TEST

/* ---- rules and the base ------------------------------------------------------------------------------------------ */

START_TEST(a_rule_replaces_the_base_that_it_covers)
{
  make("\"paths\": {\"/usr\": {\"access\": \"ro\", \"from\": \"/opt/usr\"}, \"/etc\": \"ro\"}");
  holds("/usr", "bind /usr < /opt/usr [create] ro nosuid nodev\n");
  holds("/etc/ld.so.cache", "");
  holds("/etc/ssl/certs", "");
  holds("/etc/passwd", "");
  holds("/bin", "link /bin < /bin [optional create]\n");
}
END_TEST

START_TEST(a_rule_below_or_beside_leaves_the_base)
{
  make("\"paths\": {\"/usr/local\": \"rw\", \"/usrx\": \"ro\", \"/us\": \"ro\"}");
  holds("/usr", "bind /usr < /usr [optional create] ro nosuid nodev\n");
  holds("/usr/local", "bind /usr/local < /usr/local nosuid nodev\naccess /usr/local\n");
}
END_TEST

START_TEST(own_tmp_and_home)
{
  make("\"paths\": {\"/tmp\": {\"access\": \"tmpfs\", \"size\": \"1M\", \"mode\": \"0700\", \"noexec\": true}, "
       "\"/home\": \"ro\"}");
  holds("/tmp", "tmpfs /tmp [create] 1048576 0700 nosuid nodev noexec\n");
  holds("/home", "bind /home < /home [create] ro nosuid nodev\n");
  holds("/home/sandbox", "");
}
END_TEST

START_TEST(proc_and_dev_are_the_sandboxs_own)
{
  static const char *const paths[] = {"/proc", "/dev"};
  for (int i = 0; i < 2; i++) {
    char members[64];
    snprintf(members, sizeof members, "\"paths\": {\"%s\": \"ro\"}", paths[i]);
    styro_error err = refused_by_compile(members);
    ck_assert_int_eq(err.code, STYRO_EREQUEST);
    ck_assert_str_eq(err.object, paths[i]);
    ck_assert_str_eq(err.field, i == 0 ? "/paths/~1proc" : "/paths/~1dev");
    ck_assert_str_eq(err.hint, "name the entries below it that should be denied");
  }
  make("\"paths\": {\"/dev/tty\": {\"from\": \"/t\", \"access\": \"rw\"}, \"/proc/cpuinfo\": \"deny\"}");
  holds("/dev/tty", "bind /dev/tty < /t nosuid nodev\naccess /dev/tty\n");
  holds("/proc/cpuinfo", "mask /proc/cpuinfo [optional]\n");
}
END_TEST

/* ---- nested rules ------------------------------------------------------------------------------------------------ */

START_TEST(what_encloses_comes_first_in_any_order)
{
  static const char *const orders[] = {
      "\"paths\": {\"/a\": \"rw\", \"/a/b\": \"ro\", \"/a/b/c\": \"rw\", \"/a-b\": \"ro\", \"/a.b\": \"ro\"}",
      "\"paths\": {\"/a.b\": \"ro\", \"/a/b/c\": \"rw\", \"/a-b\": \"ro\", \"/a/b\": \"ro\", \"/a\": \"rw\"}",
  };
  for (int i = 0; i < 2; i++) {
    make(orders[i]);
    const char *text = outline(plan);
    const char *first = strstr(text, "bind /a\n");
    ck_assert_ptr_nonnull(first);
    ck_assert_msg(strncmp(first, "bind /a\nbind /a/b\nbind /a/b/c\nbind /a-b\nbind /a.b\nseal root\n", 57) == 0, "%s",
                  text);
  }
}
END_TEST

/* The number of the source that the bind of the path takes, as those below it name it: counted from 1. */
static unsigned source_of(const char *path)
{
  unsigned n = 0;
  const struct wire_plan *block = plan->block;
  const struct wire_step *step = wire_step_first(block);
  for (uint32_t i = 0; i < block->steps_n; i++, step = wire_step_next(step)) {
    n += wire_step_source(step) != NULL;
    if (step->code == WIRE_STEP_BIND && strcmp(wire_str(block, wire_step_target(step)->path), path) == 0) {
      return n;
    }
  }
  ck_abort_msg("no bind of %s", path);
  return 0;
}

/* Default base: /usr, six links, four binds and the link of localtime are sources 0 to 11. */
START_TEST(inner_rules_are_resolved_below_the_outer_source)
{
  unsigned base = 0;
  for (size_t i = 0; i < styro_base_n; i++) {
    base += styro_base[i].when == STYRO_BASE_ALWAYS;
  }
  char expected[128];
  make("\"paths\": {\"/w\": {\"access\": \"rw\", \"from\": \"/host/w\"}, \"/w/git\": \"ro\", \"/w/git/x/y\": \"rw\", "
       "\"/w/other\": {\"access\": \"ro\", \"from\": \"/etc/other\"}}");
  holds("/w", "bind /w < /host/w [create] nosuid nodev\naccess /w\n");
  snprintf(expected, sizeof expected, "bind /w/git < %u:git ro nosuid nodev\n", base + 1);
  holds("/w/git", expected);
  snprintf(expected, sizeof expected, "bind /w/git/x/y < %u:x/y nosuid nodev\naccess /w/git/x/y\n", base + 2);
  holds("/w/git/x/y", expected);
  holds("/w/other", "bind /w/other < /etc/other ro nosuid nodev\n");
}
END_TEST

/* What a rule shows on a tmpfs comes from the host by its own path: nothing of the outer source lies below it. */
START_TEST(a_tmpfs_ends_what_is_inherited)
{
  make("\"paths\": {\"/o\": {\"access\": \"ro\", \"from\": \"/host/o\"}, \"/o/t\": \"tmpfs\", \"/o/t/in/x\": \"ro\", "
       "\"/o/t/in/x/y\": \"ro\"}");
  holds("/o/t/in/x", "bind /o/t/in/x < /o/t/in/x [create] ro nosuid nodev\n");
  char expected[128];
  snprintf(expected, sizeof expected, "bind /o/t/in/x/y < %u:y ro nosuid nodev\n", source_of("/o/t/in/x"));
  holds("/o/t/in/x/y", expected);
}
END_TEST

/* A directory between a writable rule and one below it is bound onto itself, once, so that nobody can move it away. */
START_TEST(directories_below_a_writable_rule_are_held)
{
  make("\"paths\": {\"/w/x\": \"deny\", \"/w/a/b/d/e\": \"ro\", \"/w/a/b/c\": \"deny\", \"/w\": {\"access\": \"rw\", "
       "\"from\": \"/host/w\", \"noexec\": true}, \"/w/a-b/c\": \"rw\", \"/w/a-b/c/d\": \"ro\"}");
  static const struct {
    const char *inside, *below;
  } held[] = {{"/w/a", "a"}, {"/w/a/b", "a/b"}, {"/w/a/b/d", "a/b/d"}, {"/w/a-b", "a-b"}};
  unsigned outer = source_of("/w");
  for (size_t i = 0; i < sizeof held / sizeof held[0]; i++) {
    char expected[128];
    snprintf(expected, sizeof expected, "bind %s < %u:%s [optional defaulted] nosuid nodev noexec\n", held[i].inside,
             outer, held[i].below);
    holds(held[i].inside, expected);
  }
  const char *text = strstr(outline(plan), "bind /w\n");
  ck_assert_ptr_nonnull(text);
  static const char order[] = "bind /w\nbind /w/a\nbind /w/a/b\nmask /w/a/b/c\nbind /w/a/b/d\nbind /w/a/b/d/e\n"
                              "bind /w/a-b\nbind /w/a-b/c\nbind /w/a-b/c/d\nmask /w/x\nseal root\n";
  ck_assert_msg(strncmp(text, order, sizeof order - 1) == 0, "%s", text);
}
END_TEST

START_TEST(only_what_can_be_moved_is_held)
{
  static const char *const outers[] = {"ro", "tmpfs", "deny"};
  for (size_t i = 0; i < sizeof outers / sizeof outers[0]; i++) {
    char members[200];
    snprintf(members, sizeof members, "\"paths\": {\"/w\": \"%s\", \"/w/a/b\": \"deny\"}", outers[i]);
    make(members);
    holds("/w/a", "");
  }
}
END_TEST

/* Without a rule for it, home is made on a tmpfs over /home; with one, what stands there is the directory's. */
START_TEST(places_in_the_home_of_a_root_directory)
{
  make("\"root\": {\"directory\": \"/srv/tree\"}, \"paths\": {\"/home/me\": \"ro\", \"/opt\": \"tmpfs\"}");
  holds("/home/me", "bind /home/me < 1:home/me [create] ro nosuid nodev\n");
  holds("/opt", "tmpfs /opt 268435456 0755 nosuid nodev\n");
  make("\"root\": {\"directory\": \"/srv/tree\"}, \"paths\": {\"/home/me\": \"ro\", \"/home/sandbox\": \"tmpfs\"}");
  holds("/home/me", "bind /home/me < 1:home/me ro nosuid nodev\n");
}
END_TEST

/* What a rule puts there replaces the sandbox's own tmpfs, and then the place itself is the directory's. */
START_TEST(nothing_is_made_for_the_places_of_a_tmpfs_that_a_rule_replaces)
{
  make("\"root\": {\"directory\": \"/srv/tree\"}, \"paths\": {\"/tmp\": \"tmpfs\", \"/tmp/in\": \"deny\", "
       "\"/home/sandbox\": {\"from\": \"/me\"}}");
  holds("/tmp", "tmpfs /tmp 268435456 0755 nosuid nodev\n");
  holds("/tmp/in", "mask /tmp/in [create]\n");
  holds("/home/sandbox", "bind /home/sandbox < /me ro nosuid nodev\n");
  make("\"root\": {\"directory\": \"/srv/tree\"}, \"paths\": {\"/tmp\": \"deny\", \"/home\": \"tmpfs\"}");
  holds("/tmp", "mask /tmp [optional]\n");
  holds("/home", "tmpfs /home 268435456 0755 nosuid nodev\n");
  make("\"root\": {\"directory\": \"/srv/tree\"}, \"paths\": {\"/tmp/in\": \"tmpfs\", \"/home/sandbox/in\": "
       "\"tmpfs\"}");
  holds("/tmp/in", "tmpfs /tmp/in [create] 268435456 0755 nosuid nodev\n");
  holds("/home/sandbox/in", "tmpfs /home/sandbox/in [create] 268435456 0755 nosuid nodev\n");
  make("\"root\": \"empty\", \"paths\": {\"/tmp\": \"tmpfs\", \"/home/sandbox\": \"tmpfs\"}");
  holds("/tmp", "tmpfs /tmp [create] 268435456 0755 nosuid nodev\n");
  holds("/home/sandbox", "tmpfs /home/sandbox [create] 268435456 0755 nosuid nodev\n");
}
END_TEST

START_TEST(rules_below_a_root_directory_are_the_directorys_own)
{
  make("\"root\": {\"directory\": \"/srv/tree\"}, \"paths\": {\"/opt\": \"ro\", \"/opt/in\": \"ro\", "
       "\"/var\": {\"access\": \"rw\", \"from\": \"/srv/var\"}, \"/etc/shadow\": \"deny\"}");
  holds("/opt", "bind /opt < 1:opt ro nosuid nodev\n");
  holds("/opt/in", "bind /opt/in < 2:in ro nosuid nodev\n");
  holds("/var", "bind /var < /srv/var nosuid nodev\naccess /var\n");
  holds("/etc/shadow", "mask /etc/shadow [optional]\n");
}
END_TEST

START_TEST(places_on_a_tmpfs_may_be_made)
{
  make("\"paths\": {\"/t\": \"tmpfs\", \"/t/in\": {\"access\": \"ro\", \"from\": \"/x\"}, \"/t/no\": \"deny\", "
       "\"/tmp/a\": \"ro\", \"/home/sandbox/b\": \"tmpfs\"}");
  holds("/t/in", "bind /t/in < /x [create] ro nosuid nodev\n");
  holds("/t/no", "mask /t/no [create]\n");
  holds("/tmp/a", "bind /tmp/a < /tmp/a [create] ro nosuid nodev\n");
  holds("/home/sandbox/b", "tmpfs /home/sandbox/b [create] 268435456 0755 nosuid nodev\n");
}
END_TEST

START_TEST(optional_and_noexec)
{
  make("\"paths\": {\"/o\": {\"access\": \"rw\", \"optional\": true, \"noexec\": true}}");
  holds("/o", "bind /o < /o [optional create] nosuid nodev noexec\naccess /o [optional]\n");
}
END_TEST

/* ---- deny -------------------------------------------------------------------------------------------------------- */

START_TEST(denied_under_a_writable_place)
{
  make(
      "\"paths\": {\"/w\": \"rw\", \"/w/must\": \"deny\", \"/w/may\": {\"access\": \"deny\", \"if_missing\": \"ignore\"}}");
  holds("/w/must", "mask /w/must\n"); /* absent: an error, since the payload could make it */
  holds("/w/may", "mask /w/may [if_missing_ignore]\n");
}
END_TEST

START_TEST(denied_under_what_nobody_writes)
{
  make("\"paths\": {\"/r\": \"ro\", \"/r/x\": \"deny\", \"/usr/share/doc\": \"deny\", \"/new\": \"deny\"}");
  holds("/r/x", "mask /r/x [optional]\n");
  holds("/usr/share/doc", "mask /usr/share/doc [optional]\n");
  holds("/new", "mask /new [create]\n");
}
END_TEST

/* A way through to what stays visible: a tmpfs that can be entered and not listed, sealed when all stands in it. */
START_TEST(denied_with_something_visible_inside)
{
  make("\"paths\": {\"/w\": {\"access\": \"rw\", \"from\": \"/h\"}, \"/w/d\": \"deny\", \"/w/d/e/f\": \"ro\"}");
  char expected[128];
  const char *seal = strstr(outline(plan), "seal /w/d\n");
  ck_assert_ptr_nonnull(seal);
  ck_assert_ptr_nonnull(strstr(seal, "init\n"));
  ck_assert(strstr(outline(plan), "pivot\n") < strstr(outline(plan), "seal /w/d\n"));
  holds("/w/d", "tmpfs /w/d 65536 0111 nosuid nodev noexec\nseal /w/d\n");
  snprintf(expected, sizeof expected, "d/e/f [create] ro nosuid nodev\n");
  ck_assert_ptr_nonnull(strstr(outline_of(plan, "/w/d/e/f"), expected));
  make("\"paths\": {\"/w/d\": \"deny\", \"/w/dx\": \"ro\"}");
  holds("/w/d", "mask /w/d [create]\n");
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_SEAL), 0);
}
END_TEST

/* ---- fields ------------------------------------------------------------------------------------------------------ */

/* Errors of the base must not speak of a rule that nobody wrote. */
START_TEST(steps_name_the_field_that_asked_for_them)
{
  make("\"paths\": {\"/w\": \"rw\", \"/t\": \"tmpfs\", \"/w/d\": \"deny\"}");
  const struct wire_plan *block = plan->block;
  const struct wire_step *step = wire_step_first(block);
  for (uint32_t i = 0; i < block->steps_n; i++, step = wire_step_next(step)) {
    const struct wire_target *target = wire_step_target(step);
    if (target) {
      const char *path = wire_str(block, target->path);
      bool rule = strncmp(path, "/w", 2) == 0 || strcmp(path, "/t") == 0;
      bool is_paths = strcmp(styro_field_pointer(step->field_id), "/paths") == 0;
      if (step->code == WIRE_STEP_LANDLOCK_PLACE) { /* speaks of them all */
        continue;
      }
      ck_assert_msg(rule == is_paths, "%s names %s", path, styro_field_pointer(step->field_id));
      bool mount = step->code == WIRE_STEP_BIND || step->code == WIRE_STEP_TMPFS;
      ck_assert_int_eq(mount ? styro_step_stage(step) : 0, mount ? (rule ? STYRO_STAGE_PATH : STYRO_STAGE_MOUNT) : 0);
    }
  }
}
END_TEST

/* ---- too much ---------------------------------------------------------------------------------------------------- */

static char *many(unsigned n, const char *access)
{
  static char members[1 << 18];
  size_t len = (size_t)snprintf(members, sizeof members, "\"paths\": {");
  for (unsigned i = 0; i < n; i++) {
    len += (size_t)snprintf(members + len, sizeof members - len, "%s\"/p/%u\": \"%s\"", i ? ", " : "", i, access);
  }
  snprintf(members + len, sizeof members - len, "}");
  return members;
}

START_TEST(too_many_of_them)
{
  styro_error err = refused_by_compile(many(4090, "ro"));
  ck_assert_int_eq(err.code, STYRO_EREQUEST);
  ck_assert_str_eq(err.field, "/paths");
  ck_assert_str_eq(err.message, "the request needs 4102 objects of the host, 4096 is the most");
  ck_assert_str_eq(err.hint, "name the directories that hold the entries of `paths`");
  make(many(2000, "rw"));
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_ACCESS), 2000);
  make(many(4096, "tmpfs"));
  ck_assert_uint_gt(outline_count(plan, WIRE_STEP_TMPFS), 4096);
}
END_TEST

/* Each writable place is a bind, a check that the payload can write, and a rule of Landlock's: three steps for a source. */
START_TEST(too_many_steps_for_them)
{
  make(many(2000, "rw"));
  const struct wire_plan *block = plan->block;
  char message[80];
  snprintf(message, sizeof message, "the request needs %u steps, 10240 is the most", block->steps_n + 3 * 2084);
  styro_error err = refused_by_compile(many(4084, "rw"));
  ck_assert_int_eq(err.code, STYRO_EREQUEST);
  ck_assert_int_eq(err.stage, STYRO_STAGE_COMPILE);
  ck_assert_str_eq(err.field, "/paths");
  ck_assert_str_eq(err.message, message);
  ck_assert_str_eq(err.hint, "name the directories that hold the entries of `paths`");
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("compile_mounts");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, setup, teardown);
  tcase_set_timeout(cases, 30);
  tcase_add_test(cases, the_default_root);
  tcase_add_test(cases, the_whole_base_is_read_only);
  tcase_add_test(cases, proc_is_masked);
  tcase_add_test(cases, a_host_network_shows_its_names);
  tcase_add_test(cases, a_host_pid_namespace_shows_its_proc);
  tcase_add_test(cases, an_empty_root);
  tcase_add_test(cases, a_directory_as_root);
  tcase_add_test(cases, a_directory_whose_changes_are_discarded);
  tcase_add_test(cases, a_directory_that_can_be_written);
  tcase_add_test(cases, users_and_groups);
  tcase_add_test(cases, own_names_of_the_request);
  tcase_add_test(cases, a_rule_replaces_the_base_that_it_covers);
  tcase_add_test(cases, a_rule_below_or_beside_leaves_the_base);
  tcase_add_test(cases, own_tmp_and_home);
  tcase_add_test(cases, proc_and_dev_are_the_sandboxs_own);
  tcase_add_test(cases, what_encloses_comes_first_in_any_order);
  tcase_add_test(cases, inner_rules_are_resolved_below_the_outer_source);
  tcase_add_test(cases, a_tmpfs_ends_what_is_inherited);
  tcase_add_test(cases, directories_below_a_writable_rule_are_held);
  tcase_add_test(cases, only_what_can_be_moved_is_held);
  tcase_add_test(cases, places_in_the_home_of_a_root_directory);
  tcase_add_test(cases, nothing_is_made_for_the_places_of_a_tmpfs_that_a_rule_replaces);
  tcase_add_test(cases, rules_below_a_root_directory_are_the_directorys_own);
  tcase_add_test(cases, places_on_a_tmpfs_may_be_made);
  tcase_add_test(cases, optional_and_noexec);
  tcase_add_test(cases, denied_under_a_writable_place);
  tcase_add_test(cases, denied_under_what_nobody_writes);
  tcase_add_test(cases, denied_with_something_visible_inside);
  tcase_add_test(cases, steps_name_the_field_that_asked_for_them);
  tcase_add_test(cases, too_many_of_them);
  tcase_add_test(cases, too_many_steps_for_them);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
