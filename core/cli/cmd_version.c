/* `styrolite version`: what this is, and which library it is linked with where the two differ. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "output.h"

int cmd_version(const struct cli_options *options)
{
  struct failure failure;
  char text[128];

  (void)options;
  if (strcmp(styro_version(), STYRO_VERSION) == 0) {
    snprintf(text, sizeof text, "styrolite %s", STYRO_VERSION);
  } else {
    snprintf(text, sizeof text, "styrolite %s (library %s)", STYRO_VERSION, styro_version());
  }
  return output_text(text, &failure) < 0 ? report_failure(&failure) : REPORT_OK;
}
