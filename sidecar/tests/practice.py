"""What a sidecar is usually asked, for one that counts which way its code goes: practice.py PROGRAM [ROUNDS].

The golden answers of every provider, each to a prompt of a line, of a page and of a book, over
connections that are kept and over new ones. It is no test of what they say, `golden.rs` is; but any
answer other than 200 ends it, and so does a program that does not end in good order.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

program = Path(sys.argv[1]).resolve()
TOKEN = "tc_" + "0" * 64
# One that every provider takes; a ChatGPT token has an account in it.
KEY = "h.eyJodHRwczovL2FwaS5vcGVuYWkuY29tL2F1dGgiOnsiY2hhdGdwdF9hY2NvdW50X2lkIjoiYWNjLTEifX0.s"
# As long as a question, a page, an agent's turn, and its turn after it has read files.
PROMPTS = [100, 2_000, 30_000, 200_000]
CLIENTS = 16
# How often each asks everything; by default some seconds in all.
ROUNDS = int((sys.argv[2:] or ["8"])[0])
# A client makes a new connection after so many requests.
KEPT = 40


def golden():
    """Path, body and answer of each case that is plain text to an ordinary prompt."""
    for file in sorted((Path(__file__).parent / "golden").glob("*.txt")):
        head, answer = file.read_text().split("\n\n", 1)
        head = dict(line.split(": ", 1) for line in head.splitlines())
        if "hello there" in head["body"] and not head.keys() & {"frames", "dress", "fill", "ends"}:
            yield head["request"], head["body"], head.get("type", "application/json"), answer


CASES = list(golden())


def pieces(kind, answer):
    """The answer as it is sent: a document whole, a stream event by event."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n"
    if not kind.startswith("text/event-stream"):
        return [f"{head}content-length: {len(answer.encode())}\r\n\r\n{answer}".encode()]
    events = [event.encode() for event in re.findall(r".+?(?:\n\n|$)", answer, re.S)]
    chunks = [b"%x\r\n%s\r\n" % (len(event), event) for event in events]
    return [f"{head}transfer-encoding: chunked\r\n\r\n".encode(), *chunks, b"0\r\n\r\n"]


ANSWERS = [pieces(kind, answer) for _, _, kind, answer in CASES]


def message(stream):
    """A request or an answer, head and body; nothing when the other has hung up."""
    head = b"".join(iter(lambda: line if (line := stream.readline()).strip() else b"", b""))
    if sized := re.search(rb"content-length: (\d+)", head, re.I):
        return head, stream.read(int(sized[1]))
    body = b""
    while head and (length := int(stream.readline(), 16)):
        body += stream.read(length + 2)[:-2]
    return head, head and body + stream.readline()


def provide(connection):
    """Answers each request with what its prompt asks for."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = connection.makefile("rb")
    while (asked := message(stream))[0]:
        for piece in ANSWERS[int(re.search(rb"hello there, number (\d+)", asked[1])[1])]:
            connection.sendall(piece)


def providers():
    """All of them, at one port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            threading.Thread(target=provide, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def client(port, first, failed):
    """Asks everything in turn, beginning with its own."""
    connection, stream = None, None
    try:
        for n in range(ROUNDS * len(CASES)):
            if n % KEPT == 0:
                connection = socket.create_connection(("127.0.0.1", port))
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                stream = connection.makefile("rb")
            number = (first + n) % len(CASES)
            path, body, _, _ = CASES[number]
            prompt = f"hello there, number {number} " + "lorem ipsum\\n" * (PROMPTS[(first + n // 3) % len(PROMPTS)] // 13)
            body = body.replace("hello there", prompt)
            head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {TOKEN}\r\n" \
                f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body.encode())
            answer = message(stream)
            assert answer[0].startswith(b"HTTP/1.1 200"), (path, answer)
    except Exception as trouble:  # told by whoever waits for it
        failed.append(trouble)


def practise(place):
    ids = sorted({path.split("/")[1] for path, *_ in CASES})
    keys = place / "keys.json"
    keys.write_text(json.dumps({"providers": {id: {"keys": [KEY]} for id in ids}}))
    keys.chmod(0o600)
    provider = providers()
    upstreams = [word for id in ids for word in ("--upstream", f"{id}=http://127.0.0.1:{provider}")]
    running = subprocess.Popen(
        [program, "--listen", "127.0.0.1:0", "--keys", keys, "--usage", place / "usage.jsonl", *upstreams],
        env={**os.environ, "TEAMCLAW_TOKEN": TOKEN}, stdout=subprocess.PIPE, text=True,
    )
    try:
        port = int(running.stdout.readline().rsplit(":", 1)[1])
        failed = []
        clients = [threading.Thread(target=client, args=(port, n, failed)) for n in range(CLIENTS)]
        for one in clients:
            one.start()
        for one in clients:
            one.join()
        assert not failed, failed[0]
    finally:
        running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=60) == 0
    counted = (place / "usage.jsonl").read_text().count("\n")
    assert counted == CLIENTS * ROUNDS * len(CASES), counted
    print(f"{counted} requests to {len(ids)} providers, all counted", file=sys.stderr)


with tempfile.TemporaryDirectory() as place:
    practise(Path(place))
