#!/usr/bin/env python3
"""prompt.py COMMAND...: starts a program on a terminal of its own and prints after how many milliseconds its prompt, which
ends with "> ", is there. Ends the program with Ctrl-D."""
import os
import pty
import sys
import time

begin = time.perf_counter()
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
while not seen.endswith(b"> "):
    seen += os.read(terminal, 4096)
print(f"{(time.perf_counter() - begin) * 1000:.2f}")
os.write(terminal, b"\4")
try:
    while os.read(terminal, 4096):
        pass
except OSError:  # the terminal is gone with the program
    pass
os.waitpid(pid, 0)
