/* message.c: see message.h. */
#include "net/message.h"

#include <stdlib.h>
#include <string.h>

void moon_request_free(moon_request *request) {
  if (!request) return;
  free(request->method);
  free(request->path);
  free(request->content_type);
  free(request->accept);
  for (char **header = request->headers; header && *header; header++) free(*header);
  free(request->headers);
  free(request->body);
  free(request);
}

bool moon_request_is_read(const moon_request *request) {
  return !strcmp(request->method, "GET") || !strcmp(request->method, "HEAD") || !strcmp(request->method, "OPTIONS");
}

bool moon_request_is_idempotent(const moon_request *request) {
  return moon_request_is_read(request) || !strcmp(request->method, "PUT") || !strcmp(request->method, "DELETE");
}

void moon_response_clear(moon_response *response) {
  free(response->content_type);
  moon_buffer_free(&response->headers);
  moon_buffer_free(&response->body);
  *response = (moon_response){.retry_after_ms = -1};
}
