#!/usr/bin/env python3
"""Writes core/lib/presets_generated.c from core/presets/*.json; with --check only says whether it is current.

The C file is committed, so that nobody who builds the library needs Python.
"""
import json
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
TARGET = HERE.parent / "lib" / "presets_generated.c"
HEADER = """/*
 * The presets, made from core/presets by its make_presets.py: change them there and run it. Holds text only; what it means is
 * the reader's business.
 */
#include "presets.h"

"""


def c_string(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def row(path):
    text = json.dumps(json.loads(path.read_text(encoding="utf-8")), ensure_ascii=True)
    pieces = [text[i : i + 80] for i in range(0, len(text), 80)]
    lines = "\n".join("     " + c_string(piece) for piece in pieces)
    return f"    {{{c_string(path.stem)},\n{lines}}},\n"


def generate():
    rows = "".join(row(path) for path in sorted(HERE.glob("*.json")))
    return f"{HEADER}const struct styro_preset styro_presets[] = {{\n{rows}    {{0}},\n}};\n"


def replace_target(text):
    """Made beside it: a full disk must not leave half of a committed file."""
    fresh = TARGET.with_name(TARGET.name + ".new")
    try:
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, TARGET)
    finally:
        fresh.unlink(missing_ok=True)


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit("usage: make_presets.py [--check]")
    text = generate()
    if not arguments:
        replace_target(text)
    elif TARGET.read_text(encoding="utf-8") != text:
        sys.exit(f"{TARGET.name} is not current: run core/presets/make_presets.py")


main(sys.argv[1:])
