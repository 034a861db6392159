#!/usr/bin/env python3
"""Line coverage of core/lib and core/wire by the unit tests: `coverage.py BUILD [--lines]`.

BUILD is a tree of the preset `coverage` after its unit tests ran. Prints a line a source file, least covered first, and the
sum; --lines adds the numbers of the lines that no test reached. Generated files and what runs in the helper alone are left
out. Never fails: a mirror, not a gate.
"""
import collections
import json
import pathlib
import subprocess
import sys

WANTED = ("core/lib/", "core/wire/")


def reports(build):
    """gcov's view of every object that ran, a dictionary a file."""
    notes = sorted(str(path) for path in build.rglob("*.gcda"))
    for start in range(0, len(notes), 50):
        command = ["gcov", "--json-format", "--stdout", *notes[start : start + 50]]
        out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, cwd=build).stdout
        yield from (json.loads(line) for line in out.decode().splitlines() if line.startswith("{"))


def collect(build, root):
    """How often each line of each wanted file ran, over all objects that hold it."""
    counts = collections.defaultdict(lambda: collections.Counter())
    for report in reports(build):
        for file in report["files"]:
            path = pathlib.Path(report["current_working_directory"], file["file"]).resolve()
            name = str(path.relative_to(root)) if path.is_relative_to(root) else ""
            if name.startswith(WANTED) and "_generated" not in name:
                for line in file["lines"]:
                    counts[name][line["line_number"]] += line["count"]
    return counts


def ranges(numbers):
    """[1, 2, 3, 7] as `1-3 7`."""
    parts = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    counts = collect(build, pathlib.Path.cwd().resolve())
    rows, lines, reached = [], 0, 0
    for name, hits in counts.items():
        missed = [number for number, count in hits.items() if count == 0]
        rows.append((1 - len(missed) / len(hits), name, len(hits), missed))
        lines, reached = lines + len(hits), reached + len(hits) - len(missed)
    for share, name, n, missed in sorted(rows):
        print(f"{100 * share:5.1f} % of {n:4} lines  {name}" + (f"  {ranges(missed)}" if "--lines" in sys.argv else ""))
    print(f"{100 * reached / max(1, lines):5.1f} % of {lines} lines in {len(rows)} files")


if __name__ == "__main__":
    main()
