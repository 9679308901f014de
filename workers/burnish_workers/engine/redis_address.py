"""The address of a store: what may stand in it, and what to say when TLS keeps us out. Never the password.

redis://:PASSWORD@HOST:PORT/0        rediss://:PASSWORD@HOST:PORT/0?ssl_ca_certs=/path/to/ca.pem
"""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

SCHEMES = ("redis", "rediss", "unix")
_SHAPE = "write redis://:PASSWORD@HOST:PORT/0, or rediss:// for TLS; %-encode what is special in the password"


def checked_address(address: str) -> str:
    """The same address. Raises ValueError with what is wrong; it does not repeat what may be a part of the password."""
    try:
        parts = urlsplit(address)
        named = parts.path if parts.scheme == "unix" else parts.hostname
        _ = parts.port
    except ValueError:
        raise ValueError(f"the address of the store has a port that is no number: {_SHAPE}") from None
    if parts.scheme not in SCHEMES or not named:
        raise ValueError(f"the address of the store has no host, or does not begin with redis:// or so: {_SHAPE}")
    if parts.fragment:
        raise ValueError(f"the address of the store has a # in it, which ends it: {_SHAPE}")
    return address


def refusal(name: str, error: BaseException) -> str | None:
    """What is wrong with the TLS of the store at `name`; None where it may just be away."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"the certificate of the store at {name} is not trusted ({cause.verify_message}): name its authority "
                "in the address, as in rediss://...?ssl_ca_certs=/path/to/ca.pem, or in SSL_CERT_FILE"
            )
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return (
                f"the store at {name} and we find no common TLS ({cause.reason or 'no reason given'}): has that port "
                "TLS? Where not, its address begins with redis://"
            )
        if isinstance(cause, FileNotFoundError | PermissionError | IsADirectoryError):
            return (
                f"a file for TLS that the address of the store at {name} names cannot be read ({cause.strerror}): see "
                "its ssl_ca_certs, ssl_certfile and ssl_keyfile"
            )
    return None


def _causes(error: BaseException | None) -> list[BaseException]:
    """The error and what led to it."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
