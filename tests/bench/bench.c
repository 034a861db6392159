/*
 * The driver: runs the cases of a file in interleaved rounds, each round in another order, and prints a table in Markdown
 * with the ratio to the floor of the same run. It knows how to start a floor, a request (by the library) and any other
 * command; what the cases are is made by prepare.py.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "cases.h"

static int null_fd;
static int error_fd;
static unsigned run_number;

static int64_t now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Of this process too: the clone itself is the caller's time in one spawn mode and a child's in another. */
static double cpu_used(void)
{
  double sum = 0;
  for (int who = RUSAGE_CHILDREN; who <= RUSAGE_SELF; who++) {
    struct rusage used;
    getrusage(who, &used);
    sum += (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6;
    sum += (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
  }
  return sum;
}

/* ---- one run ---- */

struct run {
  int out[2];
  int64_t begin;
  int64_t end;
  int64_t stamp;
  double phases[5]; /* microseconds: SPAWN to EXEC, what is not known 0 */
  bool good;
};

static bool waited_well(pid_t pid)
{
  int status = -1;
  while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Reads to the end before the wait; the writer's end must be closed by now. */
static void drain(struct run *run)
{
  static char buffer[1 << 16];
  close(run->out[1]);
  run->out[1] = -1;
  while (read(run->out[0], buffer, sizeof buffer) > 0) {
  }
}

static void run_floor(struct bench_case *c, struct run *run)
{
  c->floor.out = run->out[1];
  c->floor.null = null_fd;
  run->begin = now();
  int pid = floor_start(&c->floor);
  run->good = pid > 0 && waited_well(pid) && !c->floor.failed;
  run->end = now();
  run->phases[0] = (double)(c->floor.stamps[0] - run->begin) / 1e3;
  run->phases[2] = (double)(c->floor.stamps[1] - c->floor.stamps[0]) / 1e3;
  run->phases[3] = (double)(c->floor.stamps[2] - c->floor.stamps[1]) / 1e3;
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* a child that changed its ids took this from the memory it shared */
  if (c->floor.failed) {
    fprintf(stderr, "bench: %s: %s: %s\n", c->name, c->floor.failed, strerror((int)c->floor.error));
  }
}

static void run_library(struct bench_case *c, struct run *run)
{
  styro_process *process = NULL;
  styro_error err = {.size = sizeof err};
  styro_outcome outcome = {.size = sizeof outcome, .usage = {.size = sizeof outcome.usage}};
  styro_run what = {.size = sizeof what,
                    .in = {.kind = STYRO_STREAM_NULL},
                    .out = {.kind = STYRO_STREAM_FD, .fd = run->out[1]},
                    .err = {.kind = STYRO_STREAM_FD, .fd = error_fd}};
  run->begin = now();
  int result = styro_runner_spawn(c->runner, c->plan, &what, &process, &err);
  if (result == 0 && c->streams) {
    drain(run);
  }
  result = result ? result : styro_process_wait(process, -1, &outcome, &err);
  styro_process_free(process);
  run->end = now();
  run->good = result == 0 && outcome.reason == STYRO_EXITED && outcome.code == 0;
  const int64_t phases[4] = {outcome.usage.setup_spawn, outcome.usage.setup_helper, outcome.usage.setup_tree,
                             outcome.usage.setup_identity};
  for (int i = 0; i < 4; i++) {
    run->phases[i] = (double)phases[i] / 1e3;
  }
  if (!run->good) {
    fprintf(stderr, "bench: %s: %s %s\n", c->name, err.message, outcome.error.message);
  }
}

static _Noreturn void execute(char **argv, int out)
{
  const char *filter = getenv("BENCH_FILTER"); /* bwrap takes its filter by descriptor */
  dup2(null_fd, 0);
  dup2(out, 1);
  dup2(error_fd, 2);
  if (filter) {
    dup2(open(filter, O_RDONLY | O_CLOEXEC), 9);
  }
  execvp(argv[0], argv);
  _exit(127);
}

static void run_command(struct bench_case *c, struct run *run)
{
  char id[32];
  char *argv[WORDS_MAX];
  snprintf(id, sizeof id, "bench-%d-%u", getpid(), run_number++);
  for (int i = 0; i <= c->words_n; i++) {
    argv[i] = i < c->words_n && strcmp(c->words[i], "%ID") == 0 ? id : c->words[i];
  }
  run->begin = now();
  pid_t pid = vfork();
  if (pid == 0) {
    execute(argv, run->out[1]);
  }
  if (c->streams) {
    drain(run);
  }
  run->good = pid > 0 && waited_well(pid);
  run->end = now();
}

static void keep(struct bench_case *c, struct run *run, double cpu)
{
  const double *p = run->phases;
  double start = (double)(run->stamp - run->begin) / 1e3;
  run->phases[4] = p[0] > 0 ? start - p[0] - p[1] - p[2] - p[3] : 0;
  double values[SERIES] = {start, (double)(run->end - run->begin) / 1e3, (double)(run->end - run->stamp) / 1e3, cpu};
  memcpy(values + SPAWN, p, sizeof run->phases);
  for (int i = 0; i < SERIES; i++) {
    c->series[i][c->n] = values[i];
  }
  c->n++;
}

static bool run_once(struct bench_case *c, bool kept)
{
  struct run run = {.good = false};
  usleep((useconds_t)settings.gap);
  if (pipe2(run.out, O_CLOEXEC) != 0) {
    die("pipe", strerror(errno));
  }
  double cpu = cpu_used();
  if (c->kind == KIND_LIBRARY) {
    run_library(c, &run);
  } else if (c->kind == KIND_COMMAND) {
    run_command(c, &run);
  } else {
    run_floor(c, &run);
  }
  cpu = cpu_used() - cpu;
  close(run.out[1]);
  ssize_t n = c->streams ? 0 : read(run.out[0], &run.stamp, sizeof run.stamp);
  close(run.out[0]);
  bool stamped = n == (ssize_t)sizeof run.stamp && run.stamp > run.begin && run.stamp < run.end;
  run.good = run.good && (c->streams || stamped);
  if (run.good && kept) {
    keep(c, &run, cpu);
  }
  c->failed += kept && !run.good;
  return run.good;
}

/* ---- rounds and their table ---- */

/* A new order in each round (Fisher-Yates with a fixed seed), so that no case always follows the same other one. */
static void shuffle(int *order)
{
  static uint32_t seed = 12345;
  for (int i = cases_n - 1; i > 0; i--) {
    seed = seed * 1664525u + 1013904223u;
    int j = (int)((seed >> 8) % (uint32_t)(i + 1));
    int held = order[i];
    order[i] = order[j];
    order[j] = held;
  }
}

static void run_rounds(void)
{
  int order[CASES_MAX];
  for (int i = 0; i < cases_n; i++) {
    order[i] = i;
    for (int warm = 0; warm < 2; warm++) {
      run_once(&cases[i], false);
    }
  }
  for (int round = 0; round < settings.rounds; round++) {
    shuffle(order);
    for (int i = 0; i < cases_n; i++) {
      run_once(&cases[order[i]], true);
    }
  }
}

static int compare(const void *a, const void *b)
{
  double x = *(const double *)a;
  double y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double at(const struct bench_case *c, enum series which, double part)
{
  return c->n ? c->series[which][(int)(part * (c->n - 1))] : 0;
}

static const struct bench_case *find(const char *workload, enum kind kind)
{
  for (int i = 0; i < cases_n; i++) {
    if (cases[i].kind == kind && cases[i].n && strcmp(cases[i].workload, workload) == 0) {
      return &cases[i];
    }
  }
  return NULL;
}

static void print_ratio(const struct bench_case *c, enum kind kind, enum series which)
{
  const struct bench_case *base = find(c->workload, kind);
  if (base && at(base, which, 0.5) > 0) {
    printf(" %.2f |", at(c, which, 0.5) / at(base, which, 0.5));
  } else {
    printf(" |");
  }
}

static void print_number(bool known, double value)
{
  if (known) {
    printf(" %.0f |", value);
  } else {
    printf(" |");
  }
}

static void print_table(void)
{
  printf(
      "| case | runs | failed | start | total min | total | total p95 | teardown | CPU | total / floor | CPU / floor | "
      "total / reference |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (int i = 0; i < cases_n; i++) {
    for (int s = 0; s < SERIES; s++) {
      qsort(cases[i].series[s], (size_t)cases[i].n, sizeof(double), compare);
    }
  }
  for (int i = 0; i < cases_n; i++) {
    const struct bench_case *c = &cases[i];
    printf("| %s | %d | %d |", c->name, c->n, c->failed);
    print_number(!c->streams, at(c, START, 0.5));
    print_number(true, at(c, TOTAL, 0));
    print_number(true, at(c, TOTAL, 0.5));
    print_number(true, at(c, TOTAL, 0.95));
    print_number(!c->streams, at(c, TEARDOWN, 0.5));
    print_number(true, at(c, CPU, 0.5));
    print_ratio(c, KIND_FLOOR, TOTAL);
    print_ratio(c, KIND_FLOOR, CPU);
    print_ratio(c, KIND_REFERENCE, TOTAL);
    printf("\n");
  }
}

static void print_phases(void)
{
  printf("\n| case | spawn | helper | tree | identity | exec |\n|---|---|---|---|---|---|\n");
  for (int i = 0; i < cases_n; i++) {
    const struct bench_case *c = &cases[i];
    if (c->kind != KIND_COMMAND && !c->streams) {
      printf("| %s |", c->name);
      for (enum series s = SPAWN; s <= EXEC; s++) {
        print_number(true, at(c, s, 0.5));
      }
      printf("\n");
    }
  }
}

/* ---- other measurements ---- */

struct shared {
  int next;
  int failed;
};

static _Noreturn void work(struct bench_case *c, struct shared *shared)
{
  while (__atomic_fetch_add(&shared->next, 1, __ATOMIC_SEQ_CST) < settings.total) {
    if (!run_once(c, false)) {
      __atomic_fetch_add(&shared->failed, 1, __ATOMIC_SEQ_CST);
    }
  }
  _exit(0);
}

static void run_throughput(void)
{
  struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  double floor_rate = 0;
  settings.gap = 0;
  printf("| case | workers | sandboxes | failed | per second | / floor |\n|---|---|---|---|---|---|\n");
  for (int i = 0; i < cases_n; i++) {
    memset(shared, 0, sizeof *shared);
    fflush(stdout);
    int64_t begin = now();
    for (int w = 0; w < settings.workers; w++) {
      if (fork() == 0) {
        work(&cases[i], shared);
      }
    }
    while (wait(NULL) > 0) {
    }
    double rate = settings.total * 1e9 / (double)(now() - begin);
    floor_rate = cases[i].kind == KIND_FLOOR ? rate : floor_rate;
    printf("| %s | %d | %d | %d | %.0f | %.2f |\n", cases[i].name, settings.workers, settings.total, shared->failed,
           rate, floor_rate > 0 ? rate / floor_rate : 0);
  }
}

static void print_rollup(const char *name, pid_t pid)
{
  char path[64];
  char line[256];
  long kib[4] = {0};
  static const char *const keys[4] = {"Rss:", "Pss:", "Private_Clean:", "Private_Dirty:"};
  snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file)) {
    for (int i = 0; i < 4; i++) {
      size_t len = strlen(keys[i]);
      kib[i] = strncmp(line, keys[i], len) == 0 ? atol(line + len) : kib[i];
    }
  }
  if (file) {
    fclose(file);
    printf("| %s | %ld | %ld | %ld |\n", name, kib[0], kib[1], kib[2] + kib[3]);
  } else {
    printf("| %s | not readable by this user | | |\n", name);
  }
}

/* The first process of a sandbox whose payload sleeps: the init, or the payload itself without one. */
static void print_memory(struct bench_case *c)
{
  static const char *const argv[] = {"/bin/stamp", "sleep", NULL};
  styro_process *process = NULL;
  styro_error err = {.size = sizeof err};
  styro_run what = {.size = sizeof what,
                    .argv = argv,
                    .in = {.kind = STYRO_STREAM_NULL},
                    .out = {.kind = STYRO_STREAM_NULL},
                    .err = {.kind = STYRO_STREAM_NULL}};
  if (styro_runner_spawn(c->runner, c->plan, &what, &process, &err) || styro_process_started(process, 5000, &err)) {
    die(c->name, err.message);
  }
  usleep(50000);
  print_rollup(c->name, styro_process_pid(process));
  styro_process_free(process);
}

static void measure_memory(void)
{
  printf("| first process of | Rss KiB | Pss KiB | private KiB |\n|---|---|---|---|\n");
  for (int i = 0; i < cases_n; i++) {
    if (cases[i].kind == KIND_LIBRARY) {
      print_memory(&cases[i]);
    }
  }
}

/* The default filter as a file of instructions, for the peers. */
static void write_filter(const char *path)
{
  const struct styro_profile *profile = styro_profile(STYRO_SECCOMP_DEFAULT);
  FILE *file = fopen(path, "w");
  if (!file || fwrite(profile->program, sizeof *profile->program, profile->n, file) != profile->n ||
      fclose(file) != 0) {
    die(path, strerror(errno));
  }
}

/* A caller that really uses its memory, in small pages, as the page tables of a copying fork would feel it. */
static void grow(int mb)
{
  size_t size = (size_t)mb << 20;
  char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    die("memory", strerror(errno));
  }
  madvise(memory, size, MADV_NOHUGEPAGE);
  for (size_t i = 0; i < size; i += 4096) {
    memory[i] = 1;
  }
}

int main(int argc, char **argv)
{
  int option;
  bool memory = false;
  bool phases = false;
  while ((option = getopt(argc, argv, "r:b:H:n:g:m:w:t:MPF:")) > 0) {
    switch (option) {
    case 'r': settings.root = optarg; break;
    case 'b': settings.from = optarg; break;
    case 'H': settings.helper = optarg; break;
    case 'n': settings.rounds = atoi(optarg); break;
    case 'g': settings.gap = atoi(optarg); break;
    case 'm': settings.caller_mb = atoi(optarg); break;
    case 'w': settings.workers = atoi(optarg); break;
    case 't': settings.total = atoi(optarg); break;
    case 'M': memory = true; break;
    case 'P': phases = true; break;
    case 'F': write_filter(optarg); return 0;
    default:
      fputs(
          "usage: bench -r ROOT -b SOURCES [-H HELPER] [-n ROUNDS] [-g GAP_US] [-m CALLER_MB] [-w WORKERS -t TOTAL] [-M] [-P] "
          "CASES, or bench -F FILE\n",
          stderr);
      return 2;
    }
  }
  if (optind >= argc) {
    die("usage", "no file of cases");
  }
  null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  const char *errors = getenv("BENCH_ERRORS");
  error_fd = errors ? open(errors, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : dup(2);
  read_cases(argv[optind]);
  if (settings.caller_mb) {
    grow(settings.caller_mb);
  }
  if (memory) {
    measure_memory();
  } else if (settings.workers) {
    run_throughput();
  } else {
    run_rounds();
    print_table();
    if (phases) {
      print_phases();
    }
  }
  return 0;
}
