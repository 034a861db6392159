#!/usr/bin/env python3
"""Figures of the C code below a directory, as a mirror: `figures.py [DIRECTORY]` (default core). Never fails.

A function is a `{` at column 0 that follows a line which is not a struct, enum, union or initialiser, up to its `}`.
"""
import pathlib
import re
import sys


def function_lengths(lines):
    start = None
    for number, line in enumerate(lines):
        if line.startswith("{") and number and not re.match(r"(struct|union|enum|typedef)\b|.*=\s*$", lines[number - 1]):
            start = number - 1
        elif line.startswith("}") and start is not None:
            yield number - start + 1, start + 1
            start = None


def comment_lines(text):
    comments = re.findall(r"/\*.*?\*/|//[^\n]*", text, flags=re.S)
    return sum(comment.count("\n") + 1 for comment in comments)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "core")
    functions, total, comments, files = [], 0, 0, 0
    for path in sorted(path for suffix in ("*.c", "*.h") for path in root.rglob(suffix)):
        if path.stem.endswith("_generated") or path.name == "id.h":
            continue
        text = path.read_text(errors="replace")
        lines = text.splitlines()
        files, total, comments = files + 1, total + len(lines), comments + comment_lines(text)
        functions += [(length, f"{path}:{start}") for length, start in function_lengths(lines)]
    if not functions:
        print(f"no functions below {root}")
        return
    functions.sort()
    pick = [functions[int(share * (len(functions) - 1))][0] for share in (0.5, 0.95)]
    print(f"{root}: {files} files, {total} lines, {100 * comments // total} % with comments, {len(functions)} functions")
    print(f"length of a function: median {pick[0]} (aim 12), 95th percentile {pick[1]} (45), longest {functions[-1][0]} (80)")
    for length, where in reversed(functions[-5:]):
        print(f"  {length:4} {where}")


if __name__ == "__main__":
    main()
