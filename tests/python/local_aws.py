"""Runs ministack, a local AWS, until standard input ends: whoever started it has ended then too."""

import os
import sys
import threading


def end_with_parent() -> None:
    """Waits for the end of standard input, which a killed parent brings as well."""
    sys.stdin.buffer.read()
    os._exit(0)


threading.Thread(target=end_with_parent, daemon=True).start()
sys.argv = ["ministack"]

import aws_contract  # noqa: E402, F401  (after the thread: importing it takes a moment)
from ministack.app import main  # noqa: E402

main()
