"""Judges events by events.schema.json with a validator that is not ours.

    validate_schema.py SCHEMA FOLDER...

Prints one line for each .json file of the folders: "good FOLDER/FILE" or "bad FOLDER/FILE". A file
of the form {"why": ..., "event": ...} is judged by its event. Exits with 0 when every file was
judged, whatever the verdicts; an invalid schema or an unreadable file is an error.
"""

import json
import pathlib
import re
import sys

from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators


def pattern(validator, expression, instance, schema):
    """`pattern` as JSON Schema means it: in ECMA 262 a `$` matches at the very end only, in
    Python's `re` also before a last newline."""
    if validator.is_type(instance, "string"):
        if not re.search(re.sub(r"\$$", r"\\Z", expression), instance):
            yield ValidationError(f"{instance!r} does not match {expression!r}")


def main(schema_file, folders):
    schema = json.loads(pathlib.Path(schema_file).read_text())
    Draft202012Validator.check_schema(schema)
    formats = FormatChecker(formats=["date-time"])
    if formats.conforms("2026-02-30T00:00:00Z", "date-time"):
        sys.exit("rfc3339-validator is not installed: dates would not be checked")
    judge = validators.extend(Draft202012Validator, {"pattern": pattern})(
        schema, format_checker=formats
    )
    for folder in map(pathlib.Path, folders):
        for file in sorted(folder.glob("*.json")):
            event = json.loads(file.read_text())
            if "why" in event:
                event = event["event"]
            verdict = "good" if judge.is_valid(event) else "bad"
            print(f"{verdict} {folder.name}/{file.name}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
