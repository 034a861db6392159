/*
 * Landlock, in the payload's own process: the ruleset is made of the plan's parts, gets its rules from places that are
 * opened as the payload sees them, and holds from its last step on. What the running kernel's version of the interface
 * does not know is left out, said, or refused. Holds on top of the mounts and never instead of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "../wire/maps.h"
#include "helper.h"

/* The kernel's, as a version or the errno with which it says that it has none (ENOSYS, EOPNOTSUPP; EPERM of a filter). */
static int version_of(struct helper *h)
{
  if (h->landlock.version == 0) {
    h->landlock.version = (int)sys_call(SYS_NR_landlock_create_ruleset, 0, 0, WIRE_LL_CREATE_VERSION, 0, 0, 0);
  }
  return h->landlock.version;
}

static uint64_t *rights_of(struct helper *h, uint32_t part)
{
  struct wire_landlock_ruleset *handles = &h->landlock.handles;
  return part == WIRE_LANDLOCK_PATHS   ? &handles->fs
         : part == WIRE_LANDLOCK_PORTS ? &handles->network
                                       : &handles->scoped;
}

static uint64_t known_of(int version, uint32_t part)
{
  const struct wire_landlock_known *knows = &wire_landlock_abi(version)->knows;
  return part == WIRE_LANDLOCK_PATHS ? knows->fs : part == WIRE_LANDLOCK_PORTS ? knows->network : knows->scoped;
}

/* Nobody asked for it, so the kernel may be without: the outcome does not promise it then. */
static void be_absent(struct helper *h, uint32_t part)
{
  h->run->verdict.absent |= 1ull << (WIRE_LANDLOCK_PROTECTIONS + part);
  *rights_of(h, part) = 0;
}

static int refuse_part(struct helper *h, int version)
{
  wire_decimal(h->landlock.digits, version < 0 ? 0 : (uint64_t)version);
  h->what = WIRE_WHAT_LANDLOCK_ABI;
  h->component = h->landlock.digits;
  return version < 0 ? version : -EOPNOTSUPP;
}

int step_landlock_part(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_landlock_part *body = (const void *)step;
  int version = version_of(h);
  bool known = version >= wire_landlock_needs(body->part);
  if (known) {
    *rights_of(h, body->part) |= body->access & known_of(version, body->part);
    h->landlock.asked |= !(step->flags & WIRE_DEFAULTED);
    return 0;
  }
  if (step->flags & WIRE_DEFAULTED) {
    be_absent(h, body->part);
    return 0;
  }
  return refuse_part(h, version);
}

static bool handles_any(const struct helper *h)
{
  const struct wire_landlock_ruleset *handles = &h->landlock.handles;
  return handles->fs || handles->network || handles->scoped;
}

/* All parts are known when the first rule comes. */
static int ruleset_of(struct helper *h)
{
  struct landlock *landlock = &h->landlock;
  if (landlock->ruleset < 0) {
    landlock->ruleset = (int)sys_call(SYS_NR_landlock_create_ruleset, sys_arg(&landlock->handles),
                                      sizeof landlock->handles, 0, 0, 0, 0);
  }
  return landlock->ruleset;
}

static int allow_below(struct helper *h, int place, uint64_t access)
{
  struct wire_landlock_path rule = {access & h->landlock.handles.fs, place};
  int ruleset = rule.access ? ruleset_of(h) : 0;
  return ruleset < 0 || !rule.access
             ? ruleset
             : (int)sys_call(SYS_NR_landlock_add_rule, ruleset, WIRE_LL_RULE_PATH, sys_arg(&rule), 0, 0, 0);
}

/* What is not there, or out of the payload's reach, needs no right. */
static bool out_of_reach(int result)
{
  return result == -ENOENT || result == -EACCES || result == -ENOTDIR || result == -ELOOP;
}

int step_landlock_place(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_landlock_place *body = (const void *)step;
  if (!h->landlock.handles.fs) {
    return 0;
  }
  h->what = WIRE_WHAT_TARGET;
  uint64_t how = WIRE_RESOLVE_NO_MAGICLINKS | (body->direct ? WIRE_RESOLVE_NO_SYMLINKS : 0);
  int place = sys_openat2(AT_FDCWD, wire_str(h->plan, body->target.path), O_PATH | O_CLOEXEC, how);
  if (place < 0) {
    return out_of_reach(place) && !body->required ? 0 : place;
  }
  h->what = WIRE_WHAT_STEP;
  int result = allow_below(h, place, body->access);
  if (result == -EINVAL) { /* it is no directory; most are, so that looking first would be a call too many */
    result = allow_below(h, place, body->access & WIRE_LL_OF_FILES);
  }
  sys_close(place);
  return result;
}

/*
 * mq_open(3) opens files of a mount that every IPC namespace has for itself, outside of every tree, and the kernel asks about
 * them as about any other (mq_overview(7)). Only who owns the namespace can have the root of it.
 */
int step_landlock_queues(struct helper *h, const struct wire_step *step)
{
  (void)step;
  if (version_of(h) < wire_landlock_needs(WIRE_LANDLOCK_PATHS)) {
    return 0;
  }
  int queues = fs_mount("mqueue", NULL, 0, 0);
  h->landlock.queues = queues;
  return queues == -ENODEV ? 0 : queues; /* a kernel without has none to open */
}

int step_landlock_port(struct helper *h, const struct wire_step *step)
{
  const struct wire_step_landlock_port *body = (const void *)step;
  struct wire_landlock_port rule = {body->access & h->landlock.handles.network, body->port};
  if (!rule.access) {
    return 0;
  }
  int ruleset = ruleset_of(h);
  return ruleset < 0 ? ruleset
                     : (int)sys_call(SYS_NR_landlock_add_rule, ruleset, WIRE_LL_RULE_PORT, sys_arg(&rule), 0, 0, 0);
}

/* A regular file that was handed over to be read is not handed over to be written. */
static uint64_t rights_of_descriptor(int fd, uint32_t mode)
{
  if (S_ISDIR(mode)) {
    return ~0ull;
  }
  int flags = sys_fcntl(fd, F_GETFL, 0);
  bool read_only = S_ISREG(mode) && (flags & O_ACCMODE) == O_RDONLY && !(flags & O_PATH);
  return read_only ? WIRE_LL_READ & WIRE_LL_OF_FILES : WIRE_LL_OF_FILES;
}

/*
 * A descriptor of the caller's lies on the host, where no rule leads: opening it once more, as /dev/stdin and /dev/stderr
 * do, needs one of its own. Pipes, sockets and the like (EBADFD) are not asked about.
 */
static int allow_descriptor(struct helper *h, int fd)
{
  struct stat st;
  if (sys_fstat(fd, &st) < 0) {
    return 0;
  }
  int result = allow_below(h, fd, rights_of_descriptor(fd, st.st_mode));
  return result == -EBADFD ? 0 : result;
}

static int allow_descriptors(struct helper *h)
{
  const struct wire_fd_entry *entries = (const void *)((const char *)h->run + h->run->fds_off);
  int result = 0;
  h->what = WIRE_WHAT_STEP;
  for (int fd = 0; result >= 0 && fd <= 2; fd++) {
    result = allow_descriptor(h, fd);
  }
  for (uint32_t i = 0; result >= 0 && i < h->run->fds_n; i++) {
    result = entries[i].target < 0 ? 0 : allow_descriptor(h, entries[i].at);
  }
  return result < 0 || h->landlock.queues < 0 ? result : allow_below(h, h->landlock.queues, ~0ull);
}

int landlock_fence(struct helper *h)
{
  const struct wire_landlock_ruleset signals = {0, 0, WIRE_LL_SIGNALS};
  int version = version_of(h);
  if (version < wire_landlock_needs(WIRE_LANDLOCK_SCOPES)) {
    return 0;
  }
  int ruleset = (int)sys_call(SYS_NR_landlock_create_ruleset, sys_arg(&signals), sizeof signals, 0, 0, 0, 0);
  if (ruleset < 0) {
    return ruleset;
  }
  /* who it does not reach is nothing for the host's audit log */
  long quiet = wire_landlock_abi(version)->restrict_flags ? WIRE_LL_LOG_SAME_EXEC_OFF : 0;
  int result = (int)sys_call(SYS_NR_landlock_restrict_self, ruleset, quiet, 0, 0, 0, 0);
  sys_close(ruleset);
  return result < 0 ? result : 1;
}

int step_landlock(struct helper *h, const struct wire_step *step)
{
  struct landlock *landlock = &h->landlock;
  (void)step;
  if (!handles_any(h)) {
    return 0;
  }
  int result = landlock->handles.fs ? allow_descriptors(h) : 0;
  if (result >= 0) {
    result = ruleset_of(h);
  }
  if (result >= 0) {
    result = (int)sys_call(SYS_NR_landlock_restrict_self, landlock->ruleset,
                           (long)wire_landlock_abi(landlock->version)->restrict_flags, 0, 0, 0, 0);
    sys_close(landlock->ruleset);
  }
  if (result == -E2BIG && !landlock->asked) { /* the caller stands in as many of them as there can be */
    be_absent(h, WIRE_LANDLOCK_PATHS);
    return 0;
  }
  return result;
}
