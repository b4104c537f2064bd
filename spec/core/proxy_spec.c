/* proxy_spec.c: which proxy leads to which server. The rules are those of Go's programs, kubectl among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/proxy.h"

typedef struct proxy_case {
  const char *scheme, *host, *port;
  const char *proxy_url, *https, *http, *no_proxy;
  const char *expected; /* NULL: straight */
} proxy_case;

#define P "http://proxy:3128"
#define HTTPS(name, number) .scheme = "https", .host = name, .port = number
#define HTTP(name, number) .scheme = "http", .host = name, .port = number
/* What NO_PROXY lets go straight, and what not. */
#define STRAIGHT(name, number, list)                                                                                   \
  { HTTPS(name, number), .https = P, .no_proxy = list }
#define PROXIED(name, number, list)                                                                                    \
  { HTTPS(name, number), .https = P, .no_proxy = list, .expected = P }

static const proxy_case cases[] = {
    {HTTPS("api.example.com", "6443")},
    {HTTPS("api.example.com", "6443"), .https = P, .expected = P},
    {HTTPS("api.example.com", "6443"), .http = P},
    {HTTPS("api.example.com", "6443"), .https = ""},
    {HTTP("api.example.com", "80"), .http = P, .expected = P},
    {HTTP("api.example.com", "80"), .https = P},
    {HTTPS("10.0.0.1", "6443"), .https = P, .expected = P},
    {HTTPS("[fd00::1]", "6443"), .https = P, .expected = P},

    /* the forms of a proxy's URL */
    {HTTPS("a", "443"), .https = "proxy:3128", .expected = P},
    {HTTPS("a", "443"), .https = "proxy", .expected = "http://proxy:80"},
    {HTTPS("a", "443"), .https = "http://proxy", .expected = "http://proxy:80"},
    {HTTPS("a", "443"), .https = "https://proxy", .expected = "https://proxy:443"},
    {HTTPS("a", "443"), .https = "socks5://proxy", .expected = "socks5://proxy:1080"},
    {HTTPS("a", "443"), .https = "socks5h://proxy:9", .expected = "socks5://proxy:9"},
    {HTTPS("a", "443"), .https = "HTTP://proxy:3128/", .expected = P},
    {HTTPS("a", "443"), .https = "http://[::1]:3128", .expected = "http://[::1]:3128"},
    {HTTPS("a", "443"), .https = "http://me:sesame@proxy:3128", .expected = P},
    {HTTPS("a", "443"), .https = "me:sesame@proxy:3128", .expected = P},
    {HTTPS("a", "443"), .https = "http://me:s%40same@proxy:3128", .expected = P},

    /* proxy-url beats the environment and what goes straight by it */
    {HTTPS("a", "443"), .proxy_url = "https://p:1", .https = P, .expected = "https://p:1"},
    {HTTPS("a", "443"), .proxy_url = "", .https = P, .expected = P},
    {HTTPS("a", "443"), .proxy_url = "http://p:1", .no_proxy = "*", .expected = "http://p:1"},
    {HTTPS("localhost", "443"), .proxy_url = "http://p:1", .expected = "http://p:1"},
    {HTTPS("127.0.0.1", "443"), .proxy_url = "socks5://p:1", .expected = "socks5://p:1"},
    {HTTP("a", "80"), .proxy_url = "http://p:1", .expected = "http://p:1"},

    /* this machine */
    {HTTPS("localhost", "443"), .https = P},
    {HTTPS("127.0.0.1", "443"), .https = P},
    {HTTPS("127.9.8.7", "443"), .https = P},
    {HTTPS("[::1]", "443"), .https = P},
    {HTTPS("[::ffff:127.0.0.1]", "443"), .https = P},
    {HTTPS("[::2]", "443"), .https = P, .expected = P},
    {HTTPS("128.0.0.1", "443"), .https = P, .expected = P},
    {HTTPS("localhost.example.com", "443"), .https = P, .expected = P},

    /* NO_PROXY: names */
    STRAIGHT("a.example.com", "443", "*"),
    STRAIGHT("a.example.com", "443", "x, * ,y"),
    STRAIGHT("example.com", "443", "example.com"),
    STRAIGHT("a.example.com", "443", "example.com"),
    STRAIGHT("a.b.example.com", "443", "example.com"),
    PROXIED("anexample.com", "443", "example.com"),
    PROXIED("example.com.org", "443", "example.com"),
    STRAIGHT("a.example.com", "443", ".example.com"),
    PROXIED("example.com", "443", ".example.com"),
    STRAIGHT("a.example.com", "443", "*.example.com"),
    PROXIED("example.com", "443", "*.example.com"),
    PROXIED("a.example.com", "443", "a.*.com"),
    STRAIGHT("a.example.com", "443", "EXAMPLE.com"),
    STRAIGHT("A.Example.Com", "443", "example.com"),
    STRAIGHT("example.com", "443", " , foo,\texample.com ,"),
    PROXIED("example.com", "443", " , ,"),
    PROXIED("example.com", "443", "foo bar example.com"),
    PROXIED("example.com", "443", "http://example.com"),

    /* NO_PROXY: ports */
    STRAIGHT("example.com", "6443", "example.com:6443"),
    PROXIED("example.com", "443", "example.com:6443"),
    STRAIGHT("a.example.com", "6443", ".example.com:6443"),
    PROXIED("a.example.com", "443", ".example.com:6443"),
    STRAIGHT("example.com", "443", "example.com:"),
    PROXIED("example.com", "443", ":443"),
    STRAIGHT("10.0.0.1", "6443", "10.0.0.1:6443"),
    PROXIED("10.0.0.1", "443", "10.0.0.1:6443"),
    STRAIGHT("[fd00::1]", "6443", "[fd00::1]:6443"),
    PROXIED("[fd00::1]", "443", "[fd00::1]:6443"),

    /* NO_PROXY: addresses */
    STRAIGHT("10.0.0.1", "443", "10.0.0.1"),
    PROXIED("10.0.0.1", "443", "10.0.0.2"),
    PROXIED("10.0.0.10", "443", "10.0.0.1"),
    STRAIGHT("[fd00::1]", "443", "fd00::1"),
    STRAIGHT("[fd00:0::0:1]", "443", "fd00::1"),
    PROXIED("[fd00::1]", "443", "fd00::2"),
    STRAIGHT("[::ffff:10.0.0.1]", "443", "10.0.0.1"),
    STRAIGHT("10.0.0.1", "443", "10.0.0.0/8"),
    STRAIGHT("10.255.0.1", "443", "10.1.2.3/8"),
    PROXIED("11.0.0.1", "443", "10.0.0.0/8"),
    STRAIGHT("10.0.15.1", "443", "10.0.0.0/20"),
    PROXIED("10.0.16.1", "443", "10.0.0.0/20"),
    STRAIGHT("10.0.0.1", "443", "0.0.0.0/0"),
    PROXIED("[fd00::1]", "443", "0.0.0.0/0"),
    PROXIED("10.0.0.1", "443", "::/0"),
    STRAIGHT("[fd00::1]", "443", "fd00::/8"),
    PROXIED("[fe00::1]", "443", "fd00::/8"),
    STRAIGHT("10.0.0.1", "443", "::ffff:10.0.0.0/104"),
    PROXIED("10.0.0.1", "443", "10.0.0.0/33"),
    PROXIED("10.0.0.1", "443", "10.0.0.0/"),
    PROXIED("api.example.com", "443", "0.0.0.0/0"),
    PROXIED("10", "443", "0.0.0.0/0"),
};

static void finds_the_proxy_of_a_server(void **state) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const proxy_case *one = &cases[i];
    moon_proxy_environment environment = {one->http, one->https, one->no_proxy};
    moon_proxy *proxy = NULL;
    moon_error *err = moon_proxy_find(one->proxy_url, &environment, one->scheme, one->host, one->port, &proxy);
    const char *found = err ? err->message : proxy ? moon_proxy_url(proxy) : "straight";
    const char *expected = one->expected ? one->expected : "straight";
    if (strcmp(found, expected) != 0)
      fail_msg("case %zu, %s://%s:%s with NO_PROXY=%s: %s instead of %s", i, one->scheme, one->host, one->port,
               one->no_proxy ? one->no_proxy : "", found, expected);
    moon_proxy_free(proxy);
  }
}

static void refuses_what_is_no_proxy(void **state) {
  static const char *const wrong[] = {"ftp://me:sesame@proxy",   "socks4://proxy:1080",  "http://",
                                      "http://me:sesame@:3128",  "http://proxy:99999",   "http://[::1",
                                      "http://me:ses ame@proxy", "http://sesame@@proxy", "proxy-with-sesame:3128"};
  moon_proxy_environment none = {0};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    moon_proxy *proxy = NULL;
    moon_error *err = moon_proxy_find(wrong[i], &none, "https", "a", "443", &proxy);
    if (!err) fail_msg("%s was accepted as %s", wrong[i], moon_proxy_url(proxy));
    assert_int_equal(err->kind, MOON_CONFIG);
    assert_non_null(strstr(err->message, "proxy-url "));
    assert_non_null(strstr(err->message, "expected http://, https:// or socks5://"));
    assert_null(strstr(err->message, "sesame"));
    assert_null(proxy);
    moon_error_free(err);
  }
}

static void says_which_variable_is_wrong(void **state) {
  moon_proxy_environment environment = {.https_proxy = "ftp://proxy", .http_proxy = "http://:1"};
  moon_proxy *proxy = NULL;
  moon_error *err = moon_proxy_find(NULL, &environment, "https", "a", "443", &proxy);
  assert_non_null(strstr(err->message, "HTTPS_PROXY has the scheme \"ftp\""));
  moon_error_free(err);
  err = moon_proxy_find(NULL, &environment, "http", "a", "80", &proxy);
  assert_non_null(strstr(err->message, "HTTP_PROXY is not a URL"));
  moon_error_free(err);
  assert_null(moon_proxy_find(NULL, &environment, "https", "localhost", "443", &proxy)); /* not needed: not looked at */
  assert_null(proxy);
}

static void prefers_the_variables_in_capitals(void **state) {
  static const char *const names[] = {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy",
                                      "NO_PROXY",   "no_proxy",   "ALL_PROXY",   "all_proxy"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) setenv(names[i], names[i], 1);
  moon_proxy_environment environment = moon_proxy_environment_now();
  assert_string_equal(environment.http_proxy, "HTTP_PROXY");
  assert_string_equal(environment.https_proxy, "HTTPS_PROXY");
  assert_string_equal(environment.no_proxy, "NO_PROXY");
  setenv("HTTP_PROXY", "", 1);
  unsetenv("HTTPS_PROXY");
  unsetenv("NO_PROXY");
  environment = moon_proxy_environment_now();
  assert_string_equal(environment.http_proxy, "http_proxy");
  assert_string_equal(environment.https_proxy, "https_proxy");
  assert_string_equal(environment.no_proxy, "no_proxy");
  for (size_t i = 0; i < 6; i++) unsetenv(names[i]);
  environment = moon_proxy_environment_now();
  assert_null(environment.http_proxy);
  assert_null(environment.https_proxy);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) unsetenv(names[i]);
}

static void knows_which_proxies_see_the_requests(void **state) {
  static const struct {
    const char *url, *scheme;
    bool relays;
  } ways[] = {{"http://p:1", "http", true},   {"https://p:1", "http", true},   {"socks5://p:1", "http", false},
              {"http://p:1", "https", false}, {"https://p:1", "https", false}, {"socks5://p:1", "https", false}};
  moon_proxy_environment none = {0};
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    moon_proxy *proxy = NULL;
    assert_null(moon_proxy_find(ways[i].url, &none, ways[i].scheme, "a", "1", &proxy));
    assert_int_equal(moon_proxy_relays(proxy), ways[i].relays);
    assert_true(moon_proxy_is_named(proxy));
    moon_proxy_free(proxy);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_the_proxy_of_a_server),          cmocka_unit_test(refuses_what_is_no_proxy),
      cmocka_unit_test(says_which_variable_is_wrong),         cmocka_unit_test(prefers_the_variables_in_capitals),
      cmocka_unit_test(knows_which_proxies_see_the_requests),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
