"""Stands in for an OpenClaw gateway in a task of the fake: answers what the engine asks of one, and
knows its router by the pass, as agent/FACTS.md has it."""

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST, PORT = os.environ["FAKE_AWS_ADDRESS"].rsplit(":", 1)
PASS = os.environ["TEAMCLAW_PASS"]
# How often it looks whether the fake that started it is still there.
LOOK_EVERY_S = 0.5
# How long after it is asked its one piece of scheduled work is due, if it has any.
WORK_AFTER_S = float(os.environ.get("WORK_AFTER_S", "0"))
SUSPENDED = {"status": "ready", "suspensionId": "s-1", "blockers": []}


def said(method: str) -> object:
    """What it says to a question of the engine."""
    if method == "gateway.suspend.prepare":
        return SUSPENDED
    if method == "cron.list" and WORK_AFTER_S:
        due = int((time.time() + WORK_AFTER_S) * 1000)
        return {"jobs": [{"enabled": True, "nextRunAtMs": due}]}
    return {}


def end_with_parent(parent: int) -> None:
    """A fake that was killed stops none of its tasks: whoever has another parent now is nobody's."""
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    os._exit(0)


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
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", "0"))))
        if PASS in self.headers:
            self.answer(200, {"ok": True, "payload": said(asked["method"])})
        else:
            self.answer(401, {"ok": False, "error": {"message": "unauthorized"}})

    def log_message(self, *_: object) -> None:
        """Says nothing."""


threading.Thread(target=end_with_parent, args=(os.getppid(),), daemon=True).start()
ThreadingHTTPServer((HOST, int(PORT)), Agent).serve_forever()
