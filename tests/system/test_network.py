"""`network`: `none` is an own network with loopback only, `host` the host's."""

import os
import socket
import subprocess
import uuid

import pytest


@pytest.fixture
def listener():
    """A listener of the host: gives its port on loopback and the name of an abstract socket."""
    tcp = socket.create_server(("127.0.0.1", 0))
    abstract = socket.socket(socket.AF_UNIX)
    name = f"\0styrolite-{uuid.uuid4()}"
    abstract.bind(name)
    abstract.listen()
    yield tcp.getsockname()[1], name
    tcp.close()
    abstract.close()


CONNECT = """
def connect(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as s:
        s.settimeout(60)
        s.connect(address)
"""


@pytest.mark.kernel
def test_only_loopback_and_it_is_up(box):
    seen = box.probe("""
import fcntl, struct
with socket.socket() as s:
    flags = struct.unpack("16xH", fcntl.ioctl(s, 0x8913, struct.pack("16sH", b"lo", 0))[:18])[0]
result = [[n for _, n in socket.if_nameindex()], flags & 1, read("/proc/net/dev").count(":"), read("/proc/net/route").count("\\n")]""")
    assert seen == [["lo"], 1, 1, 1]


def test_loopback_works(box):
    seen = box.probe(CONNECT + """
def serve(family, address):
    with socket.create_server((address, 0), family=family) as server:
        connect(family, server.getsockname()[:2])
result = [attempt(serve, socket.AF_INET, "127.0.0.1"), attempt(serve, socket.AF_INET, "127.1.2.3")]
if os.path.exists("/proc/net/if_inet6"):
    result.append(attempt(serve, socket.AF_INET6, "::1"))""")
    assert set(seen) == {"ok"}


@pytest.mark.invariant("S20")
def test_the_hosts_loopback_is_out_of_reach(box, listener):
    port, _ = listener
    code = CONNECT + f"result = attempt(connect, socket.AF_INET, ('127.0.0.1', {port}))"
    assert box.probe(code) == "ECONNREFUSED"
    assert box.probe(code, {"network": "host"}) == "ok"


@pytest.mark.invariant("S20")
def test_abstract_sockets_of_the_host_are_out_of_reach(box, listener):
    _, name = listener
    code = CONNECT + f"result = attempt(connect, socket.AF_UNIX, {name!r})"
    assert box.probe(code) == "ECONNREFUSED"
    assert box.probe(code, {"network": "host"}) == "ok"


def test_a_port_of_the_sandbox_is_not_the_hosts(box, listener):
    """The same port can be taken inside, and nobody outside can connect to it."""
    port, _ = listener
    assert box.probe(f"""
def take():
    with socket.create_server(("127.0.0.1", {port})):
        pass
result = attempt(take)""") == "ok"


@pytest.mark.parametrize("address", ["1.1.1.1", "10.0.0.1", "192.168.0.1", "169.254.169.254"])
def test_nothing_else_is_reachable(box, address):
    assert box.probe(CONNECT + f"result = attempt(connect, socket.AF_INET, ({address!r}, 80))") == "ENETUNREACH"
    assert box.probe(CONNECT + f"result = attempt(connect, socket.AF_INET, ({address!r}, 53), socket.SOCK_DGRAM)") == "ENETUNREACH"


def test_names_do_not_resolve(box):
    assert box.probe("""
try:
    socket.getaddrinfo("example.org", 80)
    result = "resolved"
except socket.gaierror:
    result = "failed"
""") == "failed"


@pytest.mark.invariant("S20")
def test_the_network_cannot_be_changed(box):
    """Interfaces and routes need CAP_NET_ADMIN; raw sockets CAP_NET_RAW."""
    seen = box.probe("""
import fcntl, struct
def down():
    with socket.socket() as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sH14x", b"lo", 0))
def raw():
    socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close()
def packet():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3).close()
result = [attempt(down), attempt(raw), attempt(packet)]""")
    assert all(answer in ("EPERM", "EACCES", "EAFNOSUPPORT") for answer in seen), seen


@pytest.mark.invariant("S20")
def test_vsock_leads_nowhere(box):
    seen = box.probe("""
def vsock():
    with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as s:
        s.settimeout(2)
        s.connect((2, 22))
result = attempt(vsock)""")
    assert seen != "ok"


def test_host(box):
    seen = box.probe("result = [sorted(n for _, n in socket.if_nameindex()), os.readlink('/proc/self/ns/net')]",
                     {"network": "host"})
    assert seen == [sorted(n for _, n in socket.if_nameindex()), os.readlink("/proc/self/ns/net")]


def test_the_promises(box):
    own, host = box.run(["true"]).outcome, box.run(["true"], {"network": "host"}).outcome
    assert {"network_isolation", "abstract_sockets"} <= set(own["enforced"])
    assert not {"network_isolation", "abstract_sockets"} & set(host["enforced"])


def test_sandboxes_do_not_see_each_other(box):
    """Two at a time, the same port in each: the second takes it while the first has it."""
    script = """
import socket, sys
with socket.create_server(("127.0.0.1", 7777)):
    print("has it", flush=True)
    sys.stdin.read()"""
    argv = ["/usr/bin/python3", "-c", script]
    with box.start(argv, stdin=subprocess.PIPE) as first, box.start(argv, stdin=subprocess.PIPE) as second:
        assert first.read_line() == "has it" and second.read_line() == "has it"
