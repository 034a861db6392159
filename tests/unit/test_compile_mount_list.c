/* What a list of mounts compiles to: the steps of each type, what changes a mount, and what `paths` learns from the list. */
#include <check.h>
#include <string.h>

#include "lib/base.h"
#include "outline.h"
#include "test_program.h"

static styro_plan *plan;

static void make(const char *members)
{
  styro_plan_free(plan);
  plan = compiled(members);
}

static void setup(void)
{
  plan = NULL;
}

static void teardown(void)
{
  styro_plan_free(plan);
}

static void holds(const char *path, const char *steps)
{
  ck_assert_str_eq(outline_of(plan, path), steps);
}

/* The step of this code at the place; the nth (from 0) of them. */
static const void *step_at(int code, const char *path, uint32_t nth)
{
  const struct wire_plan *block = plan->block;
  const struct wire_step *step = wire_step_first(block);
  for (uint32_t i = 0; i < block->steps_n; i++, step = wire_step_next(step)) {
    const struct wire_target *target = wire_step_target(step);
    if (step->code == code && target && strcmp(wire_str(block, target->path), path) == 0 && nth-- == 0) {
      return step;
    }
  }
  ck_abort_msg("no step `%s` at %s", styro_step_name(code), path);
}

/* 1 + the number of the source that is bound at the place. */
static uint32_t source_at(const char *path)
{
  const struct wire_step *step = wire_step_first(plan->block), *bind = step_at(WIRE_STEP_BIND, path, 0);
  uint32_t n = 1;
  for (; step != bind; step = wire_step_next(step)) {
    n += wire_step_source(step) != NULL;
  }
  return n;
}

START_TEST(binds)
{
  make("\"mounts\": [{\"type\": \"bind\", \"at\": \"/ro\", \"from\": \"/h\", \"optional\": true},"
       "{\"type\": \"bind\", \"at\": \"/rw\", \"from\": \"/h\", \"access\": \"rw\", \"noexec\": true},"
       "{\"type\": \"bind\", \"at\": \"/d\", \"from\": \"/h\", \"access\": \"dev\", \"recursive\": false},"
       "{\"type\": \"bind\", \"at\": \"/proc/meminfo\", \"from\": \"/h\", \"noatime\": true}]");
  holds("/ro", "bind /ro < /h [optional create] ro nosuid nodev\n");
  holds("/rw", "bind /rw < /h [create] nosuid nodev noexec\naccess /rw\n");
  holds("/d", "bind /d < /h [create] nosuid\n");
  const struct wire_step_bind *devices = step_at(WIRE_STEP_BIND, "/d", 0);
  ck_assert(devices->devices && devices->flat);
  const struct wire_step_bind *file = step_at(WIRE_STEP_BIND, "/proc/meminfo", 0);
  ck_assert_uint_eq(file->head.flags & WIRE_CREATE, 0);
  ck_assert_uint_eq(file->attr_set & WIRE_MOUNT_ATTR_NOATIME, WIRE_MOUNT_ATTR_NOATIME);
  ck_assert_uint_eq(file->propagation, 0);
}
END_TEST

START_TEST(file_systems)
{
  make(
      "\"mounts\": [{\"type\": \"tmpfs\", \"at\": \"/t\"}, {\"type\": \"tmpfs\", \"at\": \"/u\", \"size\": \"1M\","
      "\"inodes\": 7, \"mode\": \"1777\"}, {\"type\": \"mqueue\", \"at\": \"/q\"}, {\"type\": \"cgroup\", \"at\": \"/c\"},"
      "{\"type\": \"cgroup\", \"at\": \"/w\", \"access\": \"rw\"}, {\"type\": \"devpts\", \"at\": \"/p\"},"
      "{\"type\": \"devpts\", \"at\": \"/g\", \"mode\": \"0600\", \"ptmxmode\": \"0660\", \"gid\": 1000}]");
  holds("/t", "tmpfs /t [create] 268435456 0755 nosuid nodev\n");
  holds("/u", "tmpfs /u [create] 1048576 1777 nosuid nodev\n");
  const struct wire_step_tmpfs *tmpfs = step_at(WIRE_STEP_TMPFS, "/u", 0);
  ck_assert_uint_eq(tmpfs->inodes, 7);
  const struct wire_step_fs *fs = step_at(WIRE_STEP_FS, "/q", 0);
  ck_assert_uint_eq(fs->kind, WIRE_FS_MQUEUE);
  ck_assert_uint_ne(fs->attr_set & WIRE_MOUNT_ATTR_NOEXEC, 0);
  fs = step_at(WIRE_STEP_FS, "/c", 0);
  ck_assert_uint_eq(fs->kind, WIRE_FS_CGROUP2);
  ck_assert_uint_ne(fs->attr_set & WIRE_MOUNT_ATTR_RDONLY, 0);
  fs = step_at(WIRE_STEP_FS, "/w", 0);
  ck_assert_uint_eq(fs->attr_set & WIRE_MOUNT_ATTR_RDONLY, 0);
  fs = step_at(WIRE_STEP_FS, "/p", 0);
  ck_assert(fs->kind == WIRE_FS_DEVPTS && fs->mode == 0620 && fs->ptmxmode == 0666 && !fs->has_gid);
  fs = step_at(WIRE_STEP_FS, "/g", 0);
  ck_assert(fs->mode == 0600 && fs->ptmxmode == 0660 && fs->has_gid && fs->gid == 1000);
}
END_TEST

/* Each proc and sys hides the same; the options of the one at /proc are those of the base's. */
START_TEST(proc_and_sys)
{
  make("\"mounts\": [{\"type\": \"proc\", \"at\": \"/proc\", \"hidepid\": \"invisible\"}, {\"type\": \"proc\", \"at\": "
       "\"/p\", \"subset\": \"pid\"}, {\"type\": \"sysfs\", \"at\": \"/s\"}]");
  const struct wire_step_proc *proc = step_at(WIRE_STEP_PROC, "/proc", 0);
  ck_assert(proc->hidepid == WIRE_HIDEPID_INVISIBLE && !proc->subset);
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_PROC), 2);
  proc = step_at(WIRE_STEP_PROC, "/p", 0);
  ck_assert(proc->hidepid == 0 && proc->subset);
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_MASK) + outline_count(plan, WIRE_STEP_READ_ONLY),
                    2 * styro_proc_entries_n + styro_sys_entries_n);
  holds("/p/kcore", "mask /p/kcore [defaulted]\n");
  const struct wire_step_fs *sys = step_at(WIRE_STEP_FS, "/s", 0);
  ck_assert_uint_eq(sys->kind, WIRE_FS_SYSFS);
  make("\"network\": \"host\", \"mounts\": [{\"type\": \"sysfs\", \"at\": \"/s\"}]");
  holds("/s", "bind /s < /sys [create] ro nosuid nodev noexec\n");
}
END_TEST

/* A device directory is open while the list adds to it, and closed after the pivot: the base's and those of the list. */
START_TEST(device_directories)
{
  make("\"mounts\": [{\"type\": \"dev\", \"at\": \"/d\"}, {\"type\": \"dev\", \"at\": \"/e\"}]");
  ck_assert(!((const struct wire_step_dev *)step_at(WIRE_STEP_DEV, "/d", 0))->open);
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_REMOUNT), 0);
  make(
      "\"mounts\": [{\"type\": \"dev\", \"at\": \"/d\"}, {\"type\": \"tmpfs\", \"at\": \"/d/x\"}, {\"type\": \"tmpfs\", "
      "\"at\": \"/dev/x\"}]");
  ck_assert(((const struct wire_step_dev *)step_at(WIRE_STEP_DEV, "/d", 0))->open);
  const struct wire_step_remount *base = step_at(WIRE_STEP_REMOUNT, "/dev", 0);
  const struct wire_step_remount *own = step_at(WIRE_STEP_REMOUNT, "/d", 0);
  ck_assert(base->kept == 1 && own->kept == 2);
  ck_assert_uint_eq(base->attr_set & own->attr_set, WIRE_MOUNT_ATTR_RDONLY);
}
END_TEST

START_TEST(overlays)
{
  make("\"mounts\": [{\"type\": \"overlay\", \"at\": \"/o\", \"lower\": [\"/l\", \"/m\"]}, {\"type\": \"overlay\", "
       "\"at\": \"/w\", \"lower\": [\"/l\"], \"upper\": \"/u\", \"work\": \"/k\"}]");
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_LAYER), 5);
  const struct wire_step_overlay *overlay = step_at(WIRE_STEP_OVERLAY, "/o", 0);
  ck_assert_uint_ne(overlay->attr_set & WIRE_MOUNT_ATTR_RDONLY, 0);
  overlay = step_at(WIRE_STEP_OVERLAY, "/w", 0);
  ck_assert_uint_eq(overlay->attr_set & WIRE_MOUNT_ATTR_RDONLY, 0);
}
END_TEST

/* Files take room on the root's tmpfs beside the places: whole pages, and one more each. */
START_TEST(what_is_made)
{
  make(
      "\"mounts\": [{\"type\": \"symlink\", \"at\": \"/l\", \"target\": \"a b\"}, {\"type\": \"dir\", \"at\": \"/d\"},"
      "{\"type\": \"dir\", \"at\": \"/e\", \"mode\": \"0700\"}, {\"type\": \"file\", \"at\": \"/f\", \"data\": \"text\"},"
      "{\"type\": \"file\", \"at\": \"/g\", \"mode\": \"0600\"}, {\"type\": \"file\", \"at\": \"/h\", \"data_base64\": \"AGEA/w==\"}]");
  const struct wire_step_symlink *link = step_at(WIRE_STEP_SYMLINK, "/l", 0);
  ck_assert_str_eq(wire_str(plan->block, link->text), "a b");
  ck_assert_uint_eq(((const struct wire_step_dir *)step_at(WIRE_STEP_DIR, "/d", 0))->mode, 0755);
  ck_assert_uint_eq(((const struct wire_step_dir *)step_at(WIRE_STEP_DIR, "/e", 0))->mode, 0700);
  const struct wire_step_file *file = step_at(WIRE_STEP_FILE, "/f", 0);
  ck_assert_str_eq(wire_str(plan->block, file->data), "text");
  ck_assert_uint_eq(file->mode, 0644);
  file = step_at(WIRE_STEP_FILE, "/g", 0);
  ck_assert_str_eq(wire_str(plan->block, file->data), "");
  ck_assert_uint_eq(file->mode, 0600);
  file = step_at(WIRE_STEP_FILE, "/h", 0);
  const struct wire_text *bytes = wire_text_at(plan->block, file->data);
  ck_assert_uint_eq(bytes->len, 4);
  ck_assert_mem_eq(bytes->bytes, "\0a\0\xff", 5);
  ck_assert_uint_eq(((const struct wire_step_root *)outline_step(plan, WIRE_STEP_ROOT))->size, (1u << 20) + 16384);
}
END_TEST

START_TEST(remounts)
{
  make("\"mounts\": [{\"type\": \"tmpfs\", \"at\": \"/t\"}, {\"type\": \"bind\", \"at\": \"/b\", \"from\": \"/h\"},"
       "{\"type\": \"remount\", \"at\": \"/t\", \"access\": \"ro\", \"noexec\": true, \"noatime\": true},"
       "{\"type\": \"remount\", \"at\": \"/b\", \"access\": \"rw\", \"noexec\": false, \"noatime\": false}]");
  const struct wire_step_remount *change = step_at(WIRE_STEP_REMOUNT, "/t", 0);
  ck_assert_uint_eq(change->kept, 1);
  ck_assert_uint_eq(change->attr_set, WIRE_MOUNT_ATTR_RDONLY | WIRE_MOUNT_ATTR_NOEXEC | WIRE_MOUNT_ATTR_NOATIME);
  ck_assert_uint_eq(change->attr_clear, WIRE_MOUNT_ATTR_ATIME);
  ck_assert(change->recursive);
  change = step_at(WIRE_STEP_REMOUNT, "/b", 0);
  ck_assert_uint_eq(change->kept, 2);
  ck_assert_uint_eq(change->attr_set, 0);
  ck_assert_uint_eq(change->attr_clear & (WIRE_MOUNT_ATTR_RDONLY | WIRE_MOUNT_ATTR_NOEXEC),
                    WIRE_MOUNT_ATTR_RDONLY | WIRE_MOUNT_ATTR_NOEXEC);
  ck_assert(!change->recursive); /* what is loosened is loosened there alone */
  ck_assert_ptr_nonnull(step_at(WIRE_STEP_ACCESS, "/b", 0));
}
END_TEST

/* Who follows the host does so from the start; the root's propagation is that of no kept mount. */
START_TEST(propagations)
{
  make(
      "\"mounts\": [{\"type\": \"bind\", \"at\": \"/b\", \"from\": \"/h\"}, {\"type\": \"propagation\", \"at\": \"/b\", "
      "\"propagation\": \"slave\"}, {\"type\": \"propagation\", \"at\": \"/\", \"propagation\": \"shared\"}]");
  ck_assert_uint_eq(((const struct wire_step_bind *)step_at(WIRE_STEP_BIND, "/b", 0))->propagation, WIRE_MS_SLAVE);
  const struct wire_step_remount *change = step_at(WIRE_STEP_REMOUNT, "/b", 0);
  ck_assert(change->propagation == WIRE_MS_SLAVE && change->kept == 1);
  change = step_at(WIRE_STEP_REMOUNT, "/", 0);
  ck_assert(change->propagation == WIRE_MS_SHARED && change->kept == 0);
}
END_TEST

/* A place that another entry or a rule covers cannot be tried by its path. */
START_TEST(only_what_shows_is_tried)
{
  make(
      "\"mounts\": [{\"type\": \"bind\", \"at\": \"/a\", \"from\": \"/h\", \"access\": \"rw\"}, {\"type\": \"bind\", "
      "\"at\": \"/b\", \"from\": \"/h\", \"access\": \"rw\"}, {\"type\": \"tmpfs\", \"at\": \"/b\"}, {\"type\": \"bind\", "
      "\"at\": \"/c\", \"from\": \"/h\", \"access\": \"rw\", \"optional\": true}], \"paths\": {\"/a\": \"tmpfs\"}");
  ck_assert_uint_eq(outline_count(plan, WIRE_STEP_ACCESS), 1);
  const struct wire_step_access *access = step_at(WIRE_STEP_ACCESS, "/c", 0);
  ck_assert_uint_ne(access->head.flags & WIRE_OPTIONAL, 0);
  ck_assert_uint_eq(access->source, source_at("/c")); /* absent, nothing of it is tried */
}
END_TEST

/* A rule below a bind takes what it shows from there; one in an overlay or a tmpfs is about that. */
START_TEST(rules_below_entries)
{
  make("\"mounts\": [{\"type\": \"bind\", \"at\": \"/b\", \"from\": \"/h\", \"access\": \"rw\"}, {\"type\": \"tmpfs\", "
       "\"at\": \"/t\"}, {\"type\": \"overlay\", \"at\": \"/o\", \"lower\": [\"/l\", \"/m\"]}], \"paths\": {\"/b/in\": "
       "\"ro\", \"/t/new\": {\"from\": \"/n\"}, \"/o/file\": \"ro\", \"/b\": \"ro\", \"/o/gone\": \"deny\"}");
  const struct wire_step_bind *bind = step_at(WIRE_STEP_BIND, "/b", 0);
  ck_assert_uint_eq(bind->head.flags & WIRE_BASE, WIRE_BASE);
  holds("/t/new", "bind /t/new < /n [create] ro nosuid nodev\n");
  holds("/o/file", "self bind /o/file ro nosuid nodev\n");
  holds("/o/gone", "mask /o/gone [optional]\n");
}
END_TEST

/* What lies deep in a bind that the payload can write is held in place there, from the bind's own source. */
START_TEST(rules_deep_in_a_writable_entry)
{
  make("\"mounts\": [{\"type\": \"bind\", \"at\": \"/b\", \"from\": \"/h\", \"access\": \"rw\", \"noexec\": true}], "
       "\"paths\": {\"/b/x/y\": \"deny\", \"/b/u/v\": \"ro\"}");
  holds("/b/x", "bind /b/x < 13:x [optional defaulted] nosuid nodev noexec\n");
  holds("/b/x/y", "mask /b/x/y\n");
  holds("/b/u", "bind /b/u < 13:u [optional defaulted] nosuid nodev noexec\n");
  holds("/b/u/v", "bind /b/u/v < 13:u/v ro nosuid nodev\n");
  make(
      "\"mounts\": [{\"type\": \"bind\", \"at\": \"/b\", \"from\": \"/h\", \"access\": \"rw\"}], \"paths\": {\"/b\": \"ro\"}");
  const struct wire_step_bind *bind = step_at(WIRE_STEP_BIND, "/b", 1);
  ck_assert_str_eq(wire_str(plan->block, bind->source.path), "/h");
}
END_TEST

/* Only what can be the payload's to write could be made by it; and the shm of a device directory is the sandbox's own. */
START_TEST(denied_on_other_grounds)
{
  make(
      "\"mounts\": [{\"type\": \"dev\", \"at\": \"/d\"}, {\"type\": \"bind\", \"at\": \"/b\", \"from\": \"/h\", \"access\": \"rw\"}], "
      "\"paths\": {\"/d/shm/x\": \"deny\", \"/d/shmx\": \"deny\", \"/b\": \"deny\"}");
  holds("/d/shm/x", "mask /d/shm/x [create]\n");
  holds("/d/shmx", "mask /d/shmx [optional]\n");
  holds("/b", "bind /b < /h [create] nosuid nodev\nmask /b [create]\n");
  make(
      "\"root\": {\"directory\": \"/r\", \"writable\": true}, \"paths\": {\"/proc/x\": \"deny\", \"/tmp/x\": \"deny\", "
      "\"/data\": \"deny\"}");
  holds("/proc/x", "mask /proc/x [optional]\n");
  holds("/tmp/x", "mask /tmp/x [create]\n");
  holds("/data", "mask /data\n");
}
END_TEST

/* What an entry is decides whether a place can be made in it, and whether what is denied can come to be there. */
START_TEST(denied_in_entries)
{
  make(
      "\"mounts\": [{\"type\": \"tmpfs\", \"at\": \"/t\"}, {\"type\": \"dev\", \"at\": \"/d\"}, {\"type\": \"proc\", "
      "\"at\": \"/p\"}, {\"type\": \"sysfs\", \"at\": \"/s\"}, {\"type\": \"mqueue\", \"at\": \"/q\"}, {\"type\": \"devpts\", "
      "\"at\": \"/y\"}, {\"type\": \"cgroup\", \"at\": \"/c\"}], \"paths\": {\"/t/x\": \"deny\", \"/d/x\": \"deny\", "
      "\"/d/shm/x\": \"deny\", \"/d/shm\": \"deny\", \"/d/pts/0\": \"deny\", \"/p/x\": \"deny\", \"/p/1\": \"deny\", \"/s/x\": "
      "\"deny\", \"/q\": \"deny\", \"/q/x\": \"deny\", \"/y/x\": \"deny\", \"/c/x\": {\"access\": \"deny\", \"if_missing\": "
      "\"ignore\"}, \"/dev/shm/x\": \"deny\", \"/dev/x\": \"deny\", \"/dev/pts/1\": \"deny\", \"/proc/x\": \"deny\", \"/proc/12\": "
      "\"deny\"}");
  holds("/t/x", "mask /t/x [create]\n");
  holds("/d/x", "mask /d/x [optional]\n");
  holds("/d/pts/0", "mask /d/pts/0\n");
  holds("/p/x", "mask /p/x [optional]\n");
  holds("/p/1", "mask /p/1\n");
  holds("/s/x", "mask /s/x [optional]\n");
  holds("/y/x", "mask /y/x\n");
  holds("/c/x", "mask /c/x [if_missing_ignore]\n");
  holds("/dev/shm/x", "mask /dev/shm/x [create]\n");
  holds("/dev/x", "mask /dev/x [optional]\n");
  holds("/dev/pts/1", "mask /dev/pts/1\n");
  holds("/proc/x", "mask /proc/x [optional]\n");
  holds("/proc/12", "mask /proc/12\n");
}
END_TEST

int main(void)
{
  const struct test_program program = {.name = "compile_mount_list", .setup = setup, .teardown = teardown};
  const TTest *const tests[] = {
      binds,
      file_systems,
      proc_and_sys,
      device_directories,
      overlays,
      what_is_made,
      remounts,
      propagations,
      only_what_shows_is_tried,
      rules_below_entries,
      rules_deep_in_a_writable_entry,
      denied_in_entries,
      denied_on_other_grounds,
  };
  return test_program_run(&program, tests, TESTS_N(tests));
}
