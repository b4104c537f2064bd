/* editor.c: see editor.h. libedit edits; this file gives it its characters, and between two characters the runtime's
 * loop runs.
 *
 * libedit knows best what is on the screen, and can be asked to act from within a key's function only. So whatever
 * happens beside the keys (a notice, a new window size, waking from Ctrl-Z) is handed to libedit as a character that
 * nobody can type, bound to a function of ours; Ctrl-C, as the end of the line. A notice is written from the prompt's
 * function: libedit asks for the prompt when it has just cleared what it had drawn, with the cursor where that began.
 *
 * Runs on the Lua thread. The handles on the loop live as long as the process. */
#include "cli/editor.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <langinfo.h>
#include <lauxlib.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <uv.h>
#include <wchar.h>

#include "base/buffer.h"
#include "binding/runtime.h"
#include "cli/run.h"

/* REDRAW: a control of the C1 set: no key sends it. */
enum { REDRAW = 0x80, CTRL_D = 4, KEPT_LINES = 1000 };

static struct {
  EditLine *el; /* NULL: no terminal */
  History *history;
  editor_complete *complete;
  lua_State *L; /* of the read that runs */
  const char *prompt;
  bool reading, lent;
  struct termios modes; /* as they were when it was lent */

  uv_poll_t input;
  bool polls; /* a file cannot be waited for: it can be read always */
  uv_signal_t resize, suspend;
  bool readable, resized, suspended, left;

  unsigned char bytes[512]; /* typed, and not taken yet */
  size_t first, end;
  bool began;    /* this line's first character was asked for */
  size_t before; /* so many of the next bytes were typed before the terminal was the editor's */
  bool ended;
  mbstate_t partial; /* of a character */

  moon_buffer notices; /* to be shown above the prompt */
  bool cleared;        /* the next prompt is drawn on a clear place */
  int signal;          /* came while the line was typed */
  moon_buffer line;    /* without a terminal */
} self;

bool editor_is_terminal(void) {
  return self.el != NULL;
}

bool editor_is_reading(void) {
  return self.reading;
}

/* --- waiting for input --- */

static void on_input(uv_poll_t *poll, int status, int events) {
  (void)status, (void)events; /* an error shows when it is read */
  self.readable = true;
  uv_poll_stop(poll);
}

static void on_resize(uv_signal_t *handle, int number) {
  (void)handle, (void)number;
  self.resized = true;
}

static void on_suspend(uv_signal_t *handle, int number) {
  (void)handle, (void)number;
  self.suspended = true;
}

static bool has_news(void *ctx) {
  (void)ctx;
  return self.readable || self.resized || self.suspended || self.left || self.notices.len > 0;
}

static void wait_for_news(void) {
  if (self.polls)
    uv_poll_start(&self.input, UV_READABLE, on_input);
  else
    self.readable = true;
  int number = run_until(self.L, has_news, NULL);
  if (number) self.signal = number;
  if (self.polls) uv_poll_stop(&self.input);
}

/* Once the terminal is the editor's. What was typed before, while the terminal edited by itself, is there to be read,
 * but for a Ctrl-D: the terminal took that for an end, and left a NUL in its place. */
static void note_typed_before(void) {
  int count = 0;
  if (!self.began && self.el && ioctl(STDIN_FILENO, FIONREAD, &count) == 0) self.before = (size_t)count;
  self.began = true;
}

static void read_bytes(void) {
  self.readable = false;
  size_t limit = self.before && self.before < sizeof self.bytes ? self.before : sizeof self.bytes;
  ssize_t count = read(STDIN_FILENO, self.bytes, limit);
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  self.first = 0;
  self.end = count > 0 ? (size_t)count : 0;
  self.ended = count <= 0;
  for (size_t i = 0; i < self.end && self.before > 0; i++, self.before--)
    if (self.bytes[i] == '\0') self.bytes[i] = CTRL_D;
}

/* --- what libedit calls --- */

/* Takes a whole character out of the bytes; bytes that are none are dropped. */
static bool take_character(wchar_t *out) {
  while (self.first < self.end) {
    char byte = (char)self.bytes[self.first++];
    size_t used = mbrtowc(out, &byte, 1, &self.partial);
    if (used == (size_t)-1) memset(&self.partial, 0, sizeof self.partial);
    if (used == 0 || used == 1) return true;
  }
  return false;
}

/* As a shell's job: the terminal is the shell's meanwhile. */
static void suspend(void) {
  el_set(self.el, EL_PREP_TERM, 0);
  raise(SIGSTOP);
  el_set(self.el, EL_PREP_TERM, 1);
}

static int next_character(EditLine *el, wchar_t *out) {
  note_typed_before();
  for (;;) {
    bool changed = self.resized || self.suspended;
    if (self.suspended) suspend();
    if (self.resized) el_resize(el);
    self.resized = self.suspended = false;
    if (self.signal)
      *out = L'\n';
    else if (take_character(out))
      return 1;
    else if (changed || self.notices.len > 0)
      *out = REDRAW;
    else
      *out = L'\0';
    if (*out) return 1;
    if (self.ended || self.left) return 0;
    if (self.readable)
      read_bytes();
    else
      wait_for_news();
  }
}

static unsigned char redraw(EditLine *el, wint_t key) {
  (void)el, (void)key;
  self.cleared = true;
  return CC_REDISPLAY;
}

static unsigned char complete(EditLine *el, wint_t key) {
  (void)key;
  const LineInfo *line = el_line(el);
  moon_buffer before = {0};
  moon_buffer_add(&before, line->buffer, (size_t)(line->cursor - line->buffer));
  const char *insert = self.complete(self.L, before.len ? before.data : "");
  moon_buffer_free(&before);
  if (!insert) return CC_REFRESH_BEEP;
  if (*insert) el_insertstr(el, insert);
  return self.notices.len > 0 ? redraw(el, key) : CC_REFRESH;
}

static void write_notices(void) {
  fwrite(self.notices.data, 1, self.notices.len, stdout);
  moon_buffer_clear(&self.notices);
}

static char *prompt(EditLine *el) {
  (void)el;
  if (self.cleared && self.notices.len > 0) write_notices();
  self.cleared = false;
  return (char *)self.prompt;
}

/* --- a question in between --- */

/* The one who waits: a userdata in the waiting frame. */
typedef struct question {
  moon_wait wait;
  moon_runtime *runtime;
} question;

static const char question_key; /* registry: metatable */

static void on_answer(uv_poll_t *poll, int status, int events) {
  (void)status, (void)events;
  question *asked = poll->data;
  uv_poll_stop(poll);
  moon_wait_ready(asked->runtime, &asked->wait);
}

static int question_close(lua_State *L) {
  (void)L;
  uv_poll_stop(&self.input);
  return 0;
}

/* The terminal edits the line itself, and has a whole one when it has something. */
static int answered(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  char line[64];
  ssize_t count = read(STDIN_FILENO, line, sizeof line);
  if (count <= 0) return 0;
  lua_pushlstring(L, line, (size_t)count);
  return 1;
}

int editor_ask(lua_State *L) {
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  if (!self.el || !self.polls || self.reading || self.lent) return 0;
  question *asked = lua_newuserdatauv(L, sizeof *asked, 0);
  *asked = (question){.runtime = moon_runtime_of(L)};
  lua_rawgetp(L, LUA_REGISTRYINDEX, &question_key);
  lua_setmetatable(L, -2);
  lua_toclose(L, -1);
  fwrite(text, 1, len, stdout);
  fflush(stdout);
  tcflush(STDIN_FILENO, TCIFLUSH); /* what was typed before is no answer */
  self.input.data = asked;
  uv_poll_start(&self.input, UV_READABLE, on_answer);
  return moon_runtime_wait(L, &asked->wait, 0, answered);
}

/* --- the editor --- */

/* In the user's language; where the environment names none, in UTF-8 all the same. */
static void choose_characters(void) {
  setlocale(LC_CTYPE, "");
  if (strcmp(nl_langinfo(CODESET), "ANSI_X3.4-1968") == 0) setlocale(LC_CTYPE, "C.UTF-8");
}

static void open_terminal(void) {
  self.el = el_init("moonpool", stdin, stdout, stderr);
  if (!self.el) return;
  HistEvent event;
  self.history = history_init();
  history(self.history, &event, H_SETSIZE, KEPT_LINES);
  history(self.history, &event, H_SETUNIQUE, 1);
  el_set(self.el, EL_SIGNAL, 0);
  el_set(self.el, EL_EDITOR, "emacs");
  el_set(self.el, EL_HIST, history, self.history);
  el_set(self.el, EL_PROMPT, prompt);
  el_set(self.el, EL_GETCFN, next_character);
  el_source(self.el, NULL); /* the user's ~/.editrc */
  /* Wide: of the others libedit makes copies that it never frees. */
  el_wset(self.el, EL_ADDFN, L"moonpool-redraw", L"draw the line again", redraw);
  el_wset(self.el, EL_ADDFN, L"moonpool-complete", L"complete the word", complete);
  static const char *const keys[][2] = {{"\\200", "moonpool-redraw"}, {"^I", "moonpool-complete"}};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    el_set(self.el, EL_BIND, keys[i][0], keys[i][1], NULL);
    el_set(self.el, EL_BIND, "-a", keys[i][0], keys[i][1], NULL); /* vi's command mode */
  }
  el_set(self.el, EL_BIND, "^R", "em-inc-search-prev", NULL);
}

void editor_open(lua_State *L, editor_complete *complete_line) {
  uv_loop_t *loop = moon_runtime_loop(moon_runtime_of(L));
  self.complete = complete_line;
  moon_op_meta(L, &question_key, question_close);
  choose_characters();
  if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) open_terminal();
  int flags = fcntl(STDIN_FILENO, F_GETFL);
  self.polls = uv_poll_init(loop, &self.input, STDIN_FILENO) == 0;
  /* libuv makes it non-blocking, and with it the terminal that others write to. */
  fcntl(STDIN_FILENO, F_SETFL, flags);
  uv_signal_init(loop, &self.resize);
  uv_signal_init(loop, &self.suspend);
  if (self.el) uv_signal_start(&self.resize, on_resize, SIGWINCH);
}

void editor_close(void) {
  uv_signal_stop(&self.resize);
  if (self.el) el_end(self.el);
  if (self.history) history_end(self.history);
  self.el = NULL;
  moon_buffer_free(&self.line);
}

void editor_remember(const char *line) {
  HistEvent event;
  if (self.history) history(self.history, &event, H_ENTER, line);
}

void editor_leave(void) {
  self.left = true;
}

void editor_notice(const char *text, size_t len) {
  if (len == 0) return;
  moon_buffer_add(&self.notices, text, len);
  if (text[len - 1] != '\n') moon_buffer_add_char(&self.notices, '\n');
  if ((self.reading && self.el) || self.lent) return;
  write_notices();
  fflush(stdout);
}

bool editor_lend(void) {
  if (!self.el || self.reading || self.lent) return false;
  fflush(stdout);
  tcgetattr(STDIN_FILENO, &self.modes);
  return self.lent = true;
}

void editor_take_back(void) {
  self.lent = false;
  tcsetattr(STDIN_FILENO, TCSADRAIN, &self.modes); /* whatever became of the program */
  write_notices();
  fflush(stdout);
}

bool editor_is_lent(void) {
  return self.lent;
}

/* --- reading --- */

/* Without a terminal. */
static const char *read_plain(void) {
  moon_buffer_clear(&self.line);
  for (;;) {
    while (self.first < self.end) {
      char byte = (char)self.bytes[self.first++];
      if (byte != '\n') moon_buffer_add_char(&self.line, byte);
      if (byte == '\n') goto whole;
    }
    if (self.ended && self.line.len > 0) goto whole;
    if (self.ended || self.left || self.signal) return NULL;
    if (self.readable)
      read_bytes();
    else
      wait_for_news();
  }
whole:
  return self.line.len ? self.line.data : "";
}

static const char *read_typed(void) {
  int count = 0;
  uv_signal_start(&self.suspend, on_suspend, SIGTSTP);
  const char *line = el_gets(self.el, &count);
  uv_signal_stop(&self.suspend);
  if (!line || count <= 0) return NULL;
  moon_buffer_clear(&self.line);
  moon_buffer_add(&self.line, line, strcspn(line, "\n"));
  return self.line.len ? self.line.data : "";
}

editor_outcome editor_read(lua_State *L, const char *prompt_text, const char **line) {
  fflush(stdout);
  self.L = L;
  self.prompt = prompt_text;
  self.signal = 0;
  self.began = false;
  self.before = 0;
  self.reading = true;
  *line = self.el ? read_typed() : read_plain();
  self.reading = false;
  if (!*line && self.el && !self.signal) fputc('\n', stdout);
  if (self.notices.len > 0) write_notices();
  if (self.signal) return self.signal == SIGINT ? EDITOR_INTERRUPTED : EDITOR_TERMINATED;
  return *line ? EDITOR_LINE : EDITOR_END;
}
