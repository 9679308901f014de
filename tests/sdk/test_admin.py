"""Keys and quotas through the SDK and the command line, against a service that has keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from burnish import AsyncBurnish, Burnish, cli_app, errors
from burnish_workers.engine.api_keys import minted
from tests.service.harness import QUICK, Service, in_memory, serving, stranded

ROOT = minted()


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving(in_memory(api_keys=f"ops:submit+read+admin={ROOT.text}")) as service:
        yield service


@pytest.fixture
def root(service: Service) -> Iterator[Burnish]:
    with Burnish(service.url, ROOT.text) as client:
        yield client


def test_a_key_from_its_making_to_its_end(service: Service, root: Burnish) -> None:
    issued = root.admin.create_key("acme", name="laptop", days=3)
    assert issued.expires_at is not None
    with Burnish(service.url, issued.key) as acme:
        assert acme.submit(QUICK).wait().status == "completed"
        assert len(acme.list().data) == 1
        with pytest.raises(errors.Unauthorised, match="'admin'"):
            acme.admin.list_keys()
        turned = root.admin.rotate_key(issued.id)
        assert acme.list().data
        with Burnish(service.url, turned.key) as again:
            assert again.list().data
            root.admin.revoke_key(issued.id)
            with pytest.raises(errors.Unauthorised, match="revoked"):
                again.list()
    (kept,) = [key for key in root.admin.list_keys() if key.id == issued.id]
    assert root.admin.key(issued.id) == kept
    assert kept.revoked_at is not None
    assert kept.name == "laptop"


def test_over_quota(service: Service, root: Burnish) -> None:
    key = root.admin.create_key("small").key
    assert root.admin.set_quota("small", jobs=1).limits.jobs == 1
    with Burnish(service.url, key, max_retries=0) as small:
        job = small.submit(stranded())
        with pytest.raises(errors.TooManyRequests, match="as many live jobs as you may, 1") as error:
            small.submit(stranded())
        assert error.value.retry_after
        assert small.admin.quota().jobs == 1
        job.cancel()
    root.admin.reset_quota("small")
    assert root.admin.quota("small").limits.jobs is None


async def test_async(service: Service) -> None:
    async with AsyncBurnish(service.url, ROOT.text) as root:
        issued = await root.admin.create_key("later", scopes=["read"])
        assert issued.id in [key.id for key in await root.admin.list_keys()]
        await root.admin.rotate_key(issued.id, overlap=0)
        await root.admin.revoke_key(issued.id)
        assert (await root.admin.set_quota("later", units=5)).limits.units == 5
        assert (await root.admin.quota("later")).units == 0
        await root.admin.reset_quota("later")


def test_command_line(service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("BURNISH_BASE_URL", service.url)
    monkeypatch.setenv("BURNISH_API_KEY", ROOT.text)

    def run(*arguments: str) -> tuple[int, str]:
        code = cli_app.run(arguments)
        return code, capsys.readouterr().out

    code, out = run("keys", "create", "shop", "--scope", "read", "--name", "till")
    assert code == 0
    key = out.strip()
    id = key.split("_")[1]
    assert run("--api-key", key, "list")[0] == 0
    assert run("--api-key", key, "keys", "list")[0] == 2
    assert run("keys", "rotate", id, "--overlap", "0")[0] == 0
    assert run("--api-key", key, "list")[0] == 2
    assert run("keys", "revoke", id) == (0, f"{id} is revoked\n")
    code, out = run("keys", "list")
    assert code == 0
    (line,) = [line for line in out.splitlines() if id in line]
    assert line.split()[1:3] == ["shop", "read"]
    assert line.split()[-2:] == ["revoked", "till"]
    assert key not in out
    assert "5" in run("quota", "shop", "--jobs", "5")[1]
    assert "no limit" in run("quota", "shop", "--reset")[1]
    assert run("keys", "create", "Not A Tenant")[0] == 2
    assert run("keys", "create", "shop", "--scope", "root")[0] == 2
