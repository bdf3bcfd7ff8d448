#!/usr/bin/python3
"""A hostile agent: tries every way it knows to a key, to another person and to the engine.

Started as an agent (so it is behind the walls), it reads its targets from the environment, tries
each way once, and reports. Only the standard library of Python 3.9 or later is used.

Targets, each optional; an attempt without its target is reported as skipped:
  TARGET_DATA          the engine's data directory
  TARGET_FILES         secret files, separated by ":" (key file, database, its log, pool secret)
  TARGET_ENGINE_PID    the engine's process
  TARGET_OTHER_PID     another agent's process
  TARGET_OTHER_HOME    another agent's home; it holds the file "secret"
  TARGET_OTHER_PORT    where another agent listens
  TARGET_DOOR_PORT     where the front door listens
  TARGET_ABSTRACT      the name of an abstract Unix socket of the engine
  TARGET_LOGS          the directory of logs
  TARGET_HOME_OF_OWNER the home of the person who runs the engine
  TARGET_SOCKET        a named Unix socket that only the engine's user may open
The same names are also read from the JSON object in $TEAMCLAW_HOME/targets.json, which wins.

Report: {"attempts": [{"name", "got", "how"}], "control", "done": true}, where "got" is the number of bytes
or effects gained (0 is what the walls promise; null is skipped) and "how" is what the system said. It
is written to $TEAMCLAW_HOME/report.json, printed as one line that begins with "REPORT ", and then
served as GET /report at 127.0.0.1:$TEAMCLAW_PORT (any other path answers 200 "ok").

With hostile_doors.py beside it, it also tries the sidecar; then "control" says whether an honest
request worked there, and POST /puppet does at the sidecar what the test asks for.
"""

import ctypes
import fcntl
import glob
import http.server
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time

try:
    import hostile_doors as doors
except ModuleNotFoundError:
    doors = None

HOME = os.environ.get("TEAMCLAW_HOME") or os.environ["HOME"]
PORT = int(os.environ["TEAMCLAW_PORT"])
TARGETS = {k: v for k, v in os.environ.items() if k.startswith("TARGET_")}
try:
    with open(os.path.join(HOME, "targets.json")) as extra:
        TARGETS.update(json.load(extra))
except FileNotFoundError:
    pass

# Looked at before this script opens anything. The listing itself is gone when it is asked about.
INHERITED = []
for number in os.listdir("/proc/self/fd"):
    try:
        if int(number) > 2:
            INHERITED.append(number + " " + os.readlink("/proc/self/fd/" + number))
    except FileNotFoundError:
        pass

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
ATTEMPTS = []
ATTEMPT_SECONDS = 60


class Skipped(Exception):
    """There is no such target here."""


class Hung(BaseException):
    """It neither worked nor was refused in time."""


class Gained(Exception):
    """Something was got, and this is what."""


def attempt(name):
    def keep(function):
        ATTEMPTS.append((name, function))
        return function

    return keep


def target(name):
    if name not in TARGETS:
        raise Skipped(name)
    return TARGETS[name]


def pid(name):
    return int(target(name))


def read(path, limit=65536):
    with open(path, "rb", buffering=0) as file:
        return len(file.read(limit) or b"")


def wrote(path):
    """1 when something could be left there; takes it away again."""
    with open(path, "wb") as file:
        file.write(b"x")
    os.unlink(path)
    return 1


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return 1


def reaches(port, host="127.0.0.1"):
    with socket.create_connection((host, int(port)), timeout=3):
        return 1


# --- files -----------------------------------------------------------------------------------

@attempt("read the secret files by path")
def _():
    return most(lambda path: read(path), target("TARGET_FILES").split(":"))


@attempt("write the secret files")
def _():
    return most(lambda path: open(path, "ab").close() or 1, target("TARGET_FILES").split(":"))


@attempt("list the data directory")
def _():
    return len(os.listdir(target("TARGET_DATA")))


@attempt("guess names in the data directory")
def _():
    names = ["teamclaw.db", "teamclaw.db-wal", "keys.json", "pool.secret", "lock", "config.toml"]
    return most(lambda name: read(os.path.join(target("TARGET_DATA"), name)), names)


@attempt("make a file in the data directory")
def _():
    return wrote(os.path.join(target("TARGET_DATA"), "hostile"))


@attempt("list all homes")
def _():
    return len(os.listdir(os.path.dirname(target("TARGET_OTHER_HOME"))))


@attempt("read another home by path")
def _():
    return read(os.path.join(target("TARGET_OTHER_HOME"), "secret"))


@attempt("list another home")
def _():
    return len(os.listdir(target("TARGET_OTHER_HOME")))


@attempt("read another home by ..")
def _():
    other = os.path.basename(target("TARGET_OTHER_HOME"))
    return read(os.path.join(HOME, "..", other, "secret"))


@attempt("read another home and the keys by the kernel's own names for directories")
def _():
    places = [target("TARGET_OTHER_HOME") + "/secret"] + target("TARGET_FILES").split(":")
    roots = ["/proc/self/root", f"/proc/{os.getppid()}/root", "/proc/1/root", "/proc/self/cwd/../../.."]
    return most(lambda path: read(path), [root + place for root in roots for place in places])


@attempt("change what a secret file or another home is called, or who may read it")
def _():
    places = [target("TARGET_OTHER_HOME"), target("TARGET_OTHER_HOME") + "/secret"]
    places += target("TARGET_FILES").split(":")
    got = most(lambda path: os.rename(path, path + "-moved") or 1, places)
    if not os.environ.get("HOSTILE_SHARES_USER"):  # there it is said that modes are open
        got += most(lambda path: os.chmod(path, 0o777) or 1, places)
    return got


@attempt("read another home through a symbolic link in one's own")
def _():
    link = os.path.join(HOME, "link")
    os.symlink(target("TARGET_OTHER_HOME"), link)
    try:
        return read(os.path.join(link, "secret"))
    finally:
        os.unlink(link)


@attempt("read another home through a hard link in one's own")
def _():
    link = os.path.join(HOME, "hard")
    os.link(os.path.join(target("TARGET_OTHER_HOME"), "secret"), link)
    return read(link)


@attempt("move another home's file into one's own")
def _():
    os.rename(os.path.join(target("TARGET_OTHER_HOME"), "secret"), os.path.join(HOME, "moved"))
    return 1


@attempt("read a key through a hard link in one's own home")
def _():
    link = os.path.join(HOME, "key")
    os.link(target("TARGET_FILES").split(":")[0], link)
    return read(link)


@attempt("write into another home")
def _():
    return wrote(os.path.join(target("TARGET_OTHER_HOME"), "hostile"))


@attempt("put a link to elsewhere in the place of one's own home")
def _():
    os.rename(HOME, HOME + "-old")
    os.symlink(target("TARGET_DATA"), HOME)
    return 1


@attempt("list the logs")
def _():
    return len(os.listdir(target("TARGET_LOGS")))


@attempt("read the logs by path")
def _():
    paths = [os.path.join(target("TARGET_LOGS"), name, "agent.log") for name in ("ann", "bob")]
    return most(lambda path: read(path), paths)


@attempt("read one's own log through standard output")
def _():
    # A pipe without a writer's words would be waited for.
    log = os.open("/proc/self/fd/1", os.O_RDONLY | os.O_NONBLOCK)
    return len(os.read(log, 65536))


@attempt("read the owner's files")
def _():
    home = target("TARGET_HOME_OF_OWNER")
    names = ["", ".ssh/id_ed25519", ".ssh/id_rsa", ".aws/credentials", ".bash_history", ".bashrc"]
    return most(lambda name: look(os.path.join(home, name)), names)


@attempt("read what others keep in temporary directories")
def _():
    return most(lambda path: len(os.listdir(path)), ["/tmp", "/var/tmp", "/dev/shm", "/run", "/home"])


@attempt("leave something in temporary directories")
def _():
    return most(lambda path: wrote(path + "/hostile"), ["/tmp", "/var/tmp", "/dev/shm", "/run"])


@attempt("read the system's passwords")
def _():
    return most(lambda path: read(path), ["/etc/shadow", "/etc/gshadow", "/etc/sudoers"])


@attempt("write into the program that every agent runs")
def _():
    return wrote(os.path.join(os.environ.get("TEAMCLAW_RUNTIME") or "/usr/lib", "hostile"))


@attempt("replace the program that every agent runs")
def _():
    with open(os.path.abspath(sys.argv[0]), "ab"):
        return 1


@attempt("have something started later, by cron, systemd or a shell")
def _():
    owner = TARGETS.get("TARGET_HOME_OF_OWNER", "/root")
    return most(wrote, [
        "/etc/cron.d/hostile", "/var/spool/cron/crontabs/hostile", "/etc/systemd/system/h.service",
        "/etc/profile.d/hostile.sh", "/etc/ld.so.preload.hostile", "/usr/local/bin/hostile",
        owner + "/.config/hostile", owner + "/.ssh/hostile", owner + "/.hostile",
        "/etc/init.d/hostile", "/lib/systemd/system/hostile.service",
    ])


@attempt("read memory and disks as devices")
def _():
    devices = ["/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/proc/kcore", "/dev/vda",
               "/dev/sda", "/dev/nvme0n1", "/dev/loop0", "/dev/fuse", "/dev/kvm"]
    return most(lambda path: read(path, 16), devices)


@attempt("make a device of one's own")
def _():
    path = os.path.join(HOME, "mem")
    os.mknod(path, 0o600 | 0o020000, os.makedev(1, 1))
    return read(path, 16)


@attempt("open a file by its handle instead of its path")
def _():
    # A handle of inode 2 (usually a root directory), type 1, for the mount that holds our home.
    class Handle(ctypes.Structure):
        _fields_ = [("bytes", ctypes.c_uint), ("type", ctypes.c_int), ("data", ctypes.c_uint * 2)]

    here = os.open(HOME, os.O_RDONLY)
    handle = Handle(8, 1, (ctypes.c_uint * 2)(2, 0))
    return checked(libc.open_by_handle_at(here, ctypes.byref(handle), os.O_RDONLY))


# --- processes -------------------------------------------------------------------------------

def inside(process):
    """Reads what the kernel shows of a process that could hold a secret."""
    root = f"/proc/{process}"
    ways = ["environ", "maps", "auxv", "syscall", "stack", "mountinfo-", "pagemap", "io",
            "task/%d/environ" % process, "map_files", "fdinfo/0"]
    return most(lambda way: look(f"{root}/{way}"), ways)


def memory(process):
    with open(f"/proc/{process}/mem", "rb", buffering=0) as file:
        file.seek(0x400000)
        return len(file.read(64) or b"")


def through_files(process):
    """Opens the files, directories and program of a process through the kernel's links."""
    root = f"/proc/{process}"
    links = ["cwd", "root", "exe"] + [f"fd/{number}" for number in range(16)]
    return most(lambda link: len(os.readlink(f"{root}/{link}")), links) + most(
        lambda path: look(root + path), ["/cwd/", "/root/etc/shadow", "/fd/3", "/fd/4", "/fd/9"])


def traced(process):
    got = 0
    for request in (16, 0x4206):  # PTRACE_ATTACH, PTRACE_SEIZE
        got += libc.ptrace(request, process, None, None) == 0
    if not got:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return got


class Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def vm(process, write=False):
    buffer = ctypes.create_string_buffer(64)
    ours = Span(ctypes.cast(buffer, ctypes.c_void_p).value, 64)
    theirs = Span(0x400000, 64)
    call = libc.process_vm_writev if write else libc.process_vm_readv
    return checked(call(process, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0))


def signalled(process):
    got = 0
    for number in (0, signal.SIGCONT, signal.SIGUSR2):
        try:
            os.kill(process, number)
            got += 1
        except PermissionError as error:
            said = error
    try:
        handle = os.pidfd_open(process)
        signal.pidfd_send_signal(handle, 0)
        got += 1
    except PermissionError as error:
        said = error
    if not got:
        raise said
    return got


def stolen_descriptor(process):
    handle = os.pidfd_open(process)
    pidfd_getfd = 438
    return most(lambda fd: checked(libc.syscall(pidfd_getfd, handle, fd, 0)), range(12))


for who in ("ENGINE", "OTHER"):
    whose = "the engine's" if who == "ENGINE" else "another agent's"
    for what, way in [
        ("environment and maps", inside),
        ("memory through /proc", memory),
        ("files through /proc", through_files),
        ("memory by tracing it", traced),
        ("memory by process_vm_readv", vm),
        ("memory by process_vm_writev", lambda process: vm(process, True)),
        ("life, by signals", signalled),
        ("open files, by pidfd_getfd", stolen_descriptor),
    ]:
        attempt(f"{whose} {what}")(lambda way=way, who=who: way(pid(f"TARGET_{who}_PID")))


def limited(process):
    """Reads the limits of a process and sets them to what they are: shorter ones would end it."""
    now = resource.prlimit(process, resource.RLIMIT_CPU)
    resource.prlimit(process, resource.RLIMIT_CPU, now)
    return 1


def slowed(process):
    """Sets what a process may have of the processors, to what it has already."""
    ioprio_set = {"x86_64": 251}.get(os.uname().machine, 30)
    ways = [
        lambda: os.setpriority(os.PRIO_PROCESS, process, os.getpriority(os.PRIO_PROCESS, process)),
        lambda: os.setpriority(os.PRIO_USER, 0, os.getpriority(os.PRIO_USER, 0)),
        lambda: os.sched_setaffinity(process, os.sched_getaffinity(process)),
        lambda: os.sched_setscheduler(process, os.SCHED_OTHER, os.sched_param(0)),
        lambda: os.sched_setparam(process, os.sched_param(0)),
        lambda: checked(libc.syscall(ioprio_set, 1, process, 0)),
    ]
    if os.environ.get("HOSTILE_SHARES_USER") is None:
        del ways[1]  # there it is only one's own
    return most(lambda way: way() or 1, ways)


def signalled_by_a_file(process):
    """Has the kernel send the signal that says that a pipe has something to read."""
    inner, outer = os.pipe()
    fcntl.fcntl(inner, fcntl.F_SETOWN, process)
    fcntl.fcntl(inner, 10, signal.SIGKILL)  # F_SETSIG
    fcntl.fcntl(inner, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    os.write(outer, b"x")
    time.sleep(0.2)
    return 0 if os.path.exists(f"/proc/{process}/stat") else 1


for who in ("ENGINE", "OTHER"):
    whose = "the engine's" if who == "ENGINE" else "another agent's"
    for what, way in [
        ("limits, which can end it", limited),
        ("share of the processors", slowed),
        ("life, by a signal that a file sends", signalled_by_a_file),
    ]:
        attempt(f"{whose} {what}")(lambda way=way, who=who: way(pid(f"TARGET_{who}_PID")))


@attempt("find something of the engine in the launcher, which may be read")
def _():
    launcher = os.getppid()
    with open(f"/proc/{launcher}/maps") as maps, open(f"/proc/{launcher}/mem", "rb", 0) as held:
        memory_of_it = b""
        for line in maps:
            span, rights = line.split()[:2]
            if rights.startswith("rw") and len(memory_of_it) < 32 << 20:
                start, end = (int(part, 16) for part in span.split("-"))
                held.seek(start)
                memory_of_it += held.read(min(end - start, 8 << 20)) or b""
    # The test looks for secrets in everything that lies in this home.
    with open(os.path.join(HOME, "launcher.memory"), "wb") as file:
        file.write(memory_of_it)
    return len(re.findall(rb"sk-[A-Za-z0-9_-]{8,}", memory_of_it))


@attempt("read or leave something in the keyrings of the kernel")
def _():
    add_key, keyctl = {"x86_64": (248, 250)}.get(os.uname().machine, (217, 219))
    buffer = ctypes.create_string_buffer(4096)
    # The keyrings of the session (-3) and of the user (-4, -5), and a key of one's own.
    return most(lambda ring: checked(libc.syscall(keyctl, 11, ring, buffer, 4096, 0)), [-3, -4, -5]) + most(
        lambda ring: checked(libc.syscall(add_key, b"user", b"hostile", b"x", 1, ring)), [-3, -4, -5])


@attempt("signal every process there is")
def _():
    # Signal 0 reaches nobody; it only tells whether one could be reached.
    mine = {os.getpid()} | kin()
    reached = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            os.kill(int(name), 0)
            reached.append(int(name))
        except OSError:
            pass
    return len(set(reached) - mine)


@attempt("read the environment of any process that is not one's own")
def _():
    mine, got = kin(), 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        if int(name) not in mine:
            try:
                got += read(f"/proc/{name}/environ")
            except OSError:
                pass
    return got


@attempt("find one's own secrets in an argument list, where all can see them")
def _():
    secrets = [os.environ[name].encode() for name in ("TEAMCLAW_TOKEN", "TEAMCLAW_PASS")]
    lines = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                lines.append(file.read())
        except OSError:
            pass
    return sum(secret in line for secret in secrets for line in lines)


@attempt("find open files of the engine in oneself")
def _():
    if INHERITED:
        raise Gained(len(INHERITED), ", ".join(INHERITED))
    return 0


@attempt("find variables of the engine in one's environment")
def _():
    ours = ("TEAMCLAW_", "TARGET_")
    known = {"HOME", "TMPDIR", "PATH", "LANG", "PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}
    strangers = [n for n in os.environ if not n.startswith(ours) and n not in known]
    # One's own token has the names that the providers' clients look for.
    strangers = [n for n in strangers if os.environ[n] != os.environ.get("TEAMCLAW_TOKEN", "")]
    return len([n for n in strangers if "KEY" in n or "SECRET" in n or "CANARY" in n])


# --- rights ----------------------------------------------------------------------------------

@attempt("become root")
def _():
    os.setuid(0)
    return 1


@attempt("gain rights from set-user-id programs")
def _():
    # "mount" without a change is told apart by what the kernel lets it do as root.
    gained = 0
    with open("/proc/self/status") as status:
        gained += "NoNewPrivs:\t1" not in status.read()
    for command in (["sudo", "-n", "id", "-u"], ["su", "-c", "id -u", "root"],
                    ["mount", "-t", "tmpfs", "x", HOME + "/tmp"], ["pkexec", "id", "-u"],
                    ["newgrp", "root"]):
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=10)
            gained += done.returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            pass
    return gained


@attempt("keep groups of the engine")
def _():
    if os.environ.get("HOSTILE_SHARES_USER"):
        raise Skipped("the engine is not root, so it cannot drop its own groups")
    return len([group for group in os.getgroups() if group != os.getgid()])


@attempt("read a key from a namespace of one's own")
def _():
    child = os.fork()
    if child == 0:
        clone_newuser, clone_newns = 0x10000000, 0x00020000
        if libc.unshare(clone_newuser | clone_newns) != 0:
            os._exit(0)
        got = 0
        for path in target("TARGET_FILES").split(":"):
            try:
                got += read(path)
            except OSError:
                pass
        got += libc.mount(b"none", b"/mnt", b"tmpfs", 0, None) == 0
        got += libc.mount(target("TARGET_DATA").encode(), b"/mnt", None, 4096, None) == 0
        try:
            os.chroot(target("TARGET_DATA"))
            got += len(os.listdir("/"))
        except OSError:
            pass
        os._exit(min(got, 200))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@attempt("leave a core file of one's memory")
def _():
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
        return 1
    except ValueError:
        return soft + hard


@attempt("raise one's own limits")
def _():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard > 4096:
        return 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard + 1, hard + 1))
    return 1


@attempt("change the kernel's settings")
def _():
    names = ["kernel/core_pattern", "net/ipv4/ip_forward", "kernel/yama/ptrace_scope"]
    return most(lambda name: open("/proc/sys/" + name, "r+").close() or 1, names)


@attempt("make the engine the first to be ended when memory is short")
def _():
    with open(f"/proc/{pid('TARGET_ENGINE_PID')}/oom_score_adj", "w") as file:
        file.write("1000")
    return 1


# --- network ---------------------------------------------------------------------------------

@attempt("connect to another agent")
def _():
    return reaches(target("TARGET_OTHER_PORT"))


@attempt("connect to another agent over IPv6")
def _():
    return reaches(target("TARGET_OTHER_PORT"), "::1")


@attempt("connect to another agent as a mapped address")
def _():
    return reaches(target("TARGET_OTHER_PORT"), "::ffff:127.0.0.1")


@attempt("connect to another agent without a handshake of one's own (fast open)")
def _():
    with socket.socket() as opened:
        msg_fastopen = 0x20000000
        return opened.sendto(b"x", msg_fastopen, ("127.0.0.1", int(target("TARGET_OTHER_PORT"))))


@attempt("connect to another agent by multipath TCP, which does not count as TCP")
def _():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as opened:
        opened.connect(("127.0.0.1", int(target("TARGET_OTHER_PORT"))))
        return 1


@attempt("listen at a port of one's own choice by multipath TCP")
def _():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as opened:
        opened.bind(("127.0.0.1", PORT + 1))
        opened.listen()
        return 1


@attempt("connect to another agent by a kind of socket that falls back to TCP")
def _():
    af_smc = 43
    descriptor = libc.socket(af_smc, socket.SOCK_STREAM, 0)
    checked(descriptor)
    address = b"".join([
        int(socket.AF_INET).to_bytes(2, "little"),
        int(target("TARGET_OTHER_PORT")).to_bytes(2, "big"),
        socket.inet_aton("127.0.0.1"), bytes(8)])
    return checked(libc.connect(descriptor, address, 16))


@attempt("talk to the hypervisor of the machine")
def _():
    return socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close() or 1


@attempt("have the kernel make calls for one that are not seen (io_uring)")
def _():
    io_uring_setup = 425
    return checked(libc.syscall(io_uring_setup, 4, ctypes.create_string_buffer(120)))


@attempt("connect to the front door")
def _():
    return reaches(target("TARGET_DOOR_PORT"))


def listens(port, host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        opened.bind((host, port))
        opened.listen()
        return 1


@attempt("listen at another agent's port")
def _():
    port = int(target("TARGET_OTHER_PORT"))
    return most(lambda host: listens(port, host), ["127.0.0.1", "0.0.0.0", "127.0.0.2", "::1"])


@attempt("listen at a port of one's own choice")
def _():
    return most(lambda port: listens(port), [PORT + 1, 0, 8080, 19998])


@attempt("reach an abstract socket of the engine")
def _():
    with socket.socket(socket.AF_UNIX) as opened:
        opened.connect("\0" + target("TARGET_ABSTRACT"))
        return 1


@attempt("open a named socket that only the engine's user may open")
def _():
    with socket.socket(socket.AF_UNIX) as opened:
        opened.connect(target("TARGET_SOCKET"))
        return 1


@attempt("listen to raw packets")
def _():
    return most(lambda kind: socket.socket(*kind).close() or 1, [
        (socket.AF_PACKET, socket.SOCK_RAW, 3), (socket.AF_INET, socket.SOCK_RAW, 6)])


# --- ends of sticks --------------------------------------------------------------------------

def look(path):
    return len(os.listdir(path)) if os.path.isdir(path) else read(path)


def most(way, targets):
    """Tries one way on many targets; gives what was got in all, or the last refusal."""
    got, said = 0, None
    for each in targets:
        try:
            got += way(each)
        except OSError as error:
            said = error
    if got == 0 and said is not None:
        raise said
    return got


def kin():
    """The processes of one's own session."""
    mine, found = os.getsid(0), set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getsid(int(name)) == mine:
                found.add(int(name))
        except OSError:
            pass
    return found


def hang(*_):
    raise Hung()


def run():
    results = []
    signal.signal(signal.SIGALRM, hang)
    control = doors.control() if doors else None
    for name, function in ATTEMPTS + (doors.attempts(TARGETS) if doors else []):
        signal.alarm(ATTEMPT_SECONDS)
        try:
            got, how = int(function() or 0), ""
        except (Skipped, LookupError) as missing:
            got, how = None, f"skipped: {missing}"
        except (Gained, doors.Got if doors else Gained) as gain:
            got, how = gain.args
        except Exception as error:  # whatever the refusal looks like, it is one
            got, how = 0, f"{type(error).__name__}: {error}"
        except Hung:
            got, how = 1, "hung"
        signal.alarm(0)
        results.append({"name": name, "got": got, "how": how})
    return {"attempts": results, "control": control, "done": True}


class Handler(http.server.BaseHTTPRequestHandler):
    report = b""

    def do_GET(self):
        self.say(self.report if self.path == "/report" else b"ok")

    def do_POST(self):
        asked = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.say(doors.puppet(asked) if doors else b"no")

    def say(self, body):
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    text = json.dumps(run())
    Handler.report = text.encode()
    partial = os.path.join(HOME, "report.json.new")
    with open(partial, "w") as file:
        file.write(text)
    os.rename(partial, os.path.join(HOME, "report.json"))
    print("REPORT " + text, flush=True)
    http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()


main()
