/* editor.h: lines typed on a terminal, while the program's tasks, events and health checks go on.
 *
 * One per process, used by the Lua thread. While a line is being typed, what anybody else has to say is a notice: it
 * appears above the prompt, and the line stays as it is. Where standard input is no terminal, lines are read as they
 * are, without a prompt. */
#ifndef MOON_CLI_EDITOR_H
#define MOON_CLI_EDITOR_H

#include <lua.h>
#include <stdbool.h>

typedef enum editor_outcome {
  EDITOR_LINE,        /* a line was typed */
  EDITOR_INTERRUPTED, /* Ctrl-C: what was typed is forgotten */
  EDITOR_END,         /* Ctrl-D on an empty line, or the end of the input */
  EDITOR_TERMINATED   /* SIGTERM */
} editor_outcome;

/* Asked at a Tab: the line up to the cursor. Pushes nothing on L. Returns the text to insert (may be "", NULL: nothing
 * fits), which is good until the next call. */
typedef const char *editor_complete(lua_State *L, const char *line);

void editor_open(lua_State *L, editor_complete *complete);
/* Gives the terminal back as it was. */
void editor_close(void);
/* Reads a line, without its end; good until the next read. Runs the loop meanwhile. */
editor_outcome editor_read(lua_State *L, const char *prompt, const char **line);
/* A line that the arrow keys bring back. */
void editor_remember(const char *line);
/* Shows text, one or more lines: above the prompt while a line is being typed, else at once. */
void editor_notice(const char *text, size_t len);
/* The read that runs, or the next one, ends as at Ctrl-D. */
void editor_leave(void);
bool editor_is_terminal(void);
bool editor_is_reading(void); /* a line is being typed */
/* Another program has the terminal from here on, until it is taken back: notices wait. False: that cannot be now. */
bool editor_lend(void);
void editor_take_back(void);
bool editor_is_lent(void);
/* A Lua function, for tasks: shows a text and waits for a line, typed after it. Without a terminal it returns nil. */
int editor_ask(lua_State *L);

#endif
