"""Stands in for an OpenClaw gateway in a task of the fake: answers what the engine asks of one, and
knows its router by the pass, as agent/FACTS.md has it."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST, PORT = os.environ["FAKE_AWS_ADDRESS"].rsplit(":", 1)
PASS = os.environ["TEAMCLAW_PASS"]


class Agent(BaseHTTPRequestHandler):
    """One request."""

    def answer(self, status: int, value: object) -> None:
        """Answers JSON."""
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """It is ready at once."""
        self.answer(200, {"ready": True, "failing": []})

    def do_POST(self) -> None:
        """Whoever does not know the pass is not let in."""
        self.rfile.read(int(self.headers.get("content-length", "0")))
        if PASS in self.headers:
            self.answer(200, {"ok": True, "payload": {}})
        else:
            self.answer(401, {"ok": False, "error": {"message": "unauthorized"}})

    def log_message(self, *_: object) -> None:
        """Says nothing."""


ThreadingHTTPServer((HOST, int(PORT)), Agent).serve_forever()
