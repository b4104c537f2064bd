/* collector.h: reading a big text without the collector.
 *
 * While a big text is read, nothing that is made is garbage yet, and a collector that looks for some costs a third of
 * the time. So the reader borrows: the collector does not hear of what is made between borrow and settle (it gets a
 * credit: LUA_GCSTEP with a negative size is KiB that may be made before its next step). When the next big text comes,
 * and the collector has not gone round since, it first does the work that it was spared, for the earlier text's values
 * may be garbage by now. So memory stays in bounds, the user's settings are not touched, and between two pieces of a
 * text the collector works as ever. Lua thread only. */
#ifndef MOON_BINDING_COLLECTOR_H
#define MOON_BINDING_COLLECTOR_H

#include <lua.h>
#include <stdbool.h>

typedef struct moon_collector_loan {
  int *debt;               /* KiB that were never heard of, since the collector last went round */
  int kib_before, granted; /* heap at the start; what may be made */
} moon_collector_loan;

/* Begins a loan of about `kib`; pushes one value. `first`: of a text. False, and nothing is pushed, when the collector
 * is stopped. May raise. An error between here and settle wastes the loan, no more. */
bool moon_collector_borrow(lua_State *L, moon_collector_loan *loan, int kib, bool first);
/* Ends it; pops the value. Returns the KiB that were made. May raise. */
int moon_collector_settle(lua_State *L, moon_collector_loan *loan);

#endif
