rockspec_format = "3.0"
package = "moonpool"
version = "0.1.0-1"
source = {
  -- As `git archive --prefix=moonpool-0.1.0/ -o moonpool-0.1.0.tar.gz HEAD` makes it.
  url = "moonpool-0.1.0.tar.gz",
  dir = "moonpool-0.1.0",
}
description = {
  summary = "Pools of live connections to the API servers of many Kubernetes clusters",
  detailed = [[
    Pooled connections, health checks on threads of their own, load balancing and fail-over over many Kubernetes clusters, and any API
    method. The core is C: the build needs a compiler, pkg-config, argparse, and the development files of Lua 5.4, libcurl (with OpenSSL),
    OpenSSL, libuv, libyaml, cJSON, libmicrohttpd, GnuTLS and zlib. On Debian, `make deps` installs them. The program `moonpool` is not
    part of the rock: `make install` has it.
  ]],
  license = "MIT",
  labels = { "kubernetes", "http", "async" },
}
supported_platforms = { "linux" }
dependencies = { "lua ~> 5.4" }
build = {
  type = "make",
  build_target = "build/lib/moonpool.so",
  build_variables = { CC = "$(CC)", CFLAGS = "$(CFLAGS)" },
  install_pass = false,
  install = { lib = { moonpool = "build/lib/moonpool.so" } },
}
