"""What a client is made with: its address, its key, its times."""

from __future__ import annotations

import os

import httpx2

from burnish._version import __version__

BASE_URL = "http://127.0.0.1:8000"
TIMEOUT = 30.0
MAX_RETRIES = 4
_CONNECT = 5.0


def base_url(given: str | None) -> str:
    """The address: as given, else BURNISH_BASE_URL, else this machine.

    Raises `ValueError` when it is not an http(s) URL.
    """
    text = (given or os.environ.get("BURNISH_BASE_URL") or BASE_URL).rstrip("/")
    if not text.startswith(("http://", "https://")):
        raise ValueError(f"the address of the service must start with http:// or https://, got {text!r}")
    return text


def headers(api_key: str | None) -> dict[str, str]:
    """The headers of every request; the key as given, else BURNISH_API_KEY, else none."""
    key = api_key or os.environ.get("BURNISH_API_KEY")
    return {"User-Agent": f"burnish-python/{__version__}"} | ({"Authorization": f"Bearer {key}"} if key else {})


def timeout(seconds: float) -> httpx2.Timeout:
    """A service that is there accepts connections at once, however long its answers take."""
    return httpx2.Timeout(seconds, connect=min(seconds, _CONNECT))


def no_answer(url: str, error: Exception, retries: int) -> str:
    """Nothing answered: what happened, and what to check."""
    tries = f"after {retries + 1} tries" if retries else "at the first try"
    return (
        f"no answer from {url} {tries} ({type(error).__name__}: {error}). Is the service running there? Start one with "
        "`burnish-server serve`, or set base_url or BURNISH_BASE_URL to where it is."
    )
