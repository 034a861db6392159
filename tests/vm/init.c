/*
 * The first process of the test machine: loads the modules that the initramfs holds, makes the machine's own root (which the
 * host lends, read-only) look like a system of its own, runs one command, reports its end and switches the machine off.
 * What it runs stands in /job; it knows nothing of what is tested.
 *
 * build: -static
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROOT "/host"
#define WORDS 512
#define NOFILE 1048576
#define LENT "trans=virtio,version=9p2000.L,msize=512000,cache="
#define OUTPUT "/dev/vport0p1"
#define STATUS "/dev/vport0p2"
#define TERMINAL "/dev/hvc0"

struct job {
  const char *cwd;
  const char *tree; /* of the host's files, to be seen although it may lie below /tmp */
  const char *out;  /* the one directory that can be written */
  unsigned uid;
  bool terminal;
  char *argv[WORDS];
  char *env[WORDS];
};

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static _Noreturn void power_off(void)
{
  sync();
  reboot(RB_POWER_OFF);
  _exit(1); /* the kernel panics, and the host sees that */
}

/* Standard error is the serial line, which the host shows when the status is missing. */
__attribute__((format(printf, 1, 2))) static _Noreturn void die(const char *format, ...)
{
  int number = errno;
  va_list args;
  va_start(args, format);
  dprintf(2, "init: ");
  vdprintf(2, format, args);
  va_end(args);
  dprintf(2, ": %s\n", strerror(number));
  power_off();
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* The whole file, NUL-terminated. */
static char *read_file(const char *path, size_t *len)
{
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &st) < 0) {
    die("%s", path);
  }
  char *data = calloc(1, (size_t)st.st_size + 1);
  if (!data || read(fd, data, (size_t)st.st_size) != st.st_size) {
    die("%s", path);
  }
  close(fd);
  *len = (size_t)st.st_size;
  return data;
}

static void write_file(const char *path, const char *text)
{
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) {
    die("%s", path);
  }
  close(fd);
}

/* Ports come up a moment after their driver: the host announces them by messages. */
static int open_port(const char *path, int flags)
{
  const struct timespec moment = {0, 1000000};
  int fd = -1;
  for (int tries = 0; tries < 20000; tries++) {
    fd = open(path, flags | O_CLOEXEC);
    if (fd >= 0 || (errno != ENOENT && errno != ENODEV && errno != ENXIO)) {
      break;
    }
    nanosleep(&moment, NULL);
  }
  return fd >= 0 ? fd : (die("%s", path), -1);
}

/* In their order: each needs only those before it. */
static void load_modules(void)
{
  size_t len;
  char *names = read_file("/modules/order", &len);
  for (char *name = strtok(names, "\n"); name; name = strtok(NULL, "\n")) {
    char path[256];
    snprintf(path, sizeof path, "/modules/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST)) {
      die("%s", path);
    }
    close(fd);
  }
  free(names);
}

/* ---- the job ----------------------------------------------------------------------------------------------------- */

static const char *value_of(const char *word, const char *key)
{
  size_t len = strlen(key);
  return strncmp(word, key, len) == 0 && word[len] == '=' ? word + len + 1 : NULL;
}

/* NUL-terminated words `key=value`; `arg` and `env` come as often as there are any. */
static void read_job(struct job *job)
{
  size_t len, args = 0, envs = 0;
  char *words = read_file("/job", &len);
  const char *value;
  for (char *word = words; word < words + len && args < WORDS - 1 && envs < WORDS - 1; word += strlen(word) + 1) {
    if ((value = value_of(word, "arg"))) {
      job->argv[args++] = (char *)(size_t)value;
    } else if ((value = value_of(word, "env"))) {
      job->env[envs++] = (char *)(size_t)value;
    } else if ((value = value_of(word, "cwd"))) {
      job->cwd = value;
    } else if ((value = value_of(word, "tree"))) {
      job->tree = value;
    } else if ((value = value_of(word, "out"))) {
      job->out = value;
    } else if ((value = value_of(word, "uid"))) {
      job->uid = (unsigned)strtoul(value, NULL, 10);
    } else if (strcmp(word, "terminal=yes") == 0) {
      job->terminal = true;
    }
  }
}

/* ---- the system -------------------------------------------------------------------------------------------------- */

struct place {
  const char *type;
  const char *path; /* below the new root */
  const char *options;
  unsigned long flags;
};

/* The host's directories are the mount points; only cgroup v2 is mounted, as on systems of today. */
static const struct place places[] = {
    {"proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
    {"sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
    {"cgroup2", "/sys/fs/cgroup", "nsdelegate", MS_NOSUID | MS_NODEV | MS_NOEXEC},
    {"devtmpfs", "/dev", "mode=755", MS_NOSUID},
    {"devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666", MS_NOSUID | MS_NOEXEC},
    {"tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV},
    {"tmpfs", "/run", "mode=755", MS_NOSUID | MS_NODEV},
    {"tmpfs", "/var/tmp", "mode=1777", MS_NOSUID | MS_NODEV},
};

static void make_directories(const char *path)
{
  char part[4096];
  snprintf(part, sizeof part, "%s", path);
  for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    mkdir(part, 0755);
    *slash = '/';
  }
  mkdir(part, 0755); /* what is missing then is named by who mounts there */
}

static void mount_places(void)
{
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    char path[256];
    snprintf(path, sizeof path, ROOT "%s", places[i].path);
    make_directories(path); /* /dev/pts and /dev/shm are devtmpfs's to have */
    if (mount(places[i].type, path, places[i].type, places[i].flags, places[i].options) != 0) {
      die("mount %s", places[i].path);
    }
  }
  if (mount("/dev/vda", ROOT "/tmp", "ext4", MS_NOSUID | MS_NODEV, NULL) != 0 || chmod(ROOT "/tmp", 01777) != 0) {
    die("mount /tmp");
  }
  write_file(ROOT "/sys/fs/cgroup/cgroup.subtree_control", "+cpuset +cpu +io +memory +pids");
}

/* The tree is taken from the host's files before a tmpfs covers it, and put back at its own path. */
static void make_root(const struct job *job)
{
  char path[4096];
  mkdir(ROOT, 0755);
  if (mount("root", ROOT, "9p", MS_RDONLY, LENT "loose") != 0) {
    die("the host's root");
  }
  snprintf(path, sizeof path, ROOT "%s", job->tree);
  int tree = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  mount_places();
  make_directories(path);
  if (tree < 0 || syscall(SYS_move_mount, tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    die("%s", job->tree);
  }
  close(tree);
  if (job->out) {
    snprintf(path, sizeof path, ROOT "%s", job->out);
    make_directories(path);
    if (mount("out", path, "9p", MS_NOSUID | MS_NODEV, LENT "none") != 0) {
      die("%s", job->out);
    }
  }
}

/* Not a chroot alone: user namespaces and pivot_root must work. */
static void switch_root(void)
{
  if (chdir(ROOT) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0) {
    die("the new root");
  }
}

static void bring_up_loopback(void)
{
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) != 0) {
    die("loopback");
  }
  close(fd);
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static void take_terminal(int fd)
{
  setsid();
  if (ioctl(fd, TIOCSCTTY, 0) != 0) {
    die("the terminal");
  }
}

static _Noreturn void become(const struct job *job, int in, int out)
{
  const struct rlimit many = {NOFILE, NOFILE}; /* the kernel gives the first process 1024 */
  setrlimit(RLIMIT_NOFILE, &many);
  if (job->terminal) {
    take_terminal(in);
  } else {
    setsid();
  }
  if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 || setgroups(0, NULL) != 0 ||
      setresgid(job->uid, job->uid, job->uid) != 0 || setresuid(job->uid, job->uid, job->uid) != 0 ||
      chdir(job->cwd) != 0) {
    dprintf(out, "init: %s: %s\n", job->cwd, strerror(errno));
    _exit(126);
  }
  execvpe(job->argv[0], job->argv, job->env);
  dprintf(out, "init: %s: %s\n", job->argv[0], strerror(errno));
  _exit(127);
}

/* Reaps whoever was left to it, until the command has ended. */
static int run(const struct job *job)
{
  int out = open_port(job->terminal ? TERMINAL : OUTPUT, job->terminal ? O_RDWR : O_WRONLY);
  int in = job->terminal ? out : open("/dev/null", O_RDONLY | O_CLOEXEC);
  pid_t pid = fork(), ended;
  int status = 0;
  if (pid < 0) {
    die("fork");
  }
  if (pid == 0) {
    become(job, in, out);
  }
  do {
    ended = waitpid(-1, &status, 0);
  } while (ended != pid && (ended >= 0 || errno == EINTR));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(void)
{
  static struct job job;
  mkdir("/dev", 0755);
  if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) != 0 && errno != EBUSY) {
    die("/dev");
  }
  int console = open("/dev/console", O_RDWR);
  dup2(console, 2);
  load_modules();
  read_job(&job);
  make_root(&job);
  switch_root();
  bring_up_loopback();
  sethostname("testmachine", strlen("testmachine"));
  int status = run(&job);
  dprintf(open_port(STATUS, O_WRONLY), "exit %d\n", status);
  power_off();
}
