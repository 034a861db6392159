/* Every kind of step in words: its name, its stage, what it does to which object, and why it stands where it stands. */
#include "plan_steps.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "capability.h"
#include "encoding.h"
#include "grammar.h"
#include "plan.h"
#include "request.h"

const struct styro_step_row styro_step_rows[WIRE_STEP_COUNT] = {
    [WIRE_STEP_RUN] = {"run", STYRO_STAGE_COMMAND, "what a run starts from", "what varies from run to run begins here"},
    [WIRE_STEP_PROMISES] = {"promises", STYRO_STAGE_NONE, "what the outcome will list",
                            "stated before anything is done, so that nothing is found out too late"},
    [WIRE_STEP_NOTE] = {"note", STYRO_STAGE_NONE, "a protection that is not enforced", "a weakening is always named"},
    [WIRE_STEP_NAMESPACES] = {"namespaces", STYRO_STAGE_SPAWN, "make new namespaces",
                              "one clone makes them all, so that no process is ever half inside"},
    [WIRE_STEP_JOIN] = {"join", STYRO_STAGE_JOIN, "join the namespace",
                        "before the clone and with the caller's own rights"},
    [WIRE_STEP_CLOCKS] = {"clocks", STYRO_STAGE_JOIN, "set the clocks of a new time namespace",
                          "before anybody is in it; init stays with the old clocks"},
    [WIRE_STEP_MAP_IDS] = {"map ids", STYRO_STAGE_IDS, "write the id maps",
                           "right after the clone: until then the new process has no ids"},
    [WIRE_STEP_IDMAP] = {"idmap", STYRO_STAGE_IDS, "map ids on disk",
                         "before the clone, by the rights of a root caller in the file systems' own user namespace"},
    [WIRE_STEP_HOSTNAME] = {"hostname", STYRO_STAGE_UTS, "name the host",
                            "in a uts namespace of its own, while the set-up still has the right to"},
    [WIRE_STEP_LOOPBACK] = {"loopback", STYRO_STAGE_NETWORK, "bring the loopback interface up",
                            "a new network namespace starts with it down"},
    [WIRE_STEP_OOM_SCORE] = {"oom score", STYRO_STAGE_PROCESS, "set oom_score_adj",
                             "before the ids change, while /proc/self still belongs to the set-up"},
    [WIRE_STEP_IDENTITY] = {"identity", STYRO_STAGE_IDENTITY, "become the sandbox's user",
                            "all host objects are open by now; everything that follows is made by the final ids"},
    [WIRE_STEP_LAYER] = {"layer", STYRO_STAGE_ROOT, "take a layer",
                         "the directory itself, opened before anything is mounted; the step that lays the overlay "
                         "comes next"},
    [WIRE_STEP_ROOT] = {"root", STYRO_STAGE_ROOT, "start the new root", "all other mounts attach to it"},
    [WIRE_STEP_DIR] = {"dir", STYRO_STAGE_MOUNT, "make a directory", "on the sandbox's own tmpfs, never on the host"},
    [WIRE_STEP_LINK] = {"link", STYRO_STAGE_MOUNT, "repeat the host's link",
                        "the system base looks as programs expect it"},
    [WIRE_STEP_FILE] =
        {"file", STYRO_STAGE_MOUNT, "write a file",
         "on a file system of the sandbox's own; the base's are synthetic, so that no name of the host's "
         "users shows"},
    [WIRE_STEP_BIND] = {"bind", STYRO_STAGE_MOUNT, "bind",
                        "outer before inner; flags are set before it is attached, so there is no moment without them"},
    [WIRE_STEP_SELF_BIND] = {"self bind", STYRO_STAGE_MOUNT, "bind onto itself",
                             "only the overlay has it, once it is made; and what is a mount cannot be moved away"},
    [WIRE_STEP_TMPFS] = {"tmpfs", STYRO_STAGE_MOUNT, "mount a tmpfs", "private, bounded, gone with the sandbox"},
    [WIRE_STEP_DEV] = {"dev", STYRO_STAGE_DEVICE, "make a minimal device directory",
                       "before `paths`, so that single devices can be denied"},
    [WIRE_STEP_PROC] = {"proc", STYRO_STAGE_PROC, "mount a new proc",
                        "by who owns the pid namespace, before the old root goes: the kernel grants one only where an "
                        "unmasked one is visible"},
    [WIRE_STEP_READ_ONLY] = {"read-only", STYRO_STAGE_PATH, "make read-only",
                             "right after what it belongs to is mounted"},
    [WIRE_STEP_MASK] = {"mask", STYRO_STAGE_PATH, "hide",
                        "after what it hides is mounted; checked by descriptor afterwards"},
    [WIRE_STEP_SYMLINK] = {"symlink", STYRO_STAGE_MOUNT, "make a link",
                           "on a file system of the sandbox's own, never on the host"},
    [WIRE_STEP_FS] = {"file system", STYRO_STAGE_MOUNT, "mount a file system of the kernel's",
                      "before the old root goes: of some the kernel grants a new one only where one is visible"},
    [WIRE_STEP_OVERLAY] = {"overlay", STYRO_STAGE_MOUNT, "mount an overlay",
                           "its layers are open by now, and none of them is resolved again"},
    [WIRE_STEP_REMOUNT] = {"remount", STYRO_STAGE_MOUNT, "change the mount",
                           "by descriptor, once everything is placed: the kernel changes no mount of a tree that is "
                           "not attached yet"},
    [WIRE_STEP_SEAL_ROOT] = {"seal root", STYRO_STAGE_ROOT, "give the root its last flags",
                             "once all places in it are made"},
    [WIRE_STEP_SEAL] = {"seal", STYRO_STAGE_PATH, "make read-only", "once all places below it are made"},
    [WIRE_STEP_PIVOT] = {"pivot", STYRO_STAGE_ROOT, "pivot_root and drop the old root",
                         "after the last step that needs the host's mounts in view"},
    [WIRE_STEP_USERNS_LIMIT] = {"userns limit", STYRO_STAGE_PROC, "allow no nested user namespace",
                                "after the last namespace is made, through a descriptor opened while /proc/sys was "
                                "writable"},
    [WIRE_STEP_NEST] =
        {"nest", STYRO_STAGE_CAPABILITY, "make namespaces for the payload alone:",
         "below the sandbox's own, before no more can be made: the payload's capabilities count there, and open neither "
         "init nor what is mounted"},
    [WIRE_STEP_ENTER] =
        {"enter", STYRO_STAGE_CAPABILITY, "enter the namespaces for the payload alone",
         "in the payload's process only; what is mounted comes along, and nothing of it can be taken off"},
    [WIRE_STEP_LABEL] = {"label", STYRO_STAGE_LABEL, "take at exec the label of",
                         "read back: a module without a policy takes any"},
    [WIRE_STEP_INIT] = {"init", STYRO_STAGE_SUPERVISE, "start the payload's process, stay as init",
                        "undumpable first; what follows is per process and belongs to the payload alone"},
    [WIRE_STEP_SESSION] = {"session", STYRO_STAGE_PROCESS, "start a new session",
                           "no controlling terminal of the caller"},
    [WIRE_STEP_GROUP] = {"process group", STYRO_STAGE_PROCESS, "start a process group of its own",
                         "signals to the caller's group would reach outside"},
    [WIRE_STEP_KEYRING] = {"keyring", STYRO_STAGE_PROCESS, "join a new session keyring",
                           "with the final ids, so that it is the payload's own"},
    [WIRE_STEP_RESET] = {"reset", STYRO_STAGE_PROCESS, "reset umask, timer slack, personality, scheduling",
                         "what would cross exec unasked"},
    [WIRE_STEP_NICE] = {"nice", STYRO_STAGE_PROCESS, "set the nice value", "in the payload's process only"},
    [WIRE_STEP_RLIMIT] = {"rlimit", STYRO_STAGE_RLIMIT, "set a resource limit", "in the payload's process only"},
    [WIRE_STEP_CAPABILITIES] = {"capabilities", STYRO_STAGE_CAPABILITY, "set the five capability sets",
                                "after the last step that needs one; all five are read back"},
    [WIRE_STEP_ACCESS] = {"access", STYRO_STAGE_ACCESS, "check that the payload can write",
                          "with the final ids and capabilities, before the payload could stumble over it"},
    [WIRE_STEP_WORKDIR] = {"cwd", STYRO_STAGE_COMMAND, "enter the working directory", "with the payload's own rights"},
    [WIRE_STEP_LANDLOCK_PART] = {"landlock part", STYRO_STAGE_LANDLOCK, "let Landlock speak about",
                                 "first, since the ruleset is made for what it speaks about; what no rule allows is "
                                 "refused then"},
    [WIRE_STEP_LANDLOCK_PLACE] =
        {"landlock place", STYRO_STAGE_LANDLOCK, "let Landlock allow",
         "by the place as the payload sees it, once all mounts stand and before a limit on descriptors does"},
    [WIRE_STEP_LANDLOCK_PORT] = {"landlock port", STYRO_STAGE_LANDLOCK, "let Landlock allow the TCP port",
                                 "no other one is"},
    [WIRE_STEP_LANDLOCK_QUEUES] = {"landlock queues", STYRO_STAGE_LANDLOCK, "take the message queues' file system",
                                   "by who owns the IPC namespace: it has no place in the tree that a rule could name"},
    [WIRE_STEP_LANDLOCK] = {"landlock", STYRO_STAGE_LANDLOCK, "put Landlock's rules into force",
                            "after the last file that the set-up opens for itself, and before the filter, which may "
                            "forbid the call"},
    [WIRE_STEP_SECCOMP] = {"seccomp", STYRO_STAGE_SECCOMP, "load the filter",
                           "last, so that the set-up needs no call that the payload may not make"},
    [WIRE_STEP_EXEC] = {"exec", STYRO_STAGE_EXEC, "execute the command", "everything holds now"},
};

const char *styro_step_name(int code)
{
  return code > 0 && code < WIRE_STEP_COUNT ? styro_step_rows[code].name : "none";
}

int styro_step_stage(const struct wire_step *step)
{
  /* A root of the request's own and its `paths` are two stages of the same kinds of mount. */
  bool rule = strcmp(styro_field_pointer(step->field_id), "/paths") == 0;
  if (step->code == WIRE_STEP_LAYER && wire_step_item(step) >= 0) { /* not of the root */
    return STYRO_STAGE_MOUNT;
  }
  return rule && styro_step_rows[step->code].stage == STYRO_STAGE_MOUNT ? STYRO_STAGE_PATH
                                                                        : styro_step_rows[step->code].stage;
}

const char *styro_step_protection(uint32_t protection)
{
  const char *name = styro_protection_name((int)protection);
  return name ? name : "unknown";
}

static const struct {
  uint64_t flag;
  const char *name;
} clone_names[] = {
    {WIRE_CLONE_NEWUSER, "user"}, {WIRE_CLONE_NEWNS, "mount"}, {WIRE_CLONE_NEWPID, "pid"},
    {WIRE_CLONE_NEWIPC, "ipc"},   {WIRE_CLONE_NEWUTS, "uts"},  {WIRE_CLONE_NEWCGROUP, "cgroup"},
    {WIRE_CLONE_NEWTIME, "time"}, {WIRE_CLONE_NEWNET, "net"},
};

static void describe_namespaces(uint64_t flags, char *out, size_t size)
{
  size_t len = 0;
  out[0] = 0;
  for (size_t i = 0; i < sizeof clone_names / sizeof clone_names[0]; i++) {
    if (flags & clone_names[i].flag && len < size) {
      len += (size_t)snprintf(out + len, size - len, "%s%s", len ? " " : "", clone_names[i].name);
    }
  }
}

static void describe_clocks(const struct wire_step_clocks *clocks, char *out, size_t size)
{
  char boottime[STYRO_PRINTED], monotonic[STYRO_PRINTED];
  snprintf(out, size, "boottime %s, monotonic %s", styro_print_offset(clocks->boottime, boottime),
           styro_print_offset(clocks->monotonic, monotonic));
}

static const char *const space_names[WIRE_SPACE_COUNT] = {
    [WIRE_SPACE_PID] = "pid",       [WIRE_SPACE_IPC] = "ipc",         [WIRE_SPACE_UTS] = "uts",
    [WIRE_SPACE_CGROUP] = "cgroup", [WIRE_SPACE_NETWORK] = "network", [WIRE_SPACE_TIME] = "time",
    [WIRE_SPACE_MOUNT] = "mount",   [WIRE_SPACE_USER] = "user",
};

const char *styro_space_name(const struct wire_step *step)
{
  return space_names[((const struct wire_step_join *)(const void *)step)->space];
}

const char *styro_landlock_part_name(const struct wire_step *step)
{
  static const char *const names[WIRE_LANDLOCK_PART_COUNT] = {
      [WIRE_LANDLOCK_PATHS] = "files", [WIRE_LANDLOCK_PORTS] = "TCP ports", [WIRE_LANDLOCK_SCOPES] = "scopes"};
  return names[((const struct wire_step_landlock_part *)(const void *)step)->part];
}
static const char *const lsm_names[WIRE_LSM_COUNT] = {"AppArmor", "SELinux"};

/* The object where it is neither a place nor a source: a number, a name, a count. */
static void describe_value(const styro_plan *plan, const struct wire_step *step, char *out, size_t size)
{
  const void *body = step;
  switch (step->code) {
  case WIRE_STEP_NAMESPACES:
    describe_namespaces(((const struct wire_step_namespaces *)body)->clone_flags, out, size);
    break;
  case WIRE_STEP_NEST: describe_namespaces((uint64_t)((const struct wire_step_number *)body)->value, out, size); break;
  case WIRE_STEP_LABEL:
    snprintf(out, size, "%s: %s", lsm_names[((const struct wire_step_label *)body)->lsm],
             wire_str(plan->block, ((const struct wire_step_label *)body)->label));
    break;
  case WIRE_STEP_JOIN: snprintf(out, size, "%s", wire_str(plan->block, wire_step_named(step)->path)); break;
  case WIRE_STEP_CLOCKS: describe_clocks(body, out, size); break;
  case WIRE_STEP_MAP_IDS:
    if (styro_plan_is_process(plan)) {
      snprintf(out, size, "none");
      break;
    }
    snprintf(out, size, "uid %u, gid %u inside", ((const struct wire_step_map_ids *)body)->uid,
             ((const struct wire_step_map_ids *)body)->gid);
    break;
  case WIRE_STEP_IDENTITY:
    if (styro_plan_is_process(plan)) {
      snprintf(out, size, "the caller, 65534 for root");
      break;
    }
    snprintf(out, size, "uid %u, gid %u", ((const struct wire_step_identity *)body)->uid,
             ((const struct wire_step_identity *)body)->gid);
    break;
  case WIRE_STEP_HOSTNAME:
    snprintf(out, size, "%s", wire_str(plan->block, ((const struct wire_step_hostname *)body)->name));
    break;
  case WIRE_STEP_OOM_SCORE:
  case WIRE_STEP_NICE: snprintf(out, size, "%" PRId64, ((const struct wire_step_number *)body)->value); break;
  case WIRE_STEP_NOTE:
    snprintf(out, size, "%s", styro_step_protection(((const struct wire_step_note *)body)->protection));
    break;
  case WIRE_STEP_RLIMIT:
    snprintf(out, size, "%s", styro_rlimit_name(((const struct wire_step_rlimit *)body)->resource));
    break;
  case WIRE_STEP_LANDLOCK_PART: snprintf(out, size, "%s", styro_landlock_part_name(step)); break;
  case WIRE_STEP_LANDLOCK_PORT: snprintf(out, size, "%u", ((const struct wire_step_landlock_port *)body)->port); break;
  case WIRE_STEP_WORKDIR: snprintf(out, size, "%s", wire_str(plan->block, plan->run->cwd)); break;
  case WIRE_STEP_SECCOMP: snprintf(out, size, "%u instructions", ((const struct wire_step_seccomp *)body)->n); break;
  default: out[0] = 0;
  }
}

static const char *const rlimit_names[] = {"cpu",      "fsize",  "data",    "stack", "core",  "rss",
                                           "nproc",    "nofile", "memlock", "as",    "locks", "sigpending",
                                           "msgqueue", "nice",   "rtprio",  "rttime"};

const char *styro_rlimit_name(uint32_t resource)
{
  return resource < sizeof rlimit_names / sizeof rlimit_names[0] ? rlimit_names[resource] : "?";
}

/* A JSON pointer segment: '~' and '/' are escaped (RFC 6901, section 3). */
static void escape_segment(const char *text, char *out, size_t size)
{
  size_t n = 0;
  for (; *text && n + 3 < size; text++) {
    if (*text == '~' || *text == '/') {
      out[n++] = '~';
      out[n++] = *text == '~' ? '0' : '1';
    } else {
      out[n++] = *text;
    }
  }
  out[n] = 0;
}

void styro_step_describe(const styro_plan *plan, const struct wire_step *step, char *field, size_t field_size,
                         char *object, size_t object_size)
{
  const struct wire_target *place = wire_step_target(step);
  const struct wire_source *from = wire_step_source(step);
  const char *pointer = styro_field_pointer(step->field_id);
  if (place) {
    snprintf(object, object_size, "%s", wire_str(plan->block, place->path));
  } else if (from) {
    snprintf(object, object_size, "%s", wire_str(plan->block, from->path));
  } else {
    describe_value(plan, step, object, object_size);
  }
  if (place && strcmp(pointer, "/paths") == 0) {
    snprintf(field, field_size, "%s/", pointer);
    size_t len = strlen(field);
    escape_segment(wire_str(plan->block, place->path), field + len, field_size - len);
    styro_utf8_clean(field); /* where it was cut */
  } else if (wire_step_item(step) >= 0) {
    snprintf(field, field_size, "%s/%d", pointer, wire_step_item(step));
  } else if (step->code == WIRE_STEP_RLIMIT) {
    snprintf(field, field_size, "%s/%s", pointer, object);
  } else {
    snprintf(field, field_size, "%s", pointer);
  }
}
