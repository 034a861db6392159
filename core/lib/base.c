/* The system base as a table: what of the host every default sandbox may read, and nothing more. `explain` lists it. */
#include "base.h"

#include "plan_format.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

const struct styro_base_entry styro_base[] = {
    {"/usr", WIRE_STEP_BIND, STYRO_BASE_ALWAYS, "programs and libraries"},
    {"/bin", WIRE_STEP_LINK, STYRO_BASE_ALWAYS, "merged-usr link, as on the host"},
    {"/sbin", WIRE_STEP_LINK, STYRO_BASE_ALWAYS, "merged-usr link, as on the host"},
    {"/lib", WIRE_STEP_LINK, STYRO_BASE_ALWAYS, "merged-usr link, as on the host"},
    {"/lib32", WIRE_STEP_LINK, STYRO_BASE_ALWAYS, "merged-usr link, as on the host"},
    {"/lib64", WIRE_STEP_LINK, STYRO_BASE_ALWAYS, "merged-usr link, as on the host"},
    {"/libx32", WIRE_STEP_LINK, STYRO_BASE_ALWAYS, "merged-usr link, as on the host"},
    {"/etc/ld.so.cache", WIRE_STEP_BIND, STYRO_BASE_ALWAYS, "where the loader finds libraries"},
    {"/etc/alternatives", WIRE_STEP_BIND, STYRO_BASE_ALWAYS, "which program a general name means"},
    {"/etc/ssl/certs", WIRE_STEP_BIND, STYRO_BASE_ALWAYS, "public certificates"},
    {"/etc/localtime", WIRE_STEP_LINK, STYRO_BASE_ALWAYS, "the time zone"},
    {"/etc/nsswitch.conf", WIRE_STEP_BIND, STYRO_BASE_ALWAYS, "which name services the C library asks"},
    {"/etc/resolv.conf", WIRE_STEP_BIND, STYRO_BASE_WITH_NETWORK, "name servers"},
    {"/etc/hosts", WIRE_STEP_BIND, STYRO_BASE_WITH_NETWORK, "host names"},
};
const size_t styro_base_n = COUNT(styro_base);

/* The list that container runtimes agree on (OCI runtime-spec, config-linux: masked and read-only paths), widened. */
const struct styro_proc_entry styro_proc_entries[] = {
    {"/sys", true},          {"/bus", true},
    {"/fs", true},           {"/irq", true},
    {"/acpi", false},        {"/asound", false},
    {"/kcore", false},       {"/keys", false},
    {"/key-users", false},   {"/latency_stats", false},
    {"/timer_list", false},  {"/timer_stats", false},
    {"/sched_debug", false}, {"/scsi", false},
    {"/interrupts", false},  {"/sysrq-trigger", false},
};
const size_t styro_proc_entries_n = COUNT(styro_proc_entries);

/* What tells most about the machine or its kernel, or is another file system's; the rest is read-only. */
const struct styro_proc_entry styro_sys_entries[] = {
    {"/firmware", false},       {"/devices/virtual/powercap", false}, {"/kernel/debug", false},
    {"/kernel/tracing", false}, {"/kernel/security", false},          {"/fs/bpf", false},
    {"/fs/pstore", false},
};
const size_t styro_sys_entries_n = COUNT(styro_sys_entries);
