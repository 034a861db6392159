/*
 * Attacks on the network and on what is shared between processes (S20, S21). tcp=, tcp6=, udp=: ports of listeners on the
 * host's loopback, abstract=, datagram=: names of abstract sockets there, path=: of one with a path, key=: of a segment, a
 * queue and a set of semaphores of System V, shmid=: the segment's id, mq=: a POSIX message queue, shm=: a POSIX shared memory.
 * build: -static -no-pie
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/vm_sockets.h>
#include <mqueue.h>
#include <net/if.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "attack.h"

/* ---- S20 ----------------------------------------------------------------------------------------------------------- */

static int connect_to(int family, int type, const void *address, size_t size)
{
  int fd = socket(family, type, 0);
  return fd < 0 ? errno : came_to(connect(fd, address, (socklen_t)size));
}

static int connect_tcp(const void *about)
{
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((in_port_t)given_number("tcp"))};
  return inet_pton(AF_INET, about, &to.sin_addr) == 1 ? connect_to(AF_INET, SOCK_STREAM, &to, sizeof to) : EINVAL;
}

static int connect_tcp6(const void *about)
{
  const char *listener = strchr(about, '.') ? "tcp" : "tcp6";
  struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons((in_port_t)given_number(listener))};
  return inet_pton(AF_INET6, about, &to.sin6_addr) == 1 ? connect_to(AF_INET6, SOCK_STREAM, &to, sizeof to) : EINVAL;
}

/* The host's own answer says that the port is open: the second send sees what the first came to. */
static int send_udp(const void *about)
{
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((in_port_t)given_number("udp"))};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  inet_pton(AF_INET, about, &to.sin_addr);
  if (fd < 0 || connect(fd, (const void *)&to, sizeof to) != 0 || send(fd, "", 1, 0) != 1) {
    return errno;
  }
  return came_to(send(fd, "", 1, 0));
}

static size_t name_unix(struct sockaddr_un *address, const char *name, bool abstract)
{
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path + abstract, name, strlen(name));
  return offsetof(struct sockaddr_un, sun_path) + abstract + strlen(name) + !abstract;
}

static int connect_abstract(const void *about)
{
  struct sockaddr_un to;
  size_t size = name_unix(&to, given(about), true);
  return connect_to(AF_UNIX, strcmp(about, "datagram") == 0 ? SOCK_DGRAM : SOCK_STREAM, &to, size);
}

/* By its last component: an address has 108 bytes, and the way to it may have more. */
static int connect_path(const void *about)
{
  struct sockaddr_un to;
  const char *path = given(about), *name = strrchr(path, '/') + 1;
  char *directory = strndup(path, (size_t)(name - path));
  int error = chdir(directory) == 0 ? 0 : errno;
  free(directory);
  return error ? error : connect_to(AF_UNIX, SOCK_STREAM, &to, name_unix(&to, name, false));
}

struct kind {
  int family, type, protocol;
};

static int open_socket(const void *about)
{
  const struct kind *one = about;
  return came_to(socket(one->family, one->type, one->protocol));
}

/* Interfaces that are not the loopback's. */
static int find_interface(const void *about)
{
  int others = 0;
  struct if_nameindex *all = if_nameindex();
  (void)about;
  for (struct if_nameindex *one = all; one && one->if_index; one++) {
    others += strcmp(one->if_name, "lo") != 0;
  }
  return all ? held_unless(others > 0) : errno;
}

/* Ports that listen on the host's loopback, in the kernel's table of sockets. */
static int find_port(const void *about)
{
  char line[512], port[16];
  bool found = false;
  FILE *file = fopen(about, "r");
  snprintf(port, sizeof port, ":%04X ", (unsigned)given_number("tcp"));
  while (file && fgets(line, sizeof line, file)) {
    found = found || strstr(line, port);
  }
  return file ? held_unless(found) : errno;
}

static int find_abstract(const void *about)
{
  char line[512];
  bool found = false;
  FILE *file = fopen(about, "r");
  while (file && fgets(line, sizeof line, file)) {
    found = found || strstr(line, given("abstract"));
  }
  return file ? held_unless(found) : errno;
}

/* Sends one request, and gives what the kernel answers. */
static int ask_netlink(struct nlmsghdr *request)
{
  char answer[1024];
  struct nlmsghdr *head = (void *)answer;
  int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
  if (fd < 0 || send(fd, request, request->nlmsg_len, 0) < 0 || recv(fd, answer, sizeof answer, 0) < 0) {
    return errno;
  }
  return head->nlmsg_type == NLMSG_ERROR ? -((struct nlmsgerr *)NLMSG_DATA(head))->error : EPROTO;
}

/* The loopback is set up, which it is. */
static int change_link(const void *about)
{
  struct {
    struct nlmsghdr head;
    struct ifinfomsg body;
  } request;
  (void)about;
  memset(&request, 0, sizeof request);
  request.head.nlmsg_len = sizeof request;
  request.head.nlmsg_type = RTM_SETLINK;
  request.body.ifi_index = 1;
  request.body.ifi_flags = request.body.ifi_change = IFF_UP;
  return ask_netlink(&request.head);
}

/* A route to nowhere, for the documentation's network. */
static int add_route(const void *about)
{
  struct {
    struct nlmsghdr head;
    struct rtmsg body;
    struct rtattr attribute;
    unsigned char address[4];
  } request;
  memset(&request, 0, sizeof request);
  request.head.nlmsg_len = sizeof request;
  request.head.nlmsg_type = RTM_NEWROUTE;
  request.head.nlmsg_flags = NLM_F_CREATE;
  request.body = (struct rtmsg){.rtm_family = AF_INET,
                                .rtm_dst_len = 24,
                                .rtm_table = RT_TABLE_MAIN,
                                .rtm_protocol = RTPROT_STATIC,
                                .rtm_type = RTN_BLACKHOLE};
  request.attribute.rta_len = sizeof request.attribute + sizeof request.address;
  request.attribute.rta_type = RTA_DST;
  return inet_pton(AF_INET, about, request.address) == 1 ? ask_netlink(&request.head) : EINVAL;
}

/* ---- S21 ----------------------------------------------------------------------------------------------------------- */

static int attach_segment(const void *about)
{
  (void)about;
  return came_to((long)shmat(given_number("shmid"), NULL, SHM_RDONLY));
}

static int look_at_segment(const void *about)
{
  struct shmid_ds state;
  return came_to(shmctl(given_number("shmid"), *(const int *)about, &state));
}

static int find_segment(const void *about)
{
  (void)about;
  return came_to(shmget(given_number("key"), 0, 0));
}

static int find_queue(const void *about)
{
  (void)about;
  return came_to(msgget(given_number("key"), 0));
}

static int find_semaphores(const void *about)
{
  (void)about;
  return came_to(semget(given_number("key"), 0, 0));
}

static int open_queue(const void *about)
{
  (void)about;
  return came_to(mq_open(given("mq"), O_RDONLY | O_NONBLOCK));
}

static int open_memory(const void *about)
{
  (void)about;
  return came_to(shm_open(given("shm"), O_RDONLY, 0));
}

#define KIND(family, type, protocol) (&(const struct kind){family, type, protocol})

static const struct attack attacks[] = {
    {"tcp", connect_tcp, "127.0.0.1"},
    {"tcp-any", connect_tcp, "0.0.0.0"},
    {"tcp6", connect_tcp6, "::1"},
    {"tcp6-mapped", connect_tcp6, "::ffff:127.0.0.1"},
    {"udp", send_udp, "127.0.0.1"},
    {"abstract", connect_abstract, "abstract"},
    {"abstract-datagram", connect_abstract, "datagram"},
    {"unix-path", connect_path, "path"},
    {"vsock", open_socket, KIND(AF_VSOCK, SOCK_STREAM, 0)},
    {"packet", open_socket, KIND(AF_PACKET, SOCK_RAW, 0)},
    {"packet-datagram", open_socket, KIND(AF_PACKET, SOCK_DGRAM, 0)},
    {"raw", open_socket, KIND(AF_INET, SOCK_RAW, IPPROTO_ICMP)},
    {"raw6", open_socket, KIND(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)},
    {"bluetooth", open_socket, KIND(AF_BLUETOOTH, SOCK_RAW, 1)},
    {"alg", open_socket, KIND(AF_ALG, SOCK_SEQPACKET, 0)},
    {"key", open_socket, KIND(AF_KEY, SOCK_RAW, 2)},
    {"can", open_socket, KIND(AF_CAN, SOCK_RAW, 1)},
    {"sctp", open_socket, KIND(AF_INET, SOCK_STREAM, IPPROTO_SCTP)},
    {"dccp", open_socket, KIND(AF_INET6, SOCK_DCCP, IPPROTO_DCCP)},
    {"l2tp", open_socket, KIND(AF_INET, SOCK_DGRAM, 115)},
    {"smc", open_socket, KIND(AF_INET, SOCK_STREAM, 256)},
    {"netlink-iscsi", open_socket, KIND(AF_NETLINK, SOCK_RAW, NETLINK_ISCSI)},
    {"netlink-rdma", open_socket, KIND(AF_NETLINK, SOCK_RAW, NETLINK_RDMA)},
    {"netlink-crypto", open_socket, KIND(AF_NETLINK, SOCK_RAW, NETLINK_CRYPTO)},
    {"interface", find_interface, NULL},
    {"listening-port", find_port, "/proc/net/tcp"},
    {"abstract-name", find_abstract, "/proc/net/unix"},
    {"netlink-link", change_link, NULL},
    {"netlink-route", add_route, "192.0.2.0"},
    {"shm-attach", attach_segment, NULL},
    {"shm-stat", look_at_segment, &(const int){IPC_STAT}},
    {"shm-find", find_segment, NULL},
    {"msg-find", find_queue, NULL},
    {"sem-find", find_semaphores, NULL},
    {"mq-open", open_queue, NULL},
    {"shm-open", open_memory, NULL},
};

int main(int argc, char **argv)
{
  (void)argc;
  return TRY_ALL(attacks, argv);
}
