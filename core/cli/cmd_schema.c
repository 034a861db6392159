/* `styrolite schema`: the JSON Schema of a request, from the table that reads requests. */
#include "cli.h"
#include "output.h"

int cmd_schema(const struct cli_options *options)
{
  struct failure failure;
  styro_request *request = NULL;
  const char *text = NULL;
  int code = REPORT_OK;

  (void)options;
  failure_init(&failure);
  if (styro_request_new(NULL, &request, &failure.error) < 0 ||
      styro_request_schema(request, &text, &failure.error) < 0 || output_text(text, &failure) < 0) {
    code = report_failure(&failure);
  }
  styro_request_free(request);
  return code;
}
