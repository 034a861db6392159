/* The kinds of namespaces that are tried, as the table of checks names them. */
#ifndef STYRO_LIB_PROBE_SPACES_H
#define STYRO_LIB_PROBE_SPACES_H

enum styro_probe_space {
  STYRO_PROBE_USER,
  STYRO_PROBE_MOUNT,
  STYRO_PROBE_PID,
  STYRO_PROBE_IPC,
  STYRO_PROBE_UTS,
  STYRO_PROBE_NET,
  STYRO_PROBE_CGROUP,
  STYRO_PROBE_TIME,
  STYRO_PROBE_SPACES
};

#endif
