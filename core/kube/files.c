/* files.c: see files.h. What is read may be secret: no copy of it is left behind. */
#include "kube/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

enum { MAX_FILE_SIZE = 64 << 20 };

/* Grows by hand instead of by realloc, which would leave unwiped copies behind. */
static bool read_all(int fd, size_t size_hint, moon_bytes *out) {
  size_t capacity = size_hint + 2, len = 0; /* one more than the file, so that its end is seen, and the NUL */
  char *data = moon_alloc(capacity);
  for (;;) {
    ssize_t got = read(fd, data + len, capacity - len - 1);
    if (got < 0 && errno == EINTR) continue;
    if (got > 0) len += (size_t)got;
    if (got == 0) break;
    if (got < 0 || len > MAX_FILE_SIZE) {
      int cause = got < 0 ? errno : EFBIG;
      moon_free_secret(data, capacity);
      errno = cause;
      return false;
    }
    if (len + 1 < capacity) continue;
    char *larger = moon_alloc(2 * capacity);
    memcpy(larger, data, len);
    moon_free_secret(data, capacity);
    data = larger;
    capacity *= 2;
  }
  data[len] = '\0';
  *out = (moon_bytes){data, len};
  return true;
}

bool moon_file_read(const char *path, moon_bytes *out) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return false;
  struct stat info;
  size_t size = fstat(fd, &info) == 0 && info.st_size > 0 ? (size_t)info.st_size : 0;
  bool ok = read_all(fd, size < MAX_FILE_SIZE ? size : MAX_FILE_SIZE, out);
  int cause = errno;
  close(fd);
  errno = cause;
  return ok;
}

bool moon_text_fits_header(const char *text) {
  for (; text && *text; text++)
    if ((unsigned char)*text < ' ' || *text == 0x7f) return false;
  return true;
}

char *moon_token_read(const char *path, const char **wrong) {
  moon_bytes bytes = {0};
  if (!moon_file_read(path, &bytes)) {
    *wrong = strerror(errno);
    return NULL;
  }
  char *token = NULL;
  size_t start = strspn(bytes.data, " \t\r\n"), end = bytes.len;
  while (end > start && strchr(" \t\r\n", bytes.data[end - 1])) end--;
  bytes.data[end] = '\0';
  if (start == end)
    *wrong = "it is empty";
  else if (strlen(bytes.data) != end || !moon_text_fits_header(bytes.data + start))
    *wrong = "it holds more than one line";
  else
    token = moon_strdup(bytes.data + start);
  moon_bytes_wipe(&bytes);
  return token;
}
