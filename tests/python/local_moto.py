"""Runs moto, another local AWS, until standard input ends. It listens at the port in `GATEWAY_PORT`."""

import os

from parent import end_with_parent

end_with_parent()

from moto.server import main  # noqa: E402  (after the thread: importing it takes a moment)

main(["--host", "127.0.0.1", "--port", os.environ["GATEWAY_PORT"]])
