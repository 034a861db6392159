/*
 * What the attack programs share. Each runs in a sandbox as its payload and tries one attack after the other, each in a
 * process of its own. It prints a line for each: name, tab, and what came of it: `ok` when it got through, else what stopped
 * it, as the name of an errno or a signal, or `held` where that is neither.
 *
 * Arguments KEY=VALUE say what of the host is to be found; other words name the attacks to be tried, without any it is all.
 * Whatever gets through changes nothing: a file is opened and not written, a signal is number 0, a value is set to what it was.
 */
#ifndef TEST_ATTACK_H
#define TEST_ATTACK_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THROUGH 0
#define HELD 255 /* neither an errno nor a signal says so */

#define UNUSED __attribute__((unused))

/* Returns THROUGH, an errno or HELD. */
struct attack {
  const char *name;
  int (*run)(const void *about);
  const void *about;
};

static char *const *attack_arguments;

/* The value of KEY=VALUE. */
UNUSED static const char *given(const char *key)
{
  size_t len = strlen(key);
  for (char *const *one = attack_arguments; *one; one++) {
    if (strncmp(*one, key, len) == 0 && (*one)[len] == '=') {
      return *one + len + 1;
    }
  }
  fprintf(stderr, "%s= is missing\n", key);
  exit(2);
}

UNUSED static int given_number(const char *key)
{
  return atoi(given(key));
}

/* What a call came to that answers -1 with errno. */
UNUSED static int came_to(long result)
{
  return result == -1 ? errno : THROUGH;
}

UNUSED static int held_unless(bool through)
{
  return through ? THROUGH : HELD;
}

static bool chosen(const char *name)
{
  bool named = false;
  for (char *const *one = attack_arguments; *one; one++) {
    if (strcmp(*one, name) == 0) {
      return true;
    }
    named = named || !strchr(*one, '=');
  }
  return !named;
}

static void print_end(const char *name, int status)
{
  if (WIFSIGNALED(status)) {
    printf("%s\tSIG%s\n", name, sigabbrev_np(WTERMSIG(status)));
  } else if (WEXITSTATUS(status) == HELD) {
    printf("%s\theld\n", name);
  } else {
    const char *error = WEXITSTATUS(status) ? strerrorname_np(WEXITSTATUS(status)) : "ok";
    printf("%s\t%s\n", name, error ? error : "an unknown errno");
  }
  fflush(stdout);
}

/* Its process is one that ends with it, and what it did to itself too. */
static void try_one(const struct attack *attack)
{
  int status = 0;
  pid_t pid = fork();
  if (pid == 0) {
    _exit(attack->run(attack->about));
  }
  if (pid < 0 || waitpid(pid, &status, 0) != pid) {
    perror(attack->name);
    exit(2);
  }
  print_end(attack->name, status);
}

UNUSED static int try_all(const struct attack *attacks, size_t n, char *const *arguments)
{
  attack_arguments = arguments;
  for (size_t i = 0; i < n; i++) {
    if (chosen(attacks[i].name)) {
      try_one(&attacks[i]);
    }
  }
  return EXIT_SUCCESS;
}

#define TRY_ALL(attacks, argv) try_all(attacks, sizeof(attacks) / sizeof((attacks)[0]), (argv) + 1)

#endif
