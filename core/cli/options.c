/*
 * The table of options and the parser that walks it. A new option is a new row; a new kind of effect is a handler in
 * apply.c.
 */
#include "options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply.h"

#define KEPT(member) offsetof(struct cli_options, member)

/* One row, one option, in the order of --help. Without `kind` the value is set at the pointer. */
/* clang-format off */
static const struct option_row rows[] = {
    {.name = "extends", .argument = "NAME", .commands = CLI_REQUEST, .kind = OPTION_ADD, .pointer = "/extends",
     .help = "start from a preset (agent, build, desktop, python) or a request file"},
    {.name = "root", .argument = "DIR|system|empty", .commands = CLI_REQUEST, .kind = OPTION_CALL,
     .pointer = "/root", .apply = apply_root,
     .help = "what / is made of: a directory, the host's /usr (system, the default), or nothing"},
    {.name = "ro", .argument = "P[:INSIDE]", .commands = CLI_REQUEST, .kind = OPTION_CALL, .pointer = "/paths",
     .text = "ro", .apply = apply_bind, .help = "show the host path P read-only, at INSIDE or at its own place"},
    {.name = "rw", .argument = "P[:INSIDE]", .commands = CLI_REQUEST, .kind = OPTION_CALL, .pointer = "/paths",
     .text = "rw", .apply = apply_bind, .help = "show the host path P writable, at INSIDE or at its own place"},
    {.name = "deny", .argument = "P", .commands = CLI_REQUEST, .kind = OPTION_CALL, .pointer = "/paths",
     .text = "deny", .apply = apply_place, .help = "hide what stands at P inside"},
    {.name = "tmpfs", .argument = "P", .commands = CLI_REQUEST, .kind = OPTION_CALL, .pointer = "/paths",
     .text = "tmpfs", .apply = apply_place, .help = "an empty private file system in memory at P inside"},
    {.name = "env", .argument = "K=V", .commands = CLI_REQUEST, .kind = OPTION_CALL, .pointer = "/env",
     .apply = apply_env, .help = "set a variable inside"},
    {.name = "inherit-env", .argument = "K", .commands = CLI_REQUEST, .kind = OPTION_ADD, .pointer = "/inherit_env",
     .help = "take the variable K over from the caller, where it is set"},
    {.name = "cwd", .argument = "DIR", .commands = CLI_REQUEST, .kind = OPTION_CALL, .pointer = "/cwd",
     .apply = apply_cwd, .help = "the working directory inside"},
    {.name = "uid", .argument = "N", .commands = CLI_REQUEST, .pointer = "/user/uid", .help = "user id inside (1000)"},
    {.name = "gid", .argument = "N", .commands = CLI_REQUEST, .pointer = "/user/gid", .help = "group id inside (1000)"},
    {.name = "network", .argument = "none|host", .commands = CLI_REQUEST, .pointer = "/network",
     .help = "none (the default: loopback only) or the host's"},
    {.name = "hostname", .argument = "NAME", .commands = CLI_REQUEST, .pointer = "/namespaces/uts/hostname",
     .help = "host name inside"},
    {.name = "timeout", .argument = "5s", .commands = CLI_REQUEST, .pointer = "/timeout",
     .help = "end everything after this time: 1.5s, 500ms, 10m"},
    /* Not for shell, which is of no use without the terminal itself. */
    {.name = "output", .argument = "SIZE", .commands = CLI_FILE, .pointer = "/output/limit",
     .help = "capture stdout and stderr, at most SIZE of each (64K, 1M), print them at the end"},
    {.name = "best-effort", .argument = "NAME", .commands = CLI_REQUEST, .kind = OPTION_ADD,
     .pointer = "/best_effort", .help = "a protection that may be missing where the host cannot give it"},
    {.name = "no-init", .commands = CLI_REQUEST, .pointer = "/init", .text = "false",
     .help = "no init inside: the program itself is process 1"},
    {.name = "set", .argument = "KEY=VALUE", .commands = CLI_REQUEST, .kind = OPTION_CALL, .apply = apply_set,
     .help = "any field of the request: user.uid_map=self, or by JSON pointer: /paths/~1out=ro"},
    {.name = "emit", .argument = "json", .commands = CLI_RUN | CLI_EXPLAIN, .kind = OPTION_KEEP,
     .offset = KEPT(emit), .help = "run: print the request instead of running it; explain: print the steps as JSON"},
    {.name = "diff", .argument = "FILE|-", .commands = CLI_EXPLAIN, .kind = OPTION_KEEP, .offset = KEPT(diff),
     .once = true, .help = "print where the steps differ from those of this request; 1 is returned when they do"},
    {.name = "here", .commands = CLI_CHECK, .kind = OPTION_KEEP, .text = "yes", .offset = KEPT(here),
     .help = "also try to open every host path that the request names"},
    {.name = "outcome", .argument = "FILE|fd:N", .commands = CLI_STARTS, .kind = OPTION_KEEP,
     .offset = KEPT(outcome), .once = true, .help = "write how it ended, as JSON; empty when nothing was started"},
    {.name = "name", .argument = "TEXT", .commands = CLI_STARTS, .kind = OPTION_KEEP, .offset = KEPT(name),
     .help = "a name for the outcome"},
    {.name = "json", .commands = CLI_DOCTOR, .kind = OPTION_KEEP, .text = "yes", .offset = KEPT(json),
     .help = "print all of it as JSON"},
    {.name = "helper", .argument = "PATH", .commands = CLI_STARTS | CLI_DOCTOR, .kind = OPTION_KEEP, .offset = KEPT(helper),
     .help = "the helper executable to use"},
    {.name = "help", .commands = ~0u, .kind = OPTION_KEEP, .text = "yes", .offset = KEPT(help), .help = "this text"},
};
/* clang-format on */
#define ROWS_N (sizeof rows / sizeof rows[0])

static const char *row_name(size_t i)
{
  return rows[i].name;
}

static const struct option_row *find_row(const char *name, size_t len)
{
  for (size_t i = 0; i < ROWS_N; i++) {
    if (strlen(rows[i].name) == len && memcmp(rows[i].name, name, len) == 0) {
      return &rows[i];
    }
  }
  return NULL;
}

#define NEAREST_MAX 32

static size_t min3(size_t a, size_t b, size_t c)
{
  size_t least = a < b ? a : b;
  return least < c ? least : c;
}

/* Levenshtein's distance with one row of the matrix; texts beyond NEAREST_MAX are never near. */
static size_t distance(const char *a, const char *b)
{
  size_t row[NEAREST_MAX + 1];
  size_t a_len = strlen(a), b_len = strlen(b);

  if (a_len > NEAREST_MAX || b_len > NEAREST_MAX) {
    return NEAREST_MAX;
  }
  for (size_t j = 0; j <= b_len; j++) {
    row[j] = j;
  }
  for (size_t i = 1; i <= a_len; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b_len; j++) {
      size_t above = row[j];
      row[j] = min3(row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
      diagonal = above;
    }
  }
  return row[b_len];
}

const char *options_nearest(const char *text, const char *(*name_at)(size_t), size_t n)
{
  const char *nearest = NULL;
  /* More than a third of the letters wrong is another word, not a slip. */
  size_t best = strlen(text) / 3 + 1;

  for (size_t i = 0; i < n; i++) {
    size_t d = distance(text, name_at(i));
    if (d <= best && (!nearest || d < best)) {
      nearest = name_at(i);
      best = d;
    }
  }
  return nearest;
}

/* After a word that is no file the payload's own option is likelier than a slip in one of ours. */
static bool is_command(const struct cli_options *options)
{
  return options->file && access(options->file, F_OK) < 0 && !strstr(options->file, ".json");
}

static int fail_unknown(const struct cli_options *options, const char *arg, struct failure *failure)
{
  char name[NEAREST_MAX + 1];
  char hint[512] = "--help lists the options; they start with two dashes";
  size_t dashes = strspn(arg, "-");
  size_t len = strcspn(arg + dashes, "=");
  const char *nearest = NULL;

  if (len < sizeof name) {
    memcpy(name, arg + dashes, len);
    name[len] = '\0';
    nearest = options_nearest(name, row_name, ROWS_N);
  }
  if (is_command(options)) {
    snprintf(hint, sizeof hint, "a command to run stands after --: styrolite run -- %s %s", options->file, arg);
  } else if (nearest) {
    snprintf(hint, sizeof hint, "did you mean --%s?", nearest);
  }
  return failure_usage(failure, NULL, hint, "unknown option `%.*s`", (int)(dashes + len), arg);
}

/* An option that is right for another command deserves better than "unknown". */
static int fail_elsewhere(const struct option_row *row, struct failure *failure)
{
  static const struct {
    unsigned command;
    const char *name;
  } names[] = {
      {CLI_RUN, "run"}, {CLI_SHELL, "shell"}, {CLI_CHECK, "check"}, {CLI_EXPLAIN, "explain"}, {CLI_DOCTOR, "doctor"}};
  char hint[96] = "it goes with:";

  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (row->commands & names[i].command) {
      strncat(hint, " ", sizeof hint - strlen(hint) - 1);
      strncat(hint, names[i].name, sizeof hint - strlen(hint) - 1);
    }
  }
  return failure_usage(failure, NULL, hint, "--%s is no option of this command", row->name);
}

/* Kept ones: the last counts. Those of the request are applied later, in their order, once the file is read. */
static int note_use(struct cli_options *options, const struct option_row *row, const char *value,
                    struct failure *failure)
{
  const char **kept = (const char **)((char *)options + row->offset);

  if (row->kind != OPTION_KEEP) {
    options->uses[options->uses_n++] = (struct option_use){row, value};
    return 0;
  }
  if (row->once && *kept) {
    return failure_usage(failure, NULL, "leave one of them out", "--%s is given twice, as `%s` and as `%s`", row->name,
                         *kept, value);
  }
  *kept = value;
  return 0;
}

/*
 * The value of --name VALUE is the next argument. One that looks like an option is more likely a forgotten value, and
 * --name=VALUE is there for who means it.
 */
static const char *next_value(const struct option_row *row, int argc, char *const *argv, int *i,
                              struct failure *failure)
{
  if (*i + 1 < argc && strncmp(argv[*i + 1], "--", 2) != 0) {
    return argv[++*i];
  }
  failure_usage(failure, NULL, NULL, "--%s needs a value: --%s %s", row->name, row->name, row->argument);
  return NULL;
}

/* --name VALUE or --name=VALUE; what follows a name decides, so a value may hold further = signs. */
static int parse_option(struct cli_options *options, int argc, char *const *argv, int *i, struct failure *failure)
{
  const char *arg = argv[*i];
  size_t len = strcspn(arg + 2, "=");
  const struct option_row *row = find_row(arg + 2, len);
  const char *value = arg[2 + len] == '=' ? arg + 2 + len + 1 : NULL;
  char hint[64];

  if (!row) {
    return fail_unknown(options, arg, failure);
  }
  if (!(row->commands & options->command)) {
    return fail_elsewhere(row, failure);
  }
  if (!row->argument && value) {
    snprintf(hint, sizeof hint, "write --%s alone", row->name);
    return failure_usage(failure, NULL, hint, "--%s takes no value", row->name);
  }
  if (!row->argument) {
    value = row->text;
  } else if (!value) {
    value = next_value(row, argc, argv, i, failure);
  }
  return value ? note_use(options, row, value, failure) : -1;
}

/* A word without dashes can only be the request file, and only for commands that take one. */
static int parse_word(struct cli_options *options, const char *word, struct failure *failure)
{
  char hint[512];

  if (!(options->command & CLI_FILE)) {
    return failure_usage(failure, NULL,
                         options->command == CLI_SHELL ? "a request file is taken by --extends ./FILE, a program by: "
                                                         "styrolite run -- COMMAND"
                         : options->command == CLI_CONVERT ? "the command line stands after --: styrolite convert -- "
                                                             "unshare --pid --fork PROGRAM"
                                                           : "it takes no arguments",
                         "`%s` has no meaning here", word);
  }
  if (options->file) {
    snprintf(hint, sizeof hint, "a command to run stands after --: styrolite run -- %s %s", options->file, word);
    return failure_usage(failure, NULL, hint, "two request files, `%s` and `%s`", options->file, word);
  }
  options->file = word;
  return 0;
}

/* Everything after "--" belongs to the payload, options of the same names included. */
static int parse_rest(struct cli_options *options, char *const *argv, struct failure *failure)
{
  if (!(options->command & CLI_ARGV)) {
    return failure_usage(failure, NULL, "a program of your own is started by: styrolite run -- COMMAND",
                         "no command is taken after --");
  }
  if (!argv[0]) {
    return failure_usage(failure, NULL, "styrolite run -- COMMAND", "nothing stands after --");
  }
  options->argv = argv;
  return 0;
}

static int check_emit(const struct cli_options *options, struct failure *failure)
{
  if (options->emit && strcmp(options->emit, "json") != 0) {
    return failure_usage(failure, NULL, "the only one is --emit json", "`%s` is no format of --emit", options->emit);
  }
  return 0;
}

/* One argument before "--". *i moves on when the option's value is the next argument. */
static int parse_argument(struct cli_options *options, int argc, char *const *argv, int *i, struct failure *failure)
{
  const char *arg = argv[*i];

  if (strcmp(arg, "-h") == 0) {
    options->help = "yes";
    return 0;
  }
  if (strncmp(arg, "--", 2) == 0) {
    return parse_option(options, argc, argv, i, failure);
  }
  if (arg[0] == '-' && arg[1]) {
    return fail_unknown(options, arg, failure);
  }
  return parse_word(options, arg, failure);
}

int options_parse(struct cli_options *options, unsigned command, int argc, char *const *argv, struct failure *failure)
{
  memset(options, 0, sizeof *options);
  options->command = command;
  options->uses = calloc((size_t)argc + 1, sizeof *options->uses);
  if (!options->uses) {
    return failure_usage(failure, NULL, NULL, "out of memory");
  }
  for (int i = 0; i < argc; i++) {
    if (strcmp(argv[i], "--") == 0) {
      return parse_rest(options, argv + i + 1, failure) < 0 ? -1 : check_emit(options, failure);
    }
    if (parse_argument(options, argc, argv, &i, failure) < 0) {
      return -1;
    }
  }
  return check_emit(options, failure);
}

void options_free(struct cli_options *options)
{
  free(options->uses);
  options->uses = NULL;
  options->uses_n = 0;
}

void options_print_help(FILE *out, unsigned command)
{
  for (size_t i = 0; i < ROWS_N; i++) {
    char left[48];
    if (rows[i].commands & command) {
      snprintf(left, sizeof left, "--%s %s", rows[i].name, rows[i].argument ? rows[i].argument : "");
      fprintf(out, "  %-27s%s\n", left, rows[i].help);
    }
  }
}
