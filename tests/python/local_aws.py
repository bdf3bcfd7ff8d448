"""Runs ministack, a local AWS, until standard input ends: whoever started it has ended then too."""

import sys

from parent import end_with_parent

end_with_parent()
sys.argv = ["ministack"]

import aws_contract  # noqa: E402, F401  (after the thread: importing it takes a moment)
from ministack.app import main  # noqa: E402

main()
