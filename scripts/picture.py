#!/usr/bin/env python3
"""Turns what a terminal was sent into an SVG picture of that terminal.

Remakes docs/demo.svg (`script` gives the demonstration a terminal, so that it shows its colours):

    script -qec 'target/debug/teamclaw up --demo --exit --data /var/lib/teamclaw-demo' /dev/null \
        | scripts/picture.py 'teamclaw up --demo --exit' > docs/demo.svg

The argument is the command to show before the output. It understands text, lines, bold, dim and
the eight colours; it refuses every other escape sequence, rather than draw something else than
what was on the screen. It must not change a word of the output.
"""

import re
import sys
from html import escape

FONT_PX, ADVANCE_PX, LINE_PX = 14, 8.43, 19
MARGIN_PX, BAR_PX = 18, 34
# SGR parameters 31 to 36 on a dark ground; each has a contrast of at least 4.5 to 1.
COLOURS = ["#ff8f80", "#7fd99a", "#f0c674", "#8fb8ff", "#d6a2e8", "#7fd5d5"]
INK, DIM, GROUND, BAR = "#e6e6e3", "#9a9fa6", "#17181a", "#232528"
SEQUENCE = re.compile(r"\x1b\[([0-9;]*)m")
# Viewers do not agree on whether more than one space counts, so what is drawn has none.
WORDS = re.compile(r"\S+(?: \S+)*")


def style_after(codes: str, style: dict) -> dict:
    """The style that holds after an SGR sequence."""
    for code in (int(part or 0) for part in codes.split(";")):
        if code == 0:
            style = {}
        elif code == 1:
            style = {**style, "font-weight": "bold"}
        elif code == 2:
            style = {**style, "fill": DIM}
        elif code == 22:
            style = {k: v for k, v in style.items() if k != "font-weight" and v != DIM}
        elif 31 <= code <= 36:
            style = {**style, "fill": COLOURS[code - 31]}
        elif code == 39:
            style = {k: v for k, v in style.items() if k != "fill"}
        else:
            sys.exit(f"who draws the sequence {code}?")
    return style


def spans(lines: list[str]):
    """For each line, what is drawn alike: the column, the text and its style."""
    style = {}
    for line in lines:
        column, found = 0, []
        # Splitting by a pattern with one group gives text and codes in turn.
        for number, part in enumerate(SEQUENCE.split(line)):
            if number % 2:
                style = style_after(part, style)
            else:
                found += [(column + words.start(), words[0], style) for words in WORDS.finditer(part)]
                column += len(part)
        yield found


def picture(output: str, command: str) -> str:
    """The SVG of a command and its output."""
    lines = output.replace("\r\n", "\n").strip("\n").split("\n")
    lines = [f"\x1b[2m$\x1b[0m {command}", *lines]
    if any("\x1b" in SEQUENCE.sub("", line) or "\r" in line for line in lines):
        sys.exit("the output moves the cursor: there is no one picture of it")
    columns = max(len(SEQUENCE.sub("", line)) for line in lines)
    width = round(columns * ADVANCE_PX) + 2 * MARGIN_PX
    height = BAR_PX + len(lines) * LINE_PX + 2 * MARGIN_PX
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(command)}, in a terminal">',
        f'<rect width="{width}" height="{height}" rx="10" fill="{GROUND}"/>',
        f'<path d="M0 {BAR_PX}V10A10 10 0 0 1 10 0H{width - 10}a10 10 0 0 1 10 10v{BAR_PX - 10}z" fill="{BAR}"/>',
        *(f'<circle cx="{20 + 20 * at}" cy="{BAR_PX / 2}" r="6" fill="{colour}"/>'
          for at, colour in enumerate(["#e0675a", "#d9a441", "#5cae6b"])),
        f'<g fill="{INK}" font-size="{FONT_PX}" '
        'font-family="ui-monospace, Menlo, Consolas, \'DejaVu Sans Mono\', monospace">',
    ]
    for row, found in enumerate(spans(lines)):
        y = BAR_PX + MARGIN_PX + FONT_PX + row * LINE_PX
        for column, text, style in found:
            # Whatever the reader's font is, columns stay under each other.
            x, long = MARGIN_PX + column * ADVANCE_PX, len(text) * ADVANCE_PX
            looks = "".join(f' {name}="{value}"' for name, value in style.items())
            out.append(f'<text x="{x:.1f}" y="{y}" textLength="{long:.1f}"{looks}>{escape(text)}</text>')
    return "\n".join([*out, "</g>", "</svg>", ""])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.stdout.write(picture(sys.stdin.read(), sys.argv[1]))
