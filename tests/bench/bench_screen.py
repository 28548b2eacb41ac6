#!/usr/bin/env python3
"""How fast the screen answers: start to first frame, key to dimmed estimate.

    bench_screen.py BUILD/sparsetop [--rounds N] [-- arguments of sparsetop]

Runs the program in a pseudo-terminal of 80x24 on a database of its own and reads what it
draws. The estimate of a new setting is recognised by its "~" beside the milliseconds.
"""
import argparse
import fcntl
import os
import pty
import re
import select
import statistics
import struct
import sys
import tempfile
import termios
import time


class Screen:
    def __init__(self, command, env):
        self.start = time.perf_counter()
        pid, self.fd = pty.fork()
        if pid == 0:
            os.execvpe(command[0], command, env)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.seen = b""

    def wait_for(self, pattern, seconds=60):
        """The time at which the output matched; what it matched is forgotten."""
        deadline = time.perf_counter() + seconds
        while not re.search(pattern, self.seen):
            ready, _, _ = select.select([self.fd], [], [], deadline - time.perf_counter())
            if not ready:
                sys.exit(f"nothing like {pattern!r} within {seconds} s")
            self.seen += os.read(self.fd, 65536)
        now = time.perf_counter()
        self.seen = b""
        return now

    def drain(self, seconds):
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            if select.select([self.fd], [], [], left)[0]:
                try:
                    os.read(self.fd, 65536)
                except OSError:  # it has quit
                    break
        self.seen = b""

    def key(self, text):
        os.write(self.fd, text)
        return time.perf_counter()


def report(name, values):
    print(f"{name:<28} median {statistics.median(values):7.2f} ms   min {min(values):7.2f}"
          f"   max {max(values):7.2f}   n {len(values)}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("rest", nargs="*")
    args = parser.parse_args()
    first, estimate = [], []
    with tempfile.TemporaryDirectory() as folder:
        env = dict(os.environ, TERM="xterm-256color", LANG="C.UTF-8",
                   SPARSETOP_DB=os.path.join(folder, "sessions.db"))
        for _ in range(args.rounds):
            screen = Screen([args.binary] + args.rest, env)
            first.append(1e3 * (screen.wait_for(rb"keep") - screen.start))
            screen.key(b"Q")
            screen.drain(0.5)
        # Short measurements: between two keys a result must replace the estimate, since the
        # terminal is not sent again what it shows already.
        screen = Screen([args.binary, "--budget", "0.2"] + args.rest, env)
        screen.wait_for(rb"RUN")
        screen.drain(4)
        for i in range(args.rounds):
            screen.drain(1.5)
            pressed = screen.key(b"[")
            estimate.append(1e3 * (screen.wait_for(rb"~") - pressed))
        screen.key(b"Q")
    report("start to first frame", first)
    report("key to dimmed estimate", estimate)


if __name__ == "__main__":
    main()
