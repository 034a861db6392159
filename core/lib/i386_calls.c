/* The calls that i386 carries by socketcall(2) and ipc(2). */
#include "i386_calls.h"

#include <stddef.h>
#include <string.h>

#define SOCKETCALL 102
#define IPC 117

const uint32_t styro_i386_carriers[2] = {SOCKETCALL, IPC};

static const struct styro_i386_call calls[] = {
    {"socket", 359, 1, SOCKETCALL},
    {"bind", 361, 2, SOCKETCALL},
    {"connect", 362, 3, SOCKETCALL},
    {"listen", 363, 4, SOCKETCALL},
    {"accept", -1, 5, SOCKETCALL},
    {"getsockname", 367, 6, SOCKETCALL},
    {"getpeername", 368, 7, SOCKETCALL},
    {"socketpair", 360, 8, SOCKETCALL},
    {"send", -1, 9, SOCKETCALL},
    {"recv", -1, 10, SOCKETCALL},
    {"sendto", 369, 11, SOCKETCALL},
    {"recvfrom", 371, 12, SOCKETCALL},
    {"shutdown", 373, 13, SOCKETCALL},
    {"setsockopt", 366, 14, SOCKETCALL},
    {"getsockopt", 365, 15, SOCKETCALL},
    {"sendmsg", 370, 16, SOCKETCALL},
    {"recvmsg", 372, 17, SOCKETCALL},
    {"accept4", 364, 18, SOCKETCALL},
    {"recvmmsg", 337, 19, SOCKETCALL},
    {"sendmmsg", 345, 20, SOCKETCALL},
    {"semop", -1, 1, IPC},
    {"semget", 393, 2, IPC},
    {"semctl", 394, 3, IPC},
    {"semtimedop", -1, 4, IPC},
    {"msgsnd", 400, 11, IPC},
    {"msgrcv", 401, 12, IPC},
    {"msgget", 399, 13, IPC},
    {"msgctl", 402, 14, IPC},
    {"shmat", 397, 21, IPC},
    {"shmdt", 398, 22, IPC},
    {"shmget", 395, 23, IPC},
    {"shmctl", 396, 24, IPC},
};

const struct styro_i386_call *styro_i386_call(const char *name)
{
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    if (strcmp(calls[i].name, name) == 0) {
      return &calls[i];
    }
  }
  return NULL;
}
