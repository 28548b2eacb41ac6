"""Cases as functions, output as TAP: what the tests of the test tools share."""

import sys
import traceback


def run(cases):
    """Runs (name, function) pairs; the exit status. AssertionError fails a case."""
    print(f"1..{len(cases)}")
    failed = 0
    for number, (name, case) in enumerate(cases, 1):
        try:
            case()
        except Exception:  # whatever it is, the next case is worth running
            failed += 1
            print(f"not ok {number} - {name}")
            print(*(f"# {line}" for line in traceback.format_exc().splitlines()), sep="\n")
        else:
            print(f"ok {number} - {name}")
    sys.stdout.flush()
    return 1 if failed else 0
