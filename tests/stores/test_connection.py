"""URLs: each kind reaches its server, a wrong one is explained, and no password is ever shown."""

import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from app.errors import InvalidSetting, SessionStoreUnavailable
from app.stores import tethered
from app.stores.answers import KeptAnswers
from app.stores.connection import connect, masked
from app.stores.embedded import find_server
from app.stores.exchange import Exchange
from app.stores.keys import session_key
from app.stores.session_store import SessionStore
from tests.faults.proxy import Proxy
from tests.ports import free_port
from tests.stores.conftest import DISTRIBUTION, Server, after, new_listener, running, until

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://localhost:6380/3",
        "redis://user:p%40ss@[::1]:6379",
        "rediss://:secret@host?ssl_cert_reqs=none",
        "unix:///var/run/valkey.sock",
        "redis+cluster://a:1,b:2,c",
        "rediss+cluster://user:secret@a:1,b:2",
        "redis+sentinel://a:1,b:2/service/0?sentinel_password=secret",
        "rediss+sentinel://a/service",
    ],
)
async def test_url_is_understood(url: str) -> None:
    await connect(url, 1.0).aclose()


@pytest.mark.parametrize(
    ("url", "because"),
    [
        ("", "the scheme is another"),
        ("localhost:6379", "the scheme is another"),
        ("http://user:secret@host", "the scheme is another"),
        ("redis://user:secret@:6379", "a host is missing"),
        ("redis://user:secret@host:port", "Port could not be cast"),
        ("unix://", "the path of the socket is missing"),
        ("redis+cluster://user:secret@a,,b", "a host is missing"),
        ("redis+sentinel://:secret@a:1", "the name of the service is missing"),
        ("redis://user:secret@host?socket_timeout=soon", "Invalid value for 'socket_timeout'"),
        ("redis://user:secret@host?no_such_option=1", "no_such_option"),
        ("redis+cluster://user:secret@host?no_such_option=1", "no_such_option"),
    ],
)
def test_wrong_url_is_explained_without_its_password(url: str, because: str) -> None:
    with pytest.raises(InvalidSetting, match="SEGUE_REDIS_URL") as refused:
        connect(url, 1.0)
    assert because in str(refused.value)
    assert "secret" not in str(refused.value)


def test_masked_url_keeps_the_place_only() -> None:
    assert masked("redis://ann:p@ss@host:6379/0") == "redis://***@host:6379/0"
    assert masked("redis+sentinel://a:1,b:2/s?sentinel_password=x") == "redis+sentinel://a:1,b:2/s?***"
    assert masked("unix:///run/valkey.sock") == "unix:///run/valkey.sock"


async def test_password_and_user_of_the_url_are_used(tmp_path: Path) -> None:
    """The least a user must be allowed is what docs/session-store.md says, and a refusal does not show the password."""
    rights = ["~segue:*", "-@all", "+get", "+del", "+eval", "+evalsha", "+getrange", "+set", "+type", "+rename"]
    rights += ["+expire", "+xadd", "+ping", "+zadd", "+zrange", "+zremrangebyscore", "+pexpire"]
    with running(find_server(), tmp_path) as server:
        [node] = server.nodes
        port = server.url.rpartition(":")[2]
        node.acl_setuser("segue", enabled=True, passwords=["+p@ss word"], reset=True)
        node.execute_command("ACL", "SETUSER", "segue", *rights)  # type: ignore[no-untyped-call]
        url = f"redis://segue:p%40ss%20word@127.0.0.1:{port}"
        store = SessionStore.connect(url, ttl_s=60, timeout_s=2.0)
        session = await store.load(new_listener())
        await store.commit(after(session, "one"), expected=session)
        await store.ping()
        node.set(session_key(session.listener_id), "junk")
        assert (await store.load(session.listener_id)).is_new
        assert await store.delete(session.listener_id)
        answers = KeptAnswers(Exchange.connect(url, timeout_s=2.0), kept_s=60)
        await answers.begin(b"name", b"request", [session.listener_id])
        await answers.keep(b"name", b"request", b"answer")
        await answers.forget(session.listener_id)
        await answers.aclose()

        node.execute_command("ACL", "SETUSER", "segue", "-set")  # type: ignore[no-untyped-call]
        with pytest.raises(SessionStoreUnavailable, match="does not let this user"):
            await store.commit(after(session, "one"), expected=session)
        await store.aclose()

        wrong = SessionStore.connect(url.replace("p%40ss", "secret"), ttl_s=60, timeout_s=2.0)
        with pytest.raises(SessionStoreUnavailable, match="refuses the user or password") as refused:
            await wrong.load("ann")
        assert "secret" not in str(refused.value)
        await wrong.aclose()

        node.config_set("requirepass", "needed")
        without = SessionStore.connect(f"redis://127.0.0.1:{port}", ttl_s=60, timeout_s=2.0)
        with pytest.raises(SessionStoreUnavailable, match="asks for a password"):
            await without.load("ann")
        await without.aclose()


async def test_database_of_the_url_is_used(embedded: Server) -> None:
    session_of = {}
    listener = new_listener()
    for database in (0, 1):
        store = SessionStore.connect(f"{embedded.url}?db={database}", ttl_s=60, timeout_s=2.0)
        session = await store.load(listener)
        await store.commit(after(session, str(database)), expected=session)
        session_of[database] = await store.load(listener)
        await store.aclose()
    assert [session.seq for session in session_of.values()] == [1, 1]


@pytest.fixture
def sentinel_port(tmp_path: Path) -> Iterator[int]:
    """One Sentinel that watches one master under the name of radio."""
    port = free_port()
    with running(find_server(), tmp_path / "master") as master:
        settings = tmp_path / "sentinel.conf"
        settings.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {tmp_path}\n"
            f"sentinel monitor radio 127.0.0.1 {master.url.rpartition(':')[2]} 1\n"
        )
        tether = [sys.executable, "-I", "-S", tethered.__file__, str(os.getpid())]
        with subprocess.Popen(
            [*tether, str(find_server()), str(settings), "--sentinel"], stdout=subprocess.DEVNULL
        ) as watching:
            until(lambda: reachable(port))
            yield port
            watching.kill()


async def test_sentinels_name_the_master(sentinel_port: int) -> None:
    """A Sentinel that is away is passed over."""
    url = f"redis+sentinel://127.0.0.1:{free_port()},127.0.0.1:{sentinel_port}/radio"
    store = SessionStore.connect(url, ttl_s=60, timeout_s=5.0)
    session = await store.load(new_listener())
    await store.commit(after(session, "one"), expected=session)
    assert (await store.load(session.listener_id)).seq == 1
    assert await store.load_many(["a", "b"])
    await store.aclose()


async def test_sentinels_that_hang_are_passed_over(sentinel_port: int) -> None:
    """The machines of two Sentinels lost their power: nobody there refuses a connection, nobody answers."""
    with socket.socket() as one, socket.socket() as two:
        for hanging in (one, two):
            hanging.bind(("127.0.0.1", 0))
            hanging.listen()
        hosts = ",".join(f"127.0.0.1:{port}" for port in (one.getsockname()[1], two.getsockname()[1], sentinel_port))
        store = SessionStore.connect(f"redis+sentinel://{hosts}/radio", ttl_s=60, timeout_s=2.0)
        assert (await store.load(new_listener())).is_new
        await store.aclose()


async def test_sentinels_that_know_no_such_master_are_an_outage(sentinel_port: int) -> None:
    store = SessionStore.connect(f"redis+sentinel://127.0.0.1:{sentinel_port}/tv", ttl_s=60, timeout_s=5.0)
    with pytest.raises(SessionStoreUnavailable, match="tv"):
        await store.load("ann")
    await store.aclose()


def reachable(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody vouches for, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    wish = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    command = [openssl, *wish.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


@contextmanager
def ending_tls(certificate: Path, key: Path, folder: Path) -> Iterator[int]:
    """Let a proxy speak TLS before the server in the wheel, which knows none, as that of a managed Redis does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with running(find_server(), folder) as server, Proxy(int(server.url.rpartition(":")[2]), tls=context) as proxy:
        yield proxy.port


@contextmanager
def speaking_tls(certificate: Path, key: Path, folder: Path) -> Iterator[int]:
    """Start the distribution's server, which knows TLS itself."""
    assert DISTRIBUTION is not None
    port = free_port()
    options = ["--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
    options += ["--tls-ca-cert-file", str(certificate), "--tls-auth-clients", "no"]
    with running(DISTRIBUTION, folder, *options):
        yield port


@pytest.mark.parametrize("way", [ending_tls, *([speaking_tls] if DISTRIBUTION else [])])
async def test_tls_is_spoken_to_whom_it_may_be_trusted(
    way: Callable[[Path, Path, Path], AbstractContextManager[int]], certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    """A certificate that nobody vouches for is an outage."""
    with way(*certificate, tmp_path / "tls") as port:
        url = f"rediss://127.0.0.1:{port}"
        store = SessionStore.connect(f"{url}?ssl_ca_certs={certificate[0]}", ttl_s=60, timeout_s=5.0)
        session = await store.load(new_listener())
        await store.commit(after(session, "one"), expected=session)
        assert (await store.load(session.listener_id)).seq == 1
        await store.aclose()
        distrusting = SessionStore.connect(url, ttl_s=60, timeout_s=5.0)
        with pytest.raises(SessionStoreUnavailable, match="certificate"):
            await distrusting.load("ann")
        await distrusting.aclose()
