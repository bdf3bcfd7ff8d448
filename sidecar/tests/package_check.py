"""The packaged sidecar where nothing else is: package_check.py PROGRAM, as root on Linux.

The program runs as sidecar/Containerfile says: in a root of its own that cannot be written to and
holds it alone besides the two files of names that a container engine adds, as user 65532, without a
capability. Prints what was seen, and how long the first answer took; any difference ends it.
"""

import json
import os
import queue
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

program = Path(sys.argv[1])
USER = 65532
TOKEN = "tc_" + "0" * 64


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def shake_hands(listener, context, seen):
    """Takes connections, and notes how the TLS handshake with each ends."""
    while True:
        connection, _ = listener.accept()
        try:
            context.wrap_socket(connection, server_side=True)
            seen.put("taken")
        except ssl.SSLError as error:
            seen.put(error.reason)


def stranger(place):
    """A provider under the name localhost, whose certificate nobody vouches for."""
    certificate = place / "stranger.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", certificate, "-out", certificate.with_suffix(".crt")],
        check=True, capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.with_suffix(".crt"), certificate)
    listener, seen = socket.create_server(("127.0.0.1", 0)), queue.Queue()
    threading.Thread(target=shake_hands, args=(listener, context, seen), daemon=True).start()
    return listener.getsockname()[1], seen


def ask(port, path, body=b""):
    """One request; gives the whole answer, or nothing when nobody listens."""
    try:
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    except ConnectionRefusedError:
        return b""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nx-api-key: {TOKEN}\r\nconnection: close\r\n"
    head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    with connection:
        connection.sendall(head.encode() + body)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def run(place, *arguments, **more):
    """The program in its root; a mount namespace of its own makes that read-only."""
    inside = "mount --bind $0 $0 && mount --bind $1 $0/data && mount -o remount,bind,ro $0 && shift && " \
        f"exec setpriv --no-new-privs chroot --userspec={USER}:{USER} \"$0\" /teamclaw-sidecar \"$@\""
    command = ["unshare", "-m", "sh", "-c", inside, place / "root", place / "data", *arguments]
    return subprocess.Popen(command, env={"PATH": os.environ["PATH"], "TEAMCLAW_TOKEN": TOKEN}, **more)


def check(place):
    root, data = place / "root", place / "data"
    for folder in [root / "data", root / "etc", data]:
        folder.mkdir(parents=True)
    shutil.copy(program, root / "teamclaw-sidecar")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
    (data / "keys.json").write_text(json.dumps({"providers": {"anthropic": {"keys": ["sk-ant-1"]}}}))
    for owned in [data, data / "keys.json"]:
        os.chown(owned, USER, USER)
    os.chmod(data / "keys.json", 0o600)
    elsewhere, seen = stranger(place)

    port = free_port()
    listen = f"127.0.0.1:{port}"
    began = time.monotonic()
    running = run(place, "--listen", listen, "--keys", "/data/keys.json", "--usage", "/data/usage.jsonl",
                  "--upstream", f"anthropic=https://localhost:{elsewhere}", stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        while not (answer := ask(port, "/")):
            assert running.poll() is None, running.stderr.read()
            time.sleep(0.001)
        took = (time.monotonic() - began) * 1000
        assert answer.startswith(b"HTTP/1.1 40"), answer
        status = Path(f"/proc/{running.pid}/status").read_text()
        assert f"Uid:\t{USER}\t{USER}\t{USER}\t{USER}" in status and "CapEff:\t0000000000000000" in status, status
        # The name was found, and its certificate was held against the roots in the program.
        body = b'{"model":"claude-haiku-4-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'
        answer = ask(port, "/anthropic/v1/messages", body)
        assert b"anthropic did not answer" in answer, answer
        assert "UNKNOWN_CA" in seen.get(timeout=10)
        assert run(place, "--health", "--listen", listen).wait() == 0
    finally:
        running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=30) == 0, running.stderr.read()
    log = running.stderr.read()
    assert b"sk-ant-1" not in log and TOKEN.encode() not in log, log
    assert run(place, "--health", "--listen", listen, stderr=subprocess.DEVNULL).wait() == 2
    size = program.stat().st_size / 1e6
    print(f"{program}: {size:.1f} MB; alone, unprivileged, in a read-only root: first answer {took:.0f} ms after the start, shell and chroot included")


dynamic = subprocess.run(["ldd", program], capture_output=True, text=True)
assert "statically linked" in dynamic.stdout or "not a dynamic" in dynamic.stderr, dynamic
with tempfile.TemporaryDirectory() as place:
    os.chmod(place, 0o755)
    check(Path(place))
