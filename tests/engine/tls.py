"""Stores that speak TLS: a server of its own where one is built with it, and a relay before one that is not."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from burnish_workers.engine.embedded_store import EmbeddedValkey
from burnish_workers.engine.sockets import free_port

from . import tls_relay

PASSWORD = "hush:a/secret#with?everything"


@dataclass(frozen=True)
class Tls:
    """A store behind TLS on this machine. `authority`: the file that makes its certificate trusted."""

    port: int
    password: str
    authority: Path

    def url(self, *, password: str | None = None, authority: Path | None = None, scheme: str = "rediss") -> str:
        word = quote(self.password if password is None else password, safe="")
        return f"{scheme}://:{word}@127.0.0.1:{self.port}/0" + (
            "" if authority is None else f"?ssl_ca_certs={authority}"
        )

    @property
    def good(self) -> str:
        return self.url(authority=self.authority)


@contextlib.contextmanager
def relayed(folder: Path) -> Iterator[Tls]:
    """The embedded Valkey, with a relay before it that ends TLS, as a proxy or a service mesh does."""
    authority, certificate = trustme.CA(), folder / "server.pem"
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    with EmbeddedValkey(folder / "store", appendfsync="always") as store:
        password, _, place = store.url.removeprefix("redis://:").rpartition("@")
        command = [sys.executable, str(Path(tls_relay.__file__)), place.partition("/")[0], str(certificate)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as relay:
            assert relay.stdin is not None
            assert relay.stdout is not None
            try:
                yield Tls(int(relay.stdout.readline()), password, folder / "ca.pem")
            finally:
                relay.stdin.close()
                relay.wait(30)


@contextlib.contextmanager
def native(folder: Path) -> Iterator[Tls]:
    """A server that ends TLS itself; skips where none is installed (Debian: package redis-server)."""
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        pytest.skip("neither valkey-server nor redis-server is here (Debian: package redis-server)")
    authority, port = trustme.CA(), free_port("127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    server = folder / "server.pem"
    settings = {"port": "0", "tls-port": str(port), "bind": "127.0.0.1", "dir": str(folder), "save": '""'}
    settings |= {"tls-cert-file": str(server), "tls-key-file": str(server), "tls-ca-cert-file": str(folder / "ca.pem")}
    settings |= {"tls-auth-clients": "no", "requirepass": f'"{PASSWORD}"', "appendonly": "yes", "appendfsync": "always"}
    (folder / "store.conf").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    log = (folder / "store.log").open("wb")
    process = subprocess.Popen([program, str(folder / "store.conf")], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                text = (folder / "store.log").read_text(errors="replace")
                if "tls" in text.lower() and process.poll() is not None:
                    pytest.skip(f"{program} is built without TLS: {text[-300:]}")
                raise RuntimeError(text[-2000:])
            time.sleep(0.05)
        yield Tls(port, PASSWORD, folder / "ca.pem")
    finally:
        process.terminate()
        process.wait(10)
        log.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
