/*
 * The `styrolite` command: a table of commands and the way into them. Built on the public header alone; what is right
 * or wrong in a request is the library's to say.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "output.h"

static int cmd_help(const struct cli_options *options);

static const struct command {
  const char *name;
  unsigned bit;
  const char *synopsis;
  const char *line; /* in the list of commands, and first in its own --help */
  int (*call)(const struct cli_options *options);
  const char *notes; /* under its options */
} commands[] = {
    {"run", CLI_RUN, "[FILE|-] [OPTIONS] [-- COMMAND...]", "run a program in a sandbox", cmd_run,
     "FILE is a request in JSON, - is standard input. Without it the default sandbox is meant: no network, of the\n"
     "host only a read-only /usr, private /tmp and home. Options change what FILE says.\n"
     "\n"
     "Exit status: the program's own; 128+N: ended by signal N; 124: its time was over; 125: not started (bad\n"
     "request, failed set-up); 126: cannot be executed; 127: not found; 137: out of memory; 141: nobody reads\n"
     "standard output any more; 153: too much output. Only --outcome tells these from a program's own exit with the\n"
     "same number.\n"
     "\n"
     "The first SIGINT, SIGTERM or SIGHUP goes to the program, the second kills everything (the same one again within\n"
     "200 ms counts as one).\n"
     "\n"
     "  styrolite run -- python3 -c 'print(6*7)'\n"
     "  styrolite run --extends build --rw . --cwd . --timeout 10m -- make\n"},
    {"shell", CLI_SHELL, "[OPTIONS]", "look around in a sandbox", cmd_shell,
     "It is bash where the sandbox has it, else sh, on the caller's terminal. Ctrl-C is for the programs in it and never\n"
     "ends the sandbox. Job control is not supported yet: Ctrl-Z does nothing, and a second shell is a second terminal.\n"},
    {"check", CLI_CHECK, "[FILE|-] [OPTIONS] [-- COMMAND...]", "say whether a request is right, and run nothing",
     cmd_check, "Without --here nothing of the host is looked at.\n"},
    {"explain", CLI_EXPLAIN, "[FILE|-] [OPTIONS] [-- COMMAND...]",
     "print each step of a request, and why it stands there", cmd_explain,
     "  styrolite explain --diff old.json new.json          what became of it\n"
     "  styrolite explain --diff job.json job.json --network host    what an option changes\n"},
    {"convert", CLI_CONVERT, "-- unshare [ARGUMENTS...]", "print a request for a command line of another tool",
     cmd_convert,
     "The request is for `styrolite run FILE`. Where the sandbox is weaker or stronger than the other tool's, or cannot\n"
     "be told from it, a line on standard error says so; what no request can say is an error.\n"
     "\n"
     "  styrolite convert -- unshare --map-root-user --net --pid --fork make > build.json && styrolite run build.json\n"},
    {"doctor", CLI_DOCTOR, "[--json] [--helper PATH]",
     "try what this host can do for sandboxes, and say what mends the rest", cmd_doctor,
     "Everything is tried as the caller, in processes that end at once; nothing is changed. A line is `ok`, `limited` (in\n"
     "part, or another way), `missing`, or `untested` (what it takes is missing). Lines that begin with $ are commands.\n"
     "\n"
     "Exit status: 0 when the default sandbox works here, 1 when it does not, 125 when that could not be found out.\n"},
    {"schema", CLI_SCHEMA, NULL, "print the JSON Schema of requests", cmd_schema, NULL},
    {"version", CLI_VERSION, NULL, "print the version", cmd_version, NULL},
    {"help", CLI_HELP, "[COMMAND]", "this text, or that of a command", cmd_help, NULL},
};
#define COMMANDS_N (sizeof commands / sizeof commands[0])

static const char *command_name(size_t i)
{
  return commands[i].name;
}

static const struct command *find_command(const char *name)
{
  for (size_t i = 0; i < COMMANDS_N; i++) {
    if (strcmp(commands[i].name, name) == 0) {
      return &commands[i];
    }
  }
  return NULL;
}

static void print_overview(FILE *out)
{
  fputs("usage: styrolite COMMAND [OPTIONS]\n\nRuns programs in Linux sandboxes.\n\n", out);
  for (size_t i = 0; i < COMMANDS_N; i++) {
    fprintf(out, "  %-10s%s\n", commands[i].name, commands[i].line);
  }
  fputs("\nstyrolite COMMAND --help shows the options of a command; styrolite(1) tells it all.\n", out);
}

static void print_command(FILE *out, const struct command *command)
{
  fprintf(out, "usage: styrolite %s%s%s\n\n%c%s.\n\n", command->name, command->synopsis ? " " : "",
          command->synopsis ? command->synopsis : "", command->line[0] - 'a' + 'A', command->line + 1);
  options_print_help(out, command->bit);
  if (command->notes) {
    fprintf(out, "\n%s", command->notes);
  }
}

/* NULL is the overview. */
static int help(const struct command *command)
{
  struct failure failure;
  char *text = NULL;
  size_t len = 0;
  FILE *out = open_memstream(&text, &len);
  int code = REPORT_REFUSED;

  if (!out) {
    return code;
  }
  if (command) {
    print_command(out, command);
  } else {
    print_overview(out);
  }
  if (fclose(out) == 0) {
    code = output_text(text, &failure) < 0 ? report_failure(&failure) : REPORT_OK;
  }
  free(text);
  return code;
}

static int cmd_help(const struct cli_options *options)
{
  (void)options;
  return help(NULL);
}

/* A request file, a program or an option in the command's place is the most likely slip. */
static int fail_command(const char *word, struct failure *failure)
{
  const char *nearest = options_nearest(word, command_name, COMMANDS_N);
  char hint[512];

  if (nearest) {
    snprintf(hint, sizeof hint, "did you mean %s?", nearest);
  } else if (word[0] == '-') {
    snprintf(hint, sizeof hint, "a command comes first: styrolite run %s", word);
  } else if (strstr(word, ".json")) {
    snprintf(hint, sizeof hint, "a request file is run by: styrolite run %s", word);
  } else {
    snprintf(hint, sizeof hint, "a program is run by: styrolite run -- %s", word);
  }
  failure_usage(failure, NULL, hint, "`%s` is no command", word);
  return report_failure(failure);
}

static int fail_topic(const char *word, struct failure *failure)
{
  const char *nearest = options_nearest(word, command_name, COMMANDS_N);
  char hint[64] = "styrolite help lists them";

  if (nearest) {
    snprintf(hint, sizeof hint, "did you mean %s?", nearest);
  }
  failure_usage(failure, NULL, hint, "`%s` is no command", word);
  return report_failure(failure);
}

static int call(const struct command *command, int argc, char *const *argv)
{
  struct cli_options options;
  struct failure failure;
  int code;

  if (options_parse(&options, command->bit, argc, argv, &failure) < 0) {
    code = report_failure(&failure);
  } else if (options.help) {
    code = help(command);
  } else {
    code = command->call(&options);
  }
  options_free(&options);
  return code;
}

static const char *command_of_flag(const char *word)
{
  if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
    return "help";
  }
  return strcmp(word, "--version") == 0 ? "version" : word;
}

/*
 * Where the caller closed a standard stream the next descriptor opened here would take its number, and the payload
 * would inherit that: a place holder first.
 */
static void fill_standard_streams(void)
{
  int fd;

  do {
    fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) {
    close(fd);
  }
}

int main(int argc, char **argv)
{
  struct failure failure;
  const struct command *command;

  /* A reader that went away must show as EPIPE: dying of SIGPIPE would leave no word about the payload. */
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN); /* the same for a file that may not grow: EFBIG */
  fill_standard_streams();
  if (argc < 2) {
    failure_usage(&failure, NULL, "styrolite help lists them", "a command is missing");
    return report_failure(&failure);
  }
  command = find_command(command_of_flag(argv[1]));
  if (!command) {
    return fail_command(argv[1], &failure);
  }
  if (command->bit == CLI_HELP && argc == 3 && argv[2][0] != '-') {
    command = find_command(argv[2]);
    return command ? help(command) : fail_topic(argv[2], &failure);
  }
  return call(command, argc - 2, argv + 2);
}
