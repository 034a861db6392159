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
    {"/proc/sys", true},          {"/proc/bus", true},
    {"/proc/fs", true},           {"/proc/irq", true},
    {"/proc/acpi", false},        {"/proc/asound", false},
    {"/proc/kcore", false},       {"/proc/keys", false},
    {"/proc/key-users", false},   {"/proc/latency_stats", false},
    {"/proc/timer_list", false},  {"/proc/timer_stats", false},
    {"/proc/sched_debug", false}, {"/proc/scsi", false},
    {"/proc/interrupts", false},  {"/proc/sysrq-trigger", false},
};
const size_t styro_proc_entries_n = COUNT(styro_proc_entries);
