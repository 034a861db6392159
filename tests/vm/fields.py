#!/usr/bin/env python3
"""Which fields of a request were in none that ran in the test machine: fields.py RECORD... reads what harness.py recorded there, a
request a line, and fails with their names.
"""
import json
import pathlib
import sys

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "docs" / "request.schema.json"
# Whose keys are names of the caller's own, or of rows that are all alike.
ANY_KEY = {"/paths", "/env"}
# Read and checked today, refused by every run; the two ends of a limit are seen at one of them.
LEFT_OUT = ("/limits",)
ENDS = ("/soft", "/hard")


def fields_below(schema, path=""):
    """Every field that the schema names, as a pointer; * stands for a key or an index."""
    for key, value in schema.get("properties", {}).items():
        yield f"{path}/{key}"
        yield from fields_below(value, f"{path}/{key}")
    for form in ("oneOf", "anyOf", "allOf"):
        for one in schema.get(form, []):
            yield from fields_below(one, path)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from fields_below(schema[key], path + "/*")


def fields_in(value, path=""):
    """The fields of one request, named in the same way."""
    if isinstance(value, dict):
        for key, one in value.items():
            inner = f"{path}/{'*' if path in ANY_KEY else key}"
            yield inner
            yield from fields_in(one, inner)
    elif isinstance(value, list):
        for one in value:
            yield from fields_in(one, path + "/*")


def missing(schema, requests):
    seen = {field for request in requests for field in fields_in(request)}
    return sorted(field for field in set(fields_below(schema)) - seen
                  if not field.startswith(LEFT_OUT) and not field.endswith(ENDS))


def main(records):
    requests = [json.loads(line) for record in records for line in pathlib.Path(record).read_text().splitlines()]
    left = missing(json.loads(SCHEMA.read_text()), requests)
    for field in left:
        print(f"no request that ran in the test machine says {field}: mark a test of it `kernel`, or say it in test_kernels_together.py")
    print(f"{len(requests)} requests; fields left out: {len(left)}")
    return 1 if left or not requests else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
