#!/usr/bin/env python3
"""tests/tally.py counts what ran, and takes nothing that did not run for a success."""

import io
import json
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]
import tally  # noqa: E402
import tap  # noqa: E402


def report(*builds):
    """(status, lines) for builds of (result, returncode, stdout) or None for no log."""
    with tempfile.TemporaryDirectory(prefix="sparsetop-tally-") as folder:
        folders = []
        for i, programs in enumerate(builds):
            logs = Path(folder) / f"build{i}" / "meson-logs"
            logs.mkdir(parents=True)
            folders.append(str(logs.parent))
            if programs is not None:
                (logs / "testlog.json").write_text("".join(
                    json.dumps({"name": f"p{n}", "result": result, "returncode": code,
                                "stdout": stdout, "stderr": "said on stderr"}) + "\n"
                    for n, (result, code, stdout) in enumerate(programs)))
        out, total = io.StringIO(), tally.Tally()
        for f in folders:
            total.add_build(f)
        status = total.report(out)
    return status, out.getvalue().splitlines()


def expect(closing, status, *builds, says=()):
    def case():
        got_status, lines = report(*builds)
        assert lines[-1] == closing, lines
        assert got_status == status, got_status
        for text, times in says:
            assert sum(text in line for line in lines) == times, (text, lines)
    return case


GOOD = ("OK", 0, "1..2\nok 1 - a\nok 2 - b\n")
SKIPS = ("OK", 0, "1..3\nok 1 - a\n# SKIP no driver\nnot ok 2 # SKIP b\nok 3 - c # SKIP no net\n")
CASES = [
    ("passes add up over builds", expect("4 passed, 0 failed, 0 skipped", 0, [GOOD], [GOOD])),
    ("a skip is counted each time, its reason printed once",
     expect("2 passed, 0 failed, 4 skipped", 0, [SKIPS], [SKIPS],
            says=[("no driver (2)", 1), ("no net (2)", 1)])),
    ("a skipped program", expect("2 passed, 0 failed, 1 skipped", 0, [
        GOOD, ("SKIP", 0, "1..0 # SKIP no vterm\n")], says=[("p1: no vterm", 1)])),
    ("a failed case is named, its output shown, the good cases are not", expect(
        "1 passed, 1 failed, 0 skipped", 1,
        [("ERROR", 1, "1..2\nok 1 - a\nnot ok 2 - b\n# 1 != 2\n")],
        says=[("build0: p0: b", 1), ("# 1 != 2", 1), ("ok 1", 0), ("said on stderr", 1)])),
    ("a crash is a failure", expect("1 passed, 1 failed, 0 skipped", 1, [
        ("ERROR", -11, "1..3\nok 1 - a\n")], says=[("died (status -11)", 1)])),
    ("a crash after a failed case is one more", expect("0 passed, 2 failed, 0 skipped", 1, [
        ("ERROR", -6, "1..3\nnot ok 1 - a\n")])),
    ("a program that stops early", expect("1 passed, 1 failed, 0 skipped", 1, [
        ("ERROR", 0, "1..3\nok 1 - a\n")], says=[("stopped before its last case", 1)])),
    ("a sanitizer's word after all cases", expect("2 passed, 1 failed, 0 skipped", 1, [
        ("ERROR", 1, GOOD[2])], says=[("failed (status 1)", 1)])),
    ("a timeout", expect("0 passed, 1 failed, 0 skipped", 1, [
        ("TIMEOUT", -15, "1..3\n")], says=[("ran out of time", 1)])),
    ("programs without TAP", expect("1 passed, 1 failed, 1 skipped", 1, [
        ("OK", 0, ""), ("FAIL", 1, ""), ("SKIP", 77, "")])),
    ("a build that failed", expect("2 passed, 1 failed, 0 skipped", 1, [GOOD], None,
                                   says=[("build1: did not build", 1)])),
    ("a build without tests", expect("2 passed, 1 failed, 0 skipped", 1, [GOOD], [])),
    ("only skips is no success", expect("0 passed, 0 failed, 1 skipped", 1, [
        ("SKIP", 0, "1..0 # SKIP all\n")])),
]

if __name__ == "__main__":
    sys.exit(tap.run(CASES))
