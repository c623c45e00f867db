# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""The smallest test harness: functions named test_* of a module run in order, and one line says how it went.

A test fails by any exception, or when it takes longer than LIMIT; `expect` raises one that shows both values.
"""

import signal
import sys
import time
import traceback

LIMIT = 120  # seconds for one test


def too_long(*_):
    raise TimeoutError(f"the test took more than {LIMIT} s")


def expect(got, wanted, what=""):
    if got != wanted:
        raise AssertionError(f"{what or 'value'}: got {got!r:.2000}, wanted {wanted!r:.2000}")


def run(name, scope):
    """Runs the tests in `scope` (a module's globals()), or those that contain a word of the command line; exits."""
    chosen = sys.argv[1:]
    passed = failed = 0
    for key, function in list(scope.items()):
        if not key.startswith("test_") or (chosen and not any(word in key for word in chosen)):
            continue
        start = time.monotonic()
        signal.signal(signal.SIGALRM, too_long)
        signal.alarm(LIMIT)
        try:
            function()
            passed += 1
        except Exception:  # noqa: BLE001 (whatever it is, the test failed)
            failed += 1
            print(f"{name}: {key} FAILED after {time.monotonic() - start:.1f} s")
            traceback.print_exc(file=sys.stdout)
        finally:
            signal.alarm(0)
            sys.stdout.flush()
    print(f"{name}: {passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)
