/* The wire formats under the name by which the library includes them. */
#include "../wire/plan.h"
#include "../wire/run.h"
#include "../wire/status.h"
#include "../wire/uapi.h"
