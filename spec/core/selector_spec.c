/* selector_spec.c: which clusters a selector selects, and what it says of one that cannot be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "cluster/selector.h"

/* The patterns are separated by spaces. */
static moon_error *read_selector(const char *patterns, const char *labels, moon_selector **out) {
  char text[256];
  const char *list[16];
  size_t count = 0;
  assert_true(strlen(patterns) < sizeof text);
  strcpy(text, patterns);
  for (char *next = strtok(text, " "); next; next = strtok(NULL, " ")) list[count++] = next;
  return moon_selector_new(list, count, labels, NULL, 0, out);
}

static moon_selector *selector_of(const char *patterns, const char *labels) {
  moon_selector *selector;
  moon_error *err = read_selector(patterns, labels, &selector);
  if (err) fail_msg("%s", err->message);
  return selector;
}

static bool selects_name(const char *patterns, const char *name) {
  moon_selector *selector = selector_of(patterns, NULL);
  bool selected = moon_selector_matches(selector, name, NULL, 0);
  moon_selector_release(selector);
  return selected;
}

/* A cluster with env=prod, tier=web, region=eu, empty="" and k8s.io/zone=a. */
static bool selects_labels(const char *labels) {
  const moon_label of_cluster[] = {
      {"env", "prod"}, {"tier", "web"}, {"region", "eu"}, {"empty", ""}, {"k8s.io/zone", "a"}};
  moon_selector *selector = selector_of("", labels);
  bool selected = moon_selector_matches(selector, "any", of_cluster, sizeof of_cluster / sizeof *of_cluster);
  moon_selector_release(selector);
  return selected;
}

static void assert_config_error(moon_error *err, const char *message) {
  assert_non_null(err);
  assert_int_equal(err->kind, MOON_CONFIG);
  assert_string_equal(err->message, message);
  moon_error_free(err);
}

static void assert_pattern_refused(const char *pattern, const char *message) {
  moon_selector *selector = NULL;
  const char *list[] = {"prod-*", pattern};
  assert_config_error(moon_selector_new(list, 2, "env=prod", NULL, 0, &selector), message);
  assert_null(selector);
}

static void assert_labels_refused(const char *labels, const char *message) {
  moon_selector *selector = NULL;
  const char *list[] = {"prod-*", "/eu/"};
  assert_config_error(moon_selector_new(list, 2, labels, NULL, 0, &selector), message);
  assert_null(selector);
}

/* --- names --- */

static void a_name_selects_itself_only(void **state) {
  assert_true(selects_name("prod-eu", "prod-eu"));
  assert_false(selects_name("prod-eu", "prod-eu-2"));
  assert_false(selects_name("prod-eu", "PROD-EU"));
  assert_true(selects_name("arn:aws:eks:eu-west-1:12:cluster/prod", "arn:aws:eks:eu-west-1:12:cluster/prod"));
}

static void a_glob_selects_whole_names(void **state) {
  assert_true(selects_name("prod-*", "prod-eu"));
  assert_true(selects_name("prod-*", "prod-"));
  assert_true(selects_name("*/prod", "arn:aws:eks:eu-west-1:12:cluster/prod"));
  assert_false(selects_name("prod-*", "my-prod-eu"));
  assert_true(selects_name("prod-?", "prod-1"));
  assert_false(selects_name("prod-?", "prod-10"));
  assert_true(selects_name("prod-[a-c]", "prod-b"));
  assert_false(selects_name("prod-[!a-c]", "prod-b"));
  assert_true(selects_name("prod[]]", "prod]"));
  assert_true(selects_name("prod\\*", "prod*"));
  assert_false(selects_name("prod\\*", "prod-1"));
  assert_true(selects_name("prod\\[1", "prod[1"));
  assert_true(selects_name("prod[[]1", "prod[1"));
  assert_true(selects_name("[/]api:6443/admin", "/api:6443/admin"));
}

static void a_regular_expression_selects_what_it_matches_somewhere(void **state) {
  assert_true(selects_name("/eu-[0-9]/", "prod-eu-1-blue"));
  assert_false(selects_name("/^eu-[0-9]/", "prod-eu-1-blue"));
  assert_true(selects_name("/^prod-(eu|us)-[0-9]{1,2}$/", "prod-us-12"));
  assert_false(selects_name("/^prod-(eu|us)-[0-9]{1,2}$/", "prod-us-123"));
  assert_true(selects_name("/a/b/", "xa/by"));
}

static void several_inclusions_add_up(void **state) {
  assert_true(selects_name("prod-eu test-* /-us-/", "prod-eu"));
  assert_true(selects_name("prod-eu test-* /-us-/", "test-1"));
  assert_true(selects_name("prod-eu test-* /-us-/", "prod-us-1"));
  assert_false(selects_name("prod-eu test-* /-us-/", "prod-asia"));
}

static void an_exclusion_wins_wherever_it_stands(void **state) {
  assert_false(selects_name("prod-* ^prod-old", "prod-old"));
  assert_false(selects_name("^prod-old prod-*", "prod-old"));
  assert_true(selects_name("^prod-old prod-*", "prod-older"));
  assert_false(selects_name("prod-* ^*-eu-* prod-eu-1", "prod-eu-1"));
  assert_false(selects_name("prod-* ^/test/", "prod-test-1"));
}

static void exclusions_alone_select_all_the_others(void **state) {
  assert_true(selects_name("^prod-* ^/test/", "dev"));
  assert_false(selects_name("^prod-* ^/test/", "prod-1"));
  assert_false(selects_name("^prod-* ^/test/", "my-test"));
}

static void nothing_at_all_selects_every_name(void **state) {
  assert_true(selects_name("", "anything"));
}

/* --- labels --- */

static void labels_select_by_equality(void **state) {
  assert_true(selects_labels("env=prod"));
  assert_true(selects_labels("env==prod"));
  assert_true(selects_labels("  env  =  prod  "));
  assert_false(selects_labels("env=dev"));
  assert_false(selects_labels("owner=me"));
  assert_true(selects_labels("empty="));
  assert_false(selects_labels("env="));
  assert_true(selects_labels("k8s.io/zone=a"));
}

static void labels_select_by_inequality_and_absence_is_unequal(void **state) {
  assert_true(selects_labels("env!=dev"));
  assert_false(selects_labels("env != prod"));
  assert_true(selects_labels("owner!=me"));
  assert_false(selects_labels("empty!="));
}

static void labels_select_by_sets(void **state) {
  assert_true(selects_labels("region in (eu,us)"));
  assert_true(selects_labels("region in( us , eu )"));
  assert_false(selects_labels("region in (us)"));
  assert_false(selects_labels("owner in (me)"));
  assert_true(selects_labels("region notin (us,asia)"));
  assert_false(selects_labels("region notin (us,eu)"));
  assert_true(selects_labels("owner notin (me)"));
  assert_true(selects_labels("empty in (,x)"));
  assert_false(selects_labels("env in ()"));
}

static void labels_select_by_presence(void **state) {
  assert_true(selects_labels("env"));
  assert_false(selects_labels("owner"));
  assert_true(selects_labels("!owner"));
  assert_true(selects_labels("! owner"));
  assert_false(selects_labels("!env"));
  assert_true(selects_labels("empty"));
}

static void all_requirements_must_hold(void **state) {
  assert_true(selects_labels("env=prod,tier!=db,region in (eu,us),!legacy"));
  assert_false(selects_labels("env=prod,tier!=web,region in (eu,us),!legacy"));
  assert_false(selects_labels("env=prod,tier!=db,region in (eu,us),legacy"));
  assert_true(selects_labels(""));
  assert_true(selects_labels("  "));
}

static void words_of_the_syntax_may_be_keys_and_values(void **state) {
  const moon_label labels[] = {{"in", "notin"}, {"notin", "in"}};
  moon_selector *selector = selector_of("", "in in (notin),notin=in,in,notin");
  assert_true(moon_selector_matches(selector, "any", labels, 2));
  assert_false(moon_selector_matches(selector, "any", labels, 1));
  moon_selector_release(selector);
}

static void name_and_labels_must_both_fit(void **state) {
  const moon_label prod[] = {{"env", "prod"}};
  moon_selector *selector = selector_of("eu-*", "env=prod");
  assert_true(moon_selector_matches(selector, "eu-1", prod, 1));
  assert_false(moon_selector_matches(selector, "us-1", prod, 1));
  assert_false(moon_selector_matches(selector, "eu-1", NULL, 0));
  moon_selector_release(selector);
}

/* --- single --- */

static void only_one_plain_name_is_single(void **state) {
  moon_selector *selector = selector_of("prod-eu", "");
  assert_string_equal(moon_selector_single(selector), "prod-eu");
  assert_ptr_equal(moon_selector_retain(selector), selector);
  moon_selector_release(selector);
  assert_string_equal(moon_selector_single(selector), "prod-eu");
  moon_selector_release(selector);

  const char *const others[][2] = {{"", ""},    {"prod-*", ""},          {"/prod-eu/", ""}, {"^prod-eu", ""},
                                   {"a b", ""}, {"prod-eu", "env=prod"}, {"a ^b", ""},      {"prod\\-eu", ""}};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    selector = selector_of(others[i][0], others[i][1]);
    assert_null(moon_selector_single(selector));
    moon_selector_release(selector);
  }
}

/* --- groups --- */

/* With the groups @eu: prod-eu-*, but not prod-eu-9, and @web: what has "web" in its name. */
static moon_error *read_grouped(const char *const *patterns, size_t count, moon_selector **out) {
  moon_selector *eu = selector_of("prod-eu-* ^prod-eu-9", NULL), *web = selector_of("/web/", NULL);
  const moon_group groups[] = {{"eu", eu}, {"web", web}};
  moon_error *err = moon_selector_new(patterns, count, NULL, groups, 2, out);
  moon_selector_release(eu);
  moon_selector_release(web);
  return err;
}

static bool group_selects(const char *first, const char *second, const char *name) {
  moon_selector *selector;
  const char *const patterns[] = {first, second};
  assert_null(read_grouped(patterns, second ? 2 : 1, &selector));
  assert_null(moon_selector_single(selector));
  bool selected = moon_selector_matches(selector, name, NULL, 0);
  moon_selector_release(selector);
  return selected;
}

static void a_group_selects_what_its_patterns_do(void **state) {
  assert_true(group_selects("@eu", NULL, "prod-eu-1"));
  assert_false(group_selects("@eu", NULL, "prod-eu-9"));
  assert_false(group_selects("@eu", NULL, "prod-us"));
  assert_true(group_selects("@eu", "@web", "my-web"));
  assert_true(group_selects("@eu", "prod-eu-9", "prod-eu-9"));
}

static void an_excluded_group_leaves_what_is_not_in_it(void **state) {
  assert_false(group_selects("^@eu", NULL, "prod-eu-1"));
  assert_true(group_selects("^@eu", NULL, "prod-eu-9"));
  assert_false(group_selects("prod-*", "^@eu", "prod-eu-1"));
  assert_true(group_selects("prod-*", "^@eu", "prod-us"));
}

static void an_unknown_group_is_refused_with_the_nearest(void **state) {
  moon_selector *selector = NULL;
  const char *pattern = "^@wbe";
  assert_config_error(read_grouped(&pattern, 1, &selector),
                      "cluster pattern \"^@wbe\": there is no group of that name; did you mean \"@web\"?");
  pattern = "@";
  assert_config_error(read_grouped(&pattern, 1, &selector), "cluster pattern \"@\": there is no group of that name");
}

/* --- what cannot be read --- */

static void a_pattern_that_is_none_is_refused_with_its_text(void **state) {
  assert_pattern_refused("", "cluster pattern \"\": expected a name, a glob (\"prod-*\"), a regular expression "
                             "(\"/eu-[0-9]/\") or a group (\"@eu\")");
  assert_pattern_refused("^", "cluster pattern \"^\": expected a name, a glob (\"prod-*\"), a regular expression "
                              "(\"/eu-[0-9]/\") or a group (\"@eu\") after the '^', which excludes");
  assert_pattern_refused("^^a", "cluster pattern \"^^a\": expected a name, a glob (\"prod-*\"), a regular expression "
                                "(\"/eu-[0-9]/\") or a group (\"@eu\") after the '^', which excludes");
  assert_pattern_refused("a,b", "cluster pattern \"a,b\": a comma at character 2; several patterns are given one by "
                                "one, as a list");
  assert_pattern_refused("^prod-[ab", "cluster pattern \"^prod-[ab\": the '[' at character 7 is never closed");
  assert_pattern_refused("[!]", "cluster pattern \"[!]\": the '[' at character 1 is never closed");
  assert_pattern_refused("[]", "cluster pattern \"[]\": the '[' at character 1 is never closed");
}

static void a_regular_expression_that_is_none_is_refused_with_the_reason(void **state) {
  const char *slashes = "a regular expression begins and ends with '/'; for names that begin with one write \"[/]...\"";
  char message[256];
  const char *const unbalanced[] = {"/eu", "/", "^/eu-[0-9]"};
  for (size_t i = 0; i < 3; i++) {
    snprintf(message, sizeof message, "cluster pattern \"%s\": %s", unbalanced[i], slashes);
    assert_pattern_refused(unbalanced[i], message);
  }
  assert_pattern_refused("//", "cluster pattern \"//\": there is nothing between the slashes");
  assert_pattern_refused("/eu-[0-9/", "cluster pattern \"/eu-[0-9/\": not a regular expression: Unmatched [, [^, [:, "
                                      "[., or [=");
  assert_pattern_refused("^/(eu/", "cluster pattern \"^/(eu/\": not a regular expression: Unmatched ( or \\(");
}

static void labels_that_cannot_be_read_are_refused_with_the_place(void **state) {
  assert_labels_refused("=prod", "label selector \"=prod\": expected a label's key at character 1, found \"=\"");
  assert_labels_refused("env=prod,", "label selector \"env=prod,\": expected a label's key at its end");
  assert_labels_refused("a,,b", "label selector \"a,,b\": expected a label's key at character 3, found \",\"");
  assert_labels_refused("!", "label selector \"!\": expected a label's key at its end");
  assert_labels_refused("env prod", "label selector \"env prod\": expected ',', '=', '!=', \"in\" or \"notin\" at "
                                    "character 5, found \"prod\"");
  assert_labels_refused("a inn (b)", "label selector \"a inn (b)\": expected ',', '=', '!=', \"in\" or \"notin\" at "
                                     "character 3, found \"inn\"");
  assert_labels_refused("env=a b", "label selector \"env=a b\": expected ',' at character 7, found \"b\"");
  assert_labels_refused("a===b", "label selector \"a===b\": expected ',' at character 4, found \"=\"");
  assert_labels_refused("!a=b", "label selector \"!a=b\": expected ',' at character 3, found \"=\"");
  assert_labels_refused("a in b", "label selector \"a in b\": expected '(' and values at character 6, found \"b\"");
  assert_labels_refused("a in", "label selector \"a in\": expected '(' and values at its end");
  assert_labels_refused("a in (b", "label selector \"a in (b\": expected ',' or ')' at its end");
  assert_labels_refused("a in (b c)", "label selector \"a in (b c)\": expected ',' or ')' at character 9, found "
                                      "\"c\"");
  assert_labels_refused("a notin (b))", "label selector \"a notin (b))\": expected ',' at character 12, found \")\"");
  assert_labels_refused("größe stadt", "label selector \"größe stadt\": expected ',', '=', '!=', \"in\" or \"notin\" "
                                       "at character 7, found \"stadt\"");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_name_selects_itself_only),
      cmocka_unit_test(a_glob_selects_whole_names),
      cmocka_unit_test(a_regular_expression_selects_what_it_matches_somewhere),
      cmocka_unit_test(several_inclusions_add_up),
      cmocka_unit_test(an_exclusion_wins_wherever_it_stands),
      cmocka_unit_test(exclusions_alone_select_all_the_others),
      cmocka_unit_test(nothing_at_all_selects_every_name),
      cmocka_unit_test(labels_select_by_equality),
      cmocka_unit_test(labels_select_by_inequality_and_absence_is_unequal),
      cmocka_unit_test(labels_select_by_sets),
      cmocka_unit_test(labels_select_by_presence),
      cmocka_unit_test(all_requirements_must_hold),
      cmocka_unit_test(words_of_the_syntax_may_be_keys_and_values),
      cmocka_unit_test(name_and_labels_must_both_fit),
      cmocka_unit_test(only_one_plain_name_is_single),
      cmocka_unit_test(a_group_selects_what_its_patterns_do),
      cmocka_unit_test(an_excluded_group_leaves_what_is_not_in_it),
      cmocka_unit_test(an_unknown_group_is_refused_with_the_nearest),
      cmocka_unit_test(a_pattern_that_is_none_is_refused_with_its_text),
      cmocka_unit_test(a_regular_expression_that_is_none_is_refused_with_the_reason),
      cmocka_unit_test(labels_that_cannot_be_read_are_refused_with_the_place),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
