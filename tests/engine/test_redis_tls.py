"""A store with a password behind TLS: it works, and what keeps us out is said, without the password."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.service.harness import QUICK, Parts, serving

from burnish_workers.engine.embedded_store import EmbeddedValkey
from burnish_workers.engine.records import StoreUnavailable
from burnish_workers.engine.redis_address import checked_address
from burnish_workers.engine.redis_library import RedisLibrary
from burnish_workers.engine.redis_link import RedisLink
from burnish_workers.engine.redis_store import RedisStore
from burnish_workers.engine.redis_tenancy import RedisTenancy

from .tls import Tls, native, relayed

WRONG = "another-s3cret"


@pytest.fixture(scope="module", params=["relayed", "native"])
def tls(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    with {"relayed": relayed, "native": native}[request.param](tmp_path_factory.mktemp("tls")) as store:
        yield store


async def refused(url: str) -> str:
    """What is said to whoever starts a service on this store."""
    link = RedisLink(url, retries=5)
    try:
        with pytest.raises(StoreUnavailable) as caught:
            await link.check_durability()
    finally:
        await link.close()
    return str(caught.value)


def test_a_service_on_a_store_behind_tls(tls: Tls) -> None:
    """Commands, scripts and what wakes readers."""
    link = RedisLink(tls.good)
    made = Parts(
        lambda: RedisStore(RedisLink(tls.good, retries=3)),
        lambda: RedisStore(link),
        library=lambda: RedisLibrary(link),
        tenancy=lambda: RedisTenancy(link),
    )
    with serving(made) as service:
        assert service.run(QUICK)["status"] == "completed"


async def test_it_is_durable(tls: Tls) -> None:
    link = RedisLink(tls.good, retries=1)
    await link.check_durability()
    await link.close()


def test_a_link_that_was_closed_has_no_connection(tls: Tls) -> None:
    """Closing takes a round trip behind TLS; the loop ends as soon as `close` returns."""

    async def wakes() -> None:
        link = RedisLink(tls.good, retries=1)
        assert await link.wakeups.wait("channel", 0, 5.0, _one)
        await link.close()

    for _ in range(30):
        asyncio.run(wakes())
        assert tls.port not in {each.raddr.port for each in psutil.Process().net_connections("tcp") if each.raddr}


async def _one() -> int:
    return 1


async def test_a_wrong_password(tls: Tls) -> None:
    said = await refused(tls.url(password=WRONG, authority=tls.authority))
    assert f"the store at 127.0.0.1:{tls.port} does not let us in" in said
    assert "password" in said
    assert WRONG not in said
    assert tls.password not in said


async def test_no_password(tls: Tls) -> None:
    said = await refused(f"rediss://127.0.0.1:{tls.port}/0?ssl_ca_certs={tls.authority}")
    assert "wants a password" in said


async def test_a_certificate_that_nobody_here_trusts(tls: Tls) -> None:
    said = await refused(tls.url())
    assert f"the certificate of the store at 127.0.0.1:{tls.port} is not trusted" in said
    assert "ssl_ca_certs=" in said
    assert tls.password not in said


async def test_a_certificate_of_another_host(tls: Tls) -> None:
    said = await refused(tls.good.replace("127.0.0.1", "localhost"))
    assert "is not trusted" in said
    assert "localhost" in said


async def test_an_authority_that_is_not_there(tls: Tls, tmp_path: Path) -> None:
    said = await refused(tls.url(authority=tmp_path / "nowhere.pem"))
    assert "cannot be read (No such file or directory)" in said
    assert "ssl_ca_certs" in said


async def test_tls_where_there_is_none(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path) as store:
        said = await refused(store.url.replace("redis://", "rediss://"))
    assert "does not answer by TLS" in said


async def test_none_where_there_is_tls(tls: Tls) -> None:
    said = await refused(tls.url(scheme="redis"))
    assert f"the store at 127.0.0.1:{tls.port} does not answer" in said
    assert tls.password not in said


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("redis://:hush/hush@store:6379/0", "port that is no number"),
        ("redis://:hush#hush@store:6379/0", "port that is no number"),
        ("http://:hush@store:6379/0", "does not begin with"),
        ("redis://", "no host"),
        ("hush", "does not begin with"),
        ("redis://store:6379/0#hush", "a # in it"),
    ],
)
def test_addresses_that_make_no_sense_are_not_repeated(address: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        checked_address(address)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["redis://127.0.0.1:6379", "rediss://:p%2Fw@store/1?ssl_ca_certs=/ca.pem", "unix:///run/valkey.sock"]
)
def test_addresses(address: str) -> None:
    assert checked_address(address) == address
