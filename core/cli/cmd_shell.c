/* `styrolite shell`: a look around inside. Owns the one line that says what this shell cannot do. */
#include <stddef.h>
#include <unistd.h>

#include "cli.h"

/*
 * bash where the sandbox has it, else sh. Without a controlling terminal bash complains about job control at its start,
 * before any file of its own is read: its standard error comes back in the start-up text that it reads from fd 4.
 */
static const char script[] = "[ -t 0 ] || exec /bin/sh\n"
                             "command -v bash >/dev/null || exec /bin/sh +m\n"
                             "exec 3>&2\n"
                             "exec bash --rcfile /dev/fd/4 -i 2>/dev/null 4<<'END'\n"
                             "exec 2>&3 3>&- 4<&-\n"
                             "PS1='[sandbox] \\w\\$ '\n"
                             "END\n";

int cmd_shell(const struct cli_options *options)
{
  const char *argv[] = {"/bin/sh", "-c", script, NULL};

  if (isatty(STDIN_FILENO)) {
    report_line("a shell in the sandbox; job control is not supported yet, so Ctrl-Z does nothing; exit ends it");
  } else {
    report_line("a shell in the sandbox, without job control; it reads its commands from standard input");
  }
  return cmd_run_argv(options, argv);
}
