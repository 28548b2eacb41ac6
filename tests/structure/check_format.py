#!/usr/bin/env python3
"""One TAP case: every C file is laid out as .clang-format says.

    check_format.py [--fix]

Releases of clang-format disagree about details; ours is the one of Debian 12, and with any
other the case is skipped.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("src", "profiler", "sessions", "ui", "tests")
RELEASE = "14"
CASE = "the code is laid out as .clang-format says"


def release():
    """clang-format's major version, or None without one."""
    try:
        said = subprocess.run(["clang-format", "--version"], capture_output=True, text=True)
    except OSError:
        return None
    found = re.search(r"version (\d+)", said.stdout)
    return found[1] if found else None


def unformatted(said):
    """{file: its first line to change} from what clang-format --dry-run said."""
    first = {}
    for file, line in re.findall(r"^([^:\n]+):(\d+):\d+: error: ", said, re.MULTILINE):
        first.setdefault(file, line)
    return first


def main(arguments):
    fix = arguments == ["--fix"]
    if arguments and not fix:
        sys.exit(__doc__)
    files = sorted(str(f.relative_to(ROOT)) for folder in FOLDERS
                   for f in (ROOT / folder).rglob("*.[ch]"))
    found = release()
    why_not = None
    if found != RELEASE:
        why_not = f"needs clang-format {RELEASE}, {f'this is {found}' if found else 'there is none'}"
    if fix:
        sys.exit(why_not or subprocess.run(["clang-format", "-i", *files], cwd=ROOT).returncode)

    print("1..1")
    if why_not:
        print(f"ok 1 - {CASE} # SKIP {why_not}")
        return 0
    check = subprocess.run(["clang-format", "--dry-run", "-Werror", *files], cwd=ROOT,
                           capture_output=True, text=True)
    print(f"{'not ok' if check.returncode else 'ok'} 1 - {CASE}")
    if check.returncode:
        places = unformatted(check.stderr)
        for file, line in places.items():
            print(f"# {file}:{line} and on")
        if not places:
            print(check.stderr, file=sys.stderr)
        print("# ./dev fmt --fix lays them out")
    return check.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
