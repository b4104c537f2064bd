/* http2_proxy.c: see http2_proxy.h. nghttpx runs as two processes (one starts and supervises the other), in a process
 * group of their own that ends with this program. */
#include "support/http2_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"

struct http2_proxy {
  pid_t pid;
  int port;
  char *folder, *certificate, *key;
};

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  if (!file || fputs(text, file) < 0 || fclose(file)) fail_msg("cannot write %s", path);
}

static struct sockaddr_in address_of(int port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
}

static int free_port(void) {
  struct sockaddr_in address = address_of(0);
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(fd, (struct sockaddr *)&address, len) || getsockname(fd, (struct sockaddr *)&address, &len)) abort();
  close(fd);
  return ntohs(address.sin_port);
}

static bool listens(int port) {
  struct sockaddr_in address = address_of(port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool connected = !connect(fd, (struct sockaddr *)&address, sizeof address);
  close(fd);
  return connected;
}

static bool run(http2_proxy *proxy, int backend_port, int max_streams) {
  char *frontend = moon_sprintf("--frontend=127.0.0.1,%d", proxy->port);
  char *backend = moon_sprintf("--backend=127.0.0.1,%d", backend_port);
  char *streams = moon_sprintf("--frontend-http2-max-concurrent-streams=%d", max_streams ? max_streams : 100);
  char *arguments[] = {"nghttpx",
                       "--conf=/dev/null",
                       "--workers=1",
                       "--log-level=FATAL",
                       "--accesslog-file=/dev/null",
                       frontend,
                       backend,
                       streams,
                       proxy->key,
                       proxy->certificate,
                       NULL};
  pid_t parent = getpid();
  proxy->pid = fork();
  if (!proxy->pid) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1);
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp("nghttpx", arguments);
    execv("/usr/sbin/nghttpx", arguments); /* not on everybody's path */
    _exit(127);
  }
  free(frontend);
  free(backend);
  free(streams);
  for (int64_t until_ms = now_ms() + PATIENCE_MS; now_ms() < until_ms; sleep_ms(10)) {
    if (waitpid(proxy->pid, NULL, WNOHANG) == proxy->pid) return false;
    if (listens(proxy->port)) return true;
  }
  return false;
}

http2_proxy *http2_proxy_start(const tls_server *backend, int max_streams) {
  http2_proxy *proxy = moon_zalloc(sizeof *proxy);
  char folder[] = "/tmp/moonpool-proxy-XXXXXX";
  if (!mkdtemp(folder)) abort();
  proxy->folder = moon_strdup(folder);
  proxy->certificate = moon_sprintf("%s/server.crt", folder);
  proxy->key = moon_sprintf("%s/server.key", folder);
  write_file(proxy->certificate, pki_server_certificate());
  write_file(proxy->key, pki_server_key());
  for (int i = 0; i < 5; i++) { /* somebody may be quicker to take the port */
    proxy->port = free_port();
    if (run(proxy, tls_server_port(backend), max_streams)) return proxy;
  }
  fail_msg("nghttpx does not start (package nghttp2-proxy)");
  return NULL;
}

void http2_proxy_signal(http2_proxy *proxy, int signal) {
  kill(proxy->pid, signal);
}

void http2_proxy_kill(http2_proxy *proxy) {
  if (!proxy->pid) return;
  kill(-proxy->pid, SIGKILL);
  waitpid(proxy->pid, NULL, 0);
  proxy->pid = 0;
}

void http2_proxy_stop(http2_proxy *proxy) {
  http2_proxy_kill(proxy);
  unlink(proxy->certificate);
  unlink(proxy->key);
  rmdir(proxy->folder);
  free(proxy->certificate);
  free(proxy->key);
  free(proxy->folder);
  free(proxy);
}

moon_target *http2_proxy_target(const http2_proxy *proxy) {
  moon_target *target = target_of(NULL, "https", "127.0.0.1");
  free(target->server);
  target->server = moon_sprintf("https://127.0.0.1:%d", proxy->port);
  return target;
}

int http2_proxy_connections(const http2_proxy *proxy) {
  char entry[512];
  int count = 0;
  FILE *list = fopen("/proc/net/tcp", "re");
  while (fgets(entry, sizeof entry, list)) {
    unsigned local, remote, state;
    if (sscanf(entry, " %*d: %*x:%x %*x:%x %x", &local, &remote, &state) != 3) continue;
    count += (int)remote == proxy->port && state == 1; /* the clients' ends, established */
  }
  fclose(list);
  return count;
}
