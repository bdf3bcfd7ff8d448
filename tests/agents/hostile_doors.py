"""What a hostile agent tries at the doors that it can reach: its own sidecar above all.

Loaded by hostile.py when it lies beside it, in a test of the whole pipeline. Everything here is
sent over bare sockets, so that no library repairs what is meant to be odd. Answers are reported
word for word: the test looks for secrets in them.
"""

import errno
import hashlib
import json
import os
import re
import socket
import time

TOKEN = os.environ["TEAMCLAW_TOKEN"]
PORT = int(os.environ["TEAMCLAW_PORT"])
HOME = os.environ["TEAMCLAW_HOME"] if "TEAMCLAW_HOME" in os.environ else os.environ["HOME"]
SIDECAR = int(os.environ["TEAMCLAW_SIDECAR"].rsplit(":", 1)[1])
FORMER = os.path.join(HOME, "former-token")
# HTTPS, HTTP and DNS are open on any machine, by design.
OUTWARD = (53, 80, 443)
ASK = {"model": "claude-sonnet-4-6", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}

# A token is worthless within so many seconds after its end.
WORTHLESS_AFTER = 5
BORN = time.monotonic()

# Kept for the next life in this home, when this token must be worth nothing.
LAST_LIFE = open(FORMER).read() if os.path.exists(FORMER) else None
with open(FORMER, "w") as kept:
    kept.write(TOKEN)


def exchange(raw, port=None, limit=1 << 20):
    """Sends bytes to the sidecar and gives everything that comes back."""
    with socket.create_connection(("127.0.0.1", port or SIDECAR), timeout=10) as opened:
        opened.sendall(raw)
        opened.settimeout(10)
        got = b""
        try:
            while len(got) < limit and (more := opened.recv(65536)):
                got += more
        except OSError:
            pass  # an answer that is cut short is looked at as far as it came
        return got


def request(method, place, headers=(), body=b"", token=TOKEN):
    """A request with one's own token, unless another is given or it is None."""
    lines = [f"{method} {place} HTTP/1.1", f"Host: 127.0.0.1:{SIDECAR}", "Connection: close"]
    if token is not None:
        lines.append(f"x-api-key: {token}")
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines += [f"Content-Length: {len(body)}", "Content-Type: application/json"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape") + body


def passed(answer):
    """Whether anybody but the sidecar itself answered, or it did what was asked."""
    if not answer.startswith(b"HTTP/1."):
        return 0
    status = int(answer.split(b" ", 2)[1])
    head, _, body = answer.partition(b"\r\n\r\n")
    refused = status >= 400 and (b"teamclaw: " in body or body == b"")
    # Two answers are one too many: the second is to something that was smuggled.
    return 0 if refused and answer.count(b"HTTP/1.1 ") == 1 else 1


class Got(Exception):
    """How much was got, and what was said."""


def tried(requests):
    """Sends each and reports how many were not refused, and all distinct answers' first lines."""
    got, said = [], set()
    for what, raw in requests:
        try:
            answer = exchange(raw)
        except OSError as error:
            said.add(type(error).__name__)
            continue
        said.add(answer[:12].decode("latin-1") or "closed")
        if passed(answer):
            got.append(f"{what!r}: {answer[:300]!r}")
    raise Got(len(got), "; ".join(got or sorted(said)))


def messages(token, headers=()):
    body = json.dumps(ASK).encode()
    return request("POST", "/anthropic/v1/messages", headers, body, token)


def control():
    """A request that must work, or the refusals mean nothing."""
    return exchange(messages(TOKEN)).startswith(b"HTTP/1.1 200")


def made_up_tokens():
    other = TOKEN[:-1] + ("0" if TOKEN[-1] != "0" else "1")
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    made_up = [
        other, TOKEN[:-1], TOKEN + "0", TOKEN.upper(), TOKEN[3:], "tc_" + "0" * 64, "tc_" + digest,
        digest, "tc_", "x", " ", "null", "*", "%", "' OR 1=1 --", "../operator.json", "bob",
        "Bearer " + TOKEN, "a" * 10_000, "\u00e9", TOKEN + "\0",
    ]
    tried([(token[:80], messages(token)) for token in made_up])


def tokens_in_wrong_places():
    basic = [
        ("nothing", messages(None)),
        ("basic", messages(None, [("Authorization", f"Basic {TOKEN}")])),
        ("cookie", messages(None, [("Cookie", f"x-api-key={TOKEN}; teamclaw_session={TOKEN}")])),
        ("proxy", messages(None, [("Proxy-Authorization", f"Bearer {TOKEN}")])),
        ("two", messages(TOKEN, [("Authorization", "Bearer tc_" + "0" * 64)])),
        ("two of one", messages(TOKEN, [("x-api-key", "tc_" + "0" * 64)])),
        ("query", request("POST", f"/anthropic/v1/messages?key={TOKEN}", (), b"{}", None)),
    ]
    tried(basic)


def former_token():
    if LAST_LIFE is None:
        raise LookupError("this is the first life in this home")
    time.sleep(max(0, BORN + WORTHLESS_AFTER - time.monotonic()))
    tried([("former", messages(LAST_LIFE)), ("bearer", messages(None, [
        ("Authorization", f"Bearer {LAST_LIFE}")]))])


STORED = [
    "/v1/files", "/v1/files/file-1", "/v1/files/file-1/content", "/v1/batches", "/v1/uploads",
    "/v1/messages/batches", "/v1/messages/batches/b/results", "/v1/organizations",
    "/v1/organizations/api_keys", "/v1/organizations/me", "/v1/organization/admin_api_keys",
    "/v1/organization/usage/completions", "/v1/organization/costs", "/v1/responses/resp_1",
    "/v1/responses/resp_1/input_items", "/v1/conversations/c", "/v1/assistants", "/v1/threads",
    "/v1/vector_stores", "/v1/fine_tuning/jobs", "/v1/skills", "/v1/agents", "/v1/realtime",
    "/v1/realtime/client_secrets", "/v1/containers", "/v1/evals", "/v1/chat/completions/c",
    "/v1/models/x/y", "/dashboard/billing/usage", "/ledger", "/script", "/", "",
]


def stored():
    tried([
        (f"{method} /{provider}{path}", request(method, f"/{provider}{path}"))
        for provider in ("anthropic", "openai") for path in STORED for method in ("GET", "POST")
    ] + [("DELETE", request("DELETE", "/openai/v1/models/gpt-4.1"))])


def spellings():
    up = ["..", "%2e%2e", "%2E%2E", ".%2e", "%252e%252e", "..;", "%c0%ae%c0%ae", "\u2024\u2024"]
    places = [f"/anthropic/v1/models/{dots}/files" for dots in up]
    places += [f"/openai/v1/models/{dots}/{dots}/ledger" for dots in up]
    places += [
        "/anthropic/v1//files", "//anthropic/v1/files", "/anthropic/v1/files/", "/anthropic/v1/files?",
        "/anthropic/v1/models/x%2f..%2ffiles", "/anthropic/v1/models/..%5cfiles",
        "/anthropic\\v1\\files", "/anthropic/v1/models?x=/../files",
        "/openai/v1/models/..", "/openai/v1/models/.", "/anthropic/v1/models/%00", "/ledger",
        "/script", "/@127.0.0.1/v1/models", "/anthropic@127.0.0.1/v1/models", "/anthropic:80/v1/models",
        "/ANTHROPIC/v1/models", "/anthropic/V1/models", "/anthropic/v1/models;x", "*", "anthropic/v1/models",
        "/google/v1/models", "/azure/v1/models", "/bedrock/model/x/invoke", "/__proto__/v1/models",
    ]
    tried([(place, request("GET", place)) for place in places])


def forward_proxy(door):
    hosts = ["evil.example", f"evil.example:{door}", "169.254.169.254", "localhost.evil.example"]
    absolute = [f"http://127.0.0.1:{door}/api/v1/status", "http://evil.example/", "file:///etc/passwd",
                f"http://127.0.0.1:{SIDECAR}/anthropic/v1/models"]
    raw = [(place, request("GET", place)) for place in absolute]
    raw += [("CONNECT", request("CONNECT", f"127.0.0.1:{door}"))]
    raw += [(host, request("GET", "/anthropic/v1/models").replace(
        f"Host: 127.0.0.1:{SIDECAR}".encode(), f"Host: {host}".encode())) for host in hosts]
    raw += [("upgrade", request("GET", "/anthropic/v1/models", [("Upgrade", "websocket")]))]
    tried(raw)


def smuggled():
    hidden = request("GET", "/anthropic/v1/files")
    start = request("POST", "/anthropic/v1/files")[:-2]
    both = b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    tried([
        ("both lengths", start + both + b"0\r\n\r\n" + hidden),
        ("two lengths", start + b"Content-Length: 4\r\nContent-Length: 400\r\n\r\nabcd" + hidden),
        ("odd coding", start + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden),
        ("folded", start + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + hidden),
        ("space", start + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden),
        ("old", b"GET /anthropic/v1/files HTTP/0.9\r\n\r\n"),
        ("two hosts", start + b"Host: evil.example\r\nContent-Length: 0\r\n\r\n"),
    ])


def operators_api(door):
    guesses = [TOKEN, "operator", "admin", "", "0" * 64, "tc_" + "0" * 64]
    places = ["/api/v1/status", "/api/v1/keys", "/api/v1/workspaces/bob", "/api/v1/feed",
              "/teamclaw/status", "/teamclaw/login", "/anthropic/api/v1/keys", "/operator.json"]
    tried([(place, request("GET", place, [("Authorization", f"Bearer {guess}")], b"", None))
           for place in places for guess in guesses])


def reflections():
    """Good requests, with what makes careless servers say back what they got."""
    keep = [("anthropic-version", "2023-06-01")]
    odd = [
        messages(TOKEN, keep + [("Connection", "x-api-key, authorization")]),
        messages(TOKEN, keep + [("anthropic-beta", "${x-api-key}"), ("user-agent", "{{key}}")]),
        messages(TOKEN, keep + [("Expect", "100-continue"), ("Max-Forwards", "0"), ("TE", "trailers")]),
        messages(TOKEN, keep + [("X-Forwarded-Host", "evil.example"), ("X-Original-URL", "/ledger")]),
        messages(TOKEN, keep + [("X-HTTP-Method-Override", "TRACE"), ("Accept", "message/http")]),
        request("TRACE", "/anthropic/v1/messages"),
        request("OPTIONS", "/anthropic/v1/messages", [("Origin", "http://evil.example")]),
        request("GET", "/anthropic/v1/models", keep), request("GET", "/openai/v1/models"),
        request("POST", "/anthropic/v1/messages", keep, b"not json"),
        request("POST", "/openai/v1/responses", (), b'{"model":"none","input":"x"}'),
    ]
    answers = [exchange(raw) for raw in odd]
    keys = sum(len(re.findall(rb"sk-[A-Za-z0-9_-]{8,}", answer)) for answer in answers)
    raise Got(keys, b"\n".join(answers).decode("latin-1"))


def every_port():
    mine, open_ports, said = {PORT, SIDECAR, *OUTWARD}, [], set()
    for port in range(1, 65536):
        if port in mine:
            continue
        with socket.socket() as opened:
            opened.settimeout(1)
            try:
                opened.connect(("127.0.0.1", port))
                open_ports.append(port)
            except OSError as error:
                said.add(error.errno)
                # Whatever is not forbidden was asked: a wall is missing.
                if error.errno not in (errno.EACCES, errno.EPERM):
                    open_ports.append(port)
    raise Got(len(open_ports), f"{open_ports[:20]} {sorted(map(str, said))}")


def attempts(targets):
    """The names and functions, in the form of hostile.py's list."""
    door = targets.get("TARGET_DOOR_PORT", "1")
    return [
        ("use a token that one made up", made_up_tokens),
        ("use one's token where none belongs, or two, or none", tokens_in_wrong_places),
        ("use the token of one's own former life", former_token),
        ("reach what the provider stores for the whole organisation", stored),
        ("reach another path of the provider by its spelling", spellings),
        ("use the sidecar as a proxy to elsewhere", lambda: forward_proxy(door)),
        ("smuggle a second request past the sidecar", smuggled),
        ("reach the operator's API through the sidecar", lambda: operators_api(door)),
        ("have the provider's key said back", reflections),
        ("connect to any port of this machine", every_port),
    ]


def puppet(asked):
    """Does at the sidecar what the test asks for, and gives all of the answer."""
    wish = json.loads(asked)
    body = wish.get("body", "").encode()
    raw = request(wish["method"], wish["path"], wish.get("headers", []), body)
    return json.dumps({"answer": exchange(raw).decode("latin-1")}).encode()
