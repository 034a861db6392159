#!/usr/bin/env python3
"""Sums test results: `sum.py DIRECTORY`, or `sum.py --suite DIRECTORY NAME SECONDS` for one suite.

For each suite NAME the directory holds NAME.rc (exit status) and, where the runner wrote one, NAME.xml (JUnit) or NAME.tap.
A suite with neither is one test. A suite that failed without a failed test counts as one failure. The last line is
`N passed, N failed, N skipped`; the exit status is 1 when anything failed or nothing was run.
"""
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

SKIPPED = 77  # the exit status by which a suite says that it cannot run here


def count_junit(path):
    """Counts each <testcase> once, whatever its set-up and tear-down said besides."""
    passed = failed = skipped = 0
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def count_tap(path):
    passed = failed = skipped = 0
    for line in path.read_text(errors="replace").splitlines():
        if line.startswith("not ok"):
            failed += 1
        elif line.startswith("ok"):
            if "# skip" in line.lower():
                skipped += 1
            else:
                passed += 1
    return passed, failed, skipped


def count_suite(directory, name):
    status = int((directory / f"{name}.rc").read_text())
    if status == SKIPPED:
        return 0, 0, 1
    for suffix, count in ((".xml", count_junit), (".tap", count_tap)):
        path = directory / (name + suffix)
        if path.exists():
            try:
                passed, failed, skipped = count(path)
            except ElementTree.ParseError:  # the runner was killed while it wrote
                return 0, 1, 0
            return passed, failed or int(status != 0), skipped
    return int(status == 0), int(status != 0), 0


def line(counts):
    return "{} passed, {} failed, {} skipped".format(*counts)


def main():
    if len(sys.argv) == 5 and sys.argv[1] == "--suite":
        print(f"   {line(count_suite(pathlib.Path(sys.argv[2]), sys.argv[3]))} ({sys.argv[4]} s)")
        return 0
    directory = pathlib.Path(sys.argv[1])
    counts = [count_suite(directory, path.stem) for path in sorted(directory.glob("*.rc"))]
    total = [sum(column) for column in zip(*counts)] or [0, 0, 0]
    print(line(total))
    return 1 if total[1] or not counts else 0


if __name__ == "__main__":
    sys.exit(main())
