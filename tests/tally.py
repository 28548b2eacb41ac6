#!/usr/bin/env python3
"""Adds up the test logs of several build folders.

    tally.py BUILD...

Prints what the failed programs said, each reason for a skip once, and, last and alone on
its line, `N passed, N failed, N skipped`. Cases of TAP programs are counted, not programs.
A program that crashed, ran out of time, stopped before its last case or failed without
saying which case counts as one more failure, and so does a build folder without a log:
what did not run must not look like success. Exits 1 when anything failed or nothing passed.
"""

import json
import re
import sys
from pathlib import Path

CASE = re.compile(r"^(not )?ok\b\s*\d*\s*(?:-\s*)?(.*)$")
PLAN = re.compile(r"^1\.\.(\d+)\s*(?:#\s*skip\S*\s*(.*))?$", re.IGNORECASE)
DIRECTIVE = re.compile(r"(.*?)#\s*skip\S*\s*(.*)$", re.IGNORECASE)
SAID_BEFORE = re.compile(r"^#\s*skip\S*\s+(.*)$", re.IGNORECASE)
BAD = ("FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS")
OUTPUT_LINES = 200


class Tally:
    def __init__(self):
        self.passed = self.skipped = 0
        self.failures = []  # "BUILD: PROGRAM: CASE"
        self.reasons = {}  # (program, reason) -> cases, in the order of appearance
        self.outputs = []  # (heading, lines) of each failed program

    def skip(self, program, reason):
        self.skipped += 1
        key = (program, reason or "no reason given")
        self.reasons[key] = self.reasons.get(key, 0) + 1

    def add_program(self, build, record):
        """One line of meson's testlog.json: one test program."""
        name = record["name"].removeprefix("sparsetop:")
        where = f"{build}: {name}"
        stdout = record.get("stdout", "")
        failed_before = len(self.failures)
        complete, cases = self.add_cases(where, name, stdout)
        bad = record["result"] in BAD
        if not cases and not bad:  # no TAP: the program is its own only case
            if record["result"] == "SKIP":
                self.skip(name, "")
            else:
                self.passed += 1
        said_which = len(self.failures) > failed_before
        if bad and (not said_which or not complete or died(record)):
            self.failures.append(f"{where}: {how(record, complete)}")
        if len(self.failures) > failed_before:
            self.outputs.append((where, worth_reading(stdout, record.get("stderr", ""))))

    def add_cases(self, where, name, stdout):
        """Counts the cases; says whether as many came as the plan promised, and how many."""
        planned = seen = whole = 0
        said = ""
        for line in stdout.splitlines():
            plan, case, before = PLAN.match(line), CASE.match(line), SAID_BEFORE.match(line)
            if plan:
                planned += int(plan[1])
                if plan[2] is not None:
                    whole += 1
                    self.skip(name, plan[2].strip())
            elif case:
                seen += 1
                self.add_case(where, name, case, said)
                said = ""
            elif before:  # cmocka names the case after SKIP; the reason stands above it
                said = before[1].strip()
        return seen >= planned, seen + whole

    def add_case(self, where, name, case, said):
        skip = DIRECTIVE.match(case[2])
        if skip:
            self.skip(name, said or skip[2].strip())
        elif case[1]:
            self.failures.append(f"{where}: {case[2].strip()}")
        else:
            self.passed += 1

    def add_build(self, folder):
        log = Path(folder) / "meson-logs" / "testlog.json"
        build = Path(folder).name
        try:
            text = log.read_text(encoding="utf-8", errors="replace")
            records = [json.loads(line) for line in text.splitlines() if line]
        except (OSError, ValueError):
            records = []
        if not records:
            self.failures.append(f"{build}: did not build, or ran no test")
        for record in records:
            self.add_program(build, record)

    def report(self, out):
        for where, lines in self.outputs:
            print(f"\n--- {where}", *lines, sep="\n", file=out)
        if self.reasons:
            print("\nskipped:", file=out)
        for (program, reason), cases in self.reasons.items():
            print(f"  {program}: {reason} ({cases})", file=out)
        if self.failures:
            print("\nfailed:", *(f"  {f}" for f in self.failures), sep="\n", file=out)
        print(f"\n{self.passed} passed, {len(self.failures)} failed, {self.skipped} skipped",
              file=out)
        return 1 if self.failures or not self.passed else 0


def died(record):
    code = record.get("returncode", 0)
    return record["result"] in ("TIMEOUT", "INTERRUPT") or code < 0 or code > 128


def how(record, complete):
    if record["result"] == "TIMEOUT":
        return "ran out of time"
    if died(record):
        return f"died (status {record['returncode']})"
    if not complete:
        return f"stopped before its last case (status {record['returncode']})"
    return f"failed (status {record['returncode']})"


def worth_reading(stdout, stderr):
    """What a program printed, without the cases that passed; its end when it is long."""
    lines = [l for l in stdout.splitlines() if not l.startswith("ok ")] + stderr.splitlines()
    left_out = len(lines) - OUTPUT_LINES
    if left_out > 0:
        return [f"... {left_out} lines left out"] + lines[left_out:]
    return lines


def main(folders):
    tally = Tally()
    for folder in folders:
        tally.add_build(folder)
    return tally.report(sys.stdout)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
