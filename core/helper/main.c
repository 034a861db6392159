/*
 * The helper's way: take plan and run block, check them, open what the plan names on the host, run the steps. It is
 * started by the library only, with the descriptors of core/wire/run.h.
 */
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../wire/id.h"
#include "helper.h"

#define CLOSE_RANGE_CLOEXEC_ 4 /* close_range(2), Linux 5.11 */

static const uint8_t wire_id[WIRE_ID_SIZE] = WIRE_ID_BYTES;

/* Read by the runner before anything is started: which wire this helper speaks. */
struct note {
  uint32_t name_size;
  uint32_t desc_size;
  uint32_t type;
  char name[12];
  uint8_t id[WIRE_ID_SIZE];
  uint16_t plan_format;
  uint16_t run_format;
};

__attribute__((section(".note.styrolite"), used, aligned(4))) static const struct note note = {
    .name_size = sizeof "Styrolite",
    .desc_size = WIRE_ID_SIZE + 4,
    .type = 1,
    .name = "Styrolite",
    .id = WIRE_ID_BYTES,
    .plan_format = WIRE_PLAN_FORMAT,
    .run_format = WIRE_RUN_FORMAT,
};

/* Zeroed memory costs nothing until it is touched: the source table is large. Whole pages, for helper_release(). */
static struct helper state __attribute__((aligned(4096)));
static char plan_space[16384] __attribute__((aligned(4096)));

typedef int (*step_verb)(struct helper *h, const struct wire_step *step);

/* Steps without a verb are the library's, or were carried out at the clone. */
static const step_verb verbs[WIRE_STEP_COUNT] = {
    [WIRE_STEP_HOSTNAME] = step_hostname,
    [WIRE_STEP_LOOPBACK] = step_loopback,
    [WIRE_STEP_OOM_SCORE] = step_oom_score,
    [WIRE_STEP_IDENTITY] = step_identity,
    [WIRE_STEP_ROOT] = step_root,
    [WIRE_STEP_DIR] = step_dir,
    [WIRE_STEP_LINK] = step_link,
    [WIRE_STEP_FILE] = step_file,
    [WIRE_STEP_BIND] = step_bind,
    [WIRE_STEP_TMPFS] = step_tmpfs,
    [WIRE_STEP_DEV] = step_dev,
    [WIRE_STEP_PROC] = step_proc,
    [WIRE_STEP_READ_ONLY] = step_read_only,
    [WIRE_STEP_MASK] = step_mask,
    [WIRE_STEP_SEAL_ROOT] = step_seal_root,
    [WIRE_STEP_PIVOT] = step_pivot,
    [WIRE_STEP_USERNS_LIMIT] = step_userns_limit,
    [WIRE_STEP_INIT] = step_init,
    [WIRE_STEP_SESSION] = step_session,
    [WIRE_STEP_KEYRING] = step_keyring,
    [WIRE_STEP_RESET] = step_reset,
    [WIRE_STEP_NICE] = step_nice,
    [WIRE_STEP_RLIMIT] = step_rlimit,
    [WIRE_STEP_CAPABILITIES] = step_capabilities,
    [WIRE_STEP_ACCESS] = step_access,
    [WIRE_STEP_WORKDIR] = step_workdir,
    [WIRE_STEP_SECCOMP] = step_seccomp,
    [WIRE_STEP_EXEC] = step_exec,
    [WIRE_STEP_SEAL] = step_seal,
    [WIRE_STEP_GROUP] = step_group,
    [WIRE_STEP_LAYER] = step_layer,
    [WIRE_STEP_SELF_BIND] = step_self_bind,
    [WIRE_STEP_JOIN] = step_join,
    [WIRE_STEP_CLOCKS] = step_clocks,
    [WIRE_STEP_SYMLINK] = step_symlink,
    [WIRE_STEP_FS] = step_fs,
    [WIRE_STEP_OVERLAY] = step_overlay,
    [WIRE_STEP_REMOUNT] = step_remount,
    [WIRE_STEP_LANDLOCK_PART] = step_landlock_part,
    [WIRE_STEP_LANDLOCK_PLACE] = step_landlock_place,
    [WIRE_STEP_LANDLOCK_PORT] = step_landlock_port,
    [WIRE_STEP_LANDLOCK] = step_landlock,
    [WIRE_STEP_LANDLOCK_QUEUES] = step_landlock_queues,
    [WIRE_STEP_NEST] = step_nest,
    [WIRE_STEP_ENTER] = step_enter,
    [WIRE_STEP_LABEL] = step_label,
};

/* Runs steps from `from` to the end; returns only with a failure. */
int helper_run_steps(struct helper *h, const struct wire_step *from, uint32_t number)
{
  int result = 0;
  for (; result >= 0 && number < h->plan->steps_n; number++, from = wire_step_next(from)) {
    h->step = from;
    h->number = number;
    h->what = WIRE_WHAT_STEP;
    h->component = NULL;
    h->fd = from->flags & WIRE_HAS_SOURCE ? h->sources[h->source++] : -1;
    h->mount = -1;
    if (verbs[from->code]) {
      result = verbs[from->code](h, from);
    }
    if (from->flags & WIRE_KEEP) {
      h->list->kept[h->list->kept_n++] = h->mount;
    }
    if (result < 0 && from->best_effort) {
      h->run->verdict.skipped |= 1ull << (from->best_effort - 1);
      result = 0;
    }
  }
  return result;
}

int helper_proc(const struct helper *h, const char *name, int flags)
{
  char path[64] = "/proc/";
  if (h->proc_dir >= 0) {
    return sys_openat(h->proc_dir, name, flags | O_CLOEXEC, 0);
  }
  strcpy(path + strlen(path), name);
  return sys_openat(AT_FDCWD, path, flags | O_CLOEXEC, 0);
}

static uint64_t size_of(int fd)
{
  struct stat st;
  return sys_fstat(fd, &st) < 0 || st.st_size < 0 ? 0 : (uint64_t)st.st_size;
}

static void *map_block(int fd, uint64_t len, int protection, int flags)
{
  long at = len ? sys_mmap(len, protection, flags | MAP_POPULATE, fd) : -1;
  return at < 0 && at > -4096 ? NULL : (void *)(uintptr_t)at;
}

/* A plan of ordinary size is read: a mapping more costs more, now and at the next exec. */
static const void *take_plan(uint64_t len)
{
  if (len > sizeof plan_space) {
    return map_block(WIRE_FD_PLAN, len, PROT_READ, MAP_PRIVATE);
  }
  return sys_call(SYS_pread64, WIRE_FD_PLAN, sys_arg(plan_space), (long)len, 0, 0, 0) == (long)len ? plan_space : NULL;
}

/* The plan and the state, by init, which needs neither any more: its payload runs, or never will. */
void helper_release(void)
{
  const struct wire_plan *plan = state.plan;
  if ((const void *)plan == plan_space) {
    sys_madvise(plan_space, sizeof plan_space, MADV_DONTNEED);
  } else {
    sys_munmap(plan, plan->total);
  }
  sys_madvise(&state, sizeof state & ~4095ul, MADV_DONTNEED);
}

/* Without a run block there is nobody to report to but the status channel. */
static void take_blocks(struct helper *h)
{
  uint64_t len = size_of(WIRE_FD_RUN);
  uint32_t step = 0;
  h->run = map_block(WIRE_FD_RUN, len, PROT_READ | PROT_WRITE, MAP_SHARED);
  if (!h->run) {
    static const char text[] = "styrolite-helper: started by the Styrolite library only, with a plan on descriptor 3\n";
    sys_write(2, text, sizeof text - 1);
    sys_exit(125);
  }
  int fault = wire_run_check(h->run, len);
  if (fault) {
    h->what = WIRE_WHAT_RUN;
    status_die(h, WIRE_STATUS_SETUP_FAILED, fault);
  }
  len = size_of(WIRE_FD_PLAN);
  h->plan = take_plan(len);
  fault = h->plan ? wire_plan_check(h->plan, len, wire_id, &step) : WIRE_FAULT_SHORT;
  if (fault) {
    h->what = WIRE_WHAT_PLAN;
    h->number = step;
    status_die(h, WIRE_STATUS_SETUP_FAILED, fault);
  }
}

/*
 * Only stdio, the status channel, the caller's pidfd and the run's own descriptors stay, and none of them but stdio
 * crosses an exec by itself. A closed standard stream becomes /dev/null, so that no later descriptor lands there.
 */
static int settle_fds(struct helper *h)
{
  unsigned first = WIRE_FD_FIRST_FREE + h->run->fds_n;
  for (int fd = 0; fd <= 2; fd++) {
    if (sys_fcntl(fd, F_GETFD, 0) < 0) {
      int null = sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);
      if (null < 0) {
        return null;
      }
      if (null != fd) {
        sys_dup3(null, fd, 0);
        sys_close(null);
      }
    }
  }
  sys_close(WIRE_FD_PLAN);
  sys_close(WIRE_FD_RUN);
  int result = sys_close_range(first, ~0u);
  return result < 0 ? result
                    : (int)sys_call(SYS_NR_close_range, WIRE_FD_STATUS, first - 1, CLOSE_RANGE_CLOEXEC_, 0, 0, 0);
}

/* Each source is a descriptor, and the soft limit may be small; the payload gets the caller's value back. */
static void widen_nofile(struct helper *h)
{
  uint64_t limit[2];
  if (sys_rlimit(RLIMIT_NOFILE, NULL, limit) < 0 || limit[0] == limit[1]) {
    return;
  }
  h->nofile_soft = limit[0];
  limit[0] = limit[1];
  sys_rlimit(RLIMIT_NOFILE, limit, NULL);
}

/* The kernel's entry: a stack that is aligned as the ABI asks, and no frame above. */
#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall helper_main\n\thlt");
#else
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x30, xzr\n\tbl helper_main\n\tbrk 1");
#endif

_Noreturn void helper_main(void)
{
  struct helper *h = &state;
  int64_t start = sys_now();
  h->root = h->mask = h->proc = h->covered = h->userns_limit = h->parent_fd = h->procfs = h->proc_dir = h->leaving = -1;
  h->landlock.ruleset = h->landlock.queues = -1;
  signals_reset();
  take_blocks(h);
  h->run->verdict.stamps[WIRE_STAMP_HELPER] = start;
  h->what = WIRE_WHAT_FDS;
  int result = settle_fds(h);
  if (result >= 0) {
    widen_nofile(h);
  }
  if (result >= 0 && h->plan->flags & WIRE_PLAN_IDMAPS) {
    result = idmaps_prepare(h);
  }
  if (result >= 0 && h->run->flags & WIRE_RUN_HELPER_MODE) {
    result = helper_clone(h);
  }
  if (result >= 0) {
    sys_call(SYS_umask, 0, 0, 0, 0, 0, 0);
    procfs_hold(h);
    result = sources_open(h, false);
  }
  h->run->verdict.stamps[WIRE_STAMP_SOURCES] = clocks_now(h);
  if (result >= 0) {
    result = helper_run_steps(h, wire_step_first(h->plan), 0);
  }
  status_die(h, h->step && h->step->code == WIRE_STEP_EXEC ? WIRE_STATUS_EXEC_FAILED : WIRE_STATUS_SETUP_FAILED,
             -result);
}
