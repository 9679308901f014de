"""What users do on the pages: create, watch, lose the connection, think longer, cancel, read what went wrong."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from burnish_workers.engine.api_keys import minted
from tests.service.harness import Service, blocks_of, in_memory, serving, stranded

from .conftest import PATIENCE, Open, at, badge
from .relay import relayed

LISTEN = """() => {
  const said = document.querySelector("#said");
  window.heard = [];
  const all = {childList: true, characterData: true, subtree: true};
  new MutationObserver(() => heard.push(said.textContent)).observe(said, all);
}"""
"""Keeps what is announced: a job may end within milliseconds, and its end is announced next."""

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_page_is_found_and_may_run_no_foreign_script(service: Service, look: Open) -> None:
    reply = service.client.get("/")
    assert reply.status_code == 200
    assert "script-src 'self'" in reply.headers["content-security-policy"]
    seen = look(at(service, "/"))
    expect(seen.page.get_by_role("heading", name="Jobs")).to_be_visible()
    seen.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))"
    )
    assert seen.page.evaluate("window.ran") is None
    seen.forgive("Content Security Policy")
    assert service.client.get("/v1/nothing").status_code == 404, "the API keeps its own paths"
    assert service.client.post("/nothing").status_code == 404


def test_a_job_is_created_from_an_example_and_watched_to_its_end(service: Service, look: Open) -> None:
    page = look(at(service, "/new")).page
    page.get_by_label("Kind").select_option("correlated")
    page.get_by_label("units", exact=True).fill("4096")
    page.get_by_role("button", name="Create job").click()
    badge(page, "completed")
    assert re.search(r"#/jobs/job_\w+$", page.url)
    expect(page.locator(".outlook")).to_contain_text("its units were used up")
    expect(page.locator(".headline")).to_contain_text("±")
    expect(page.get_by_role("img", name=re.compile("^Error on logarithmic axes"))).to_be_visible()
    expect(page.locator(".uplot canvas").first).to_be_visible()
    page.get_by_role("link", name="Jobs", exact=True).click()
    expect(page.locator(".jobs tbody tr").first).to_contain_text("completed")


def test_the_stream_is_dropped_and_resumes_where_it_was(service: Service, look: Open) -> None:
    """Twice; at the end the page has heard every look once, and in order."""
    job = service.create(blocks_of(1024, nap=0.02))["id"]
    with relayed(service.url) as relay:
        seen = look(at(relay.url, f"/jobs/{job}"))
        page = seen.page
        for _ in range(2):
            expect(page.locator(".link.live")).to_be_visible()
            relay.cut()
            expect(page.locator(".link")).to_have_text("connection lost, trying again")
            relay.mend()
        badge(page, "completed")
        page.get_by_text("The numbers of every look").click()
        rows = page.locator("details[open] tbody tr th")
        heard = [event["data"] for event in service.events(job) if event["type"] == "refinement"]
        looks = [str(each["blocks"]) for each in heard if each["interval"] or each is heard[-1]]
        expect(rows).to_have_text(looks)
        seen.forgive("net::ERR")


def test_a_service_with_keys_asks_for_one(look: Open) -> None:
    """And says what is wrong with a bad one; with a good one jobs and their streams are there."""
    good = minted()
    with serving(in_memory(api_keys=f"acme={good.text}")) as closed:
        closed.client.headers["Authorization"] = f"Bearer {good.text}"
        job = closed.create(blocks_of(64, nap=0.05))["id"]
        seen = look(at(closed, f"/jobs/{job}"))
        page = seen.page
        expect(page.get_by_role("heading", name="This service needs a key")).to_be_visible()
        for key in ("bk_nonsense", good.text):
            page.get_by_label("API key").fill(key)
            page.get_by_role("button", name="Go on").click()
            if key != good.text:
                expect(page.get_by_role("alert")).to_contain_text("there is no such key")
        badge(page, "completed")
        expect(page.locator(".headline")).to_contain_text("±")
        page.get_by_role("link", name="Jobs", exact=True).click()
        expect(page.locator(".jobs tbody tr")).to_have_count(1)
        seen.forgive("401")


def test_think_longer(service: Service, look: Open) -> None:
    job = service.run(blocks_of(8))["id"]
    page = look(at(service, f"/jobs/{job}")).page
    badge(page, "completed")
    before = service.get(job)
    page.evaluate(LISTEN)
    page.get_by_role("button", name=re.compile("^Think longer: 2x compute")).click()
    page.wait_for_function("heard.some(said => said.includes('Thinking longer'))", timeout=PATIENCE)
    after = service.finished(job)
    assert after["spent"]["units"] >= 2 * before["spent"]["units"]
    expect(page.locator(".facts")).to_contain_text(f"in {after['last_refinement']['blocks']} blocks")
    badge(page, "completed")


def test_cancel_from_the_page_and_from_the_list(service: Service, look: Open) -> None:
    first, second = (service.create(stranded())["id"] for _ in range(2))
    page = look(at(service, f"/jobs/{first}")).page
    page.get_by_role("button", name="Cancel").click()
    badge(page, "cancelled")
    page.get_by_role("link", name="Jobs", exact=True).click()
    page.get_by_role("button", name=f"Cancel {second}").click()
    row = page.locator("tr", has_text=second)
    expect(row).to_contain_text("cancelled")
    expect(row.get_by_role("button")).to_be_hidden()
    page.get_by_label("Status").select_option("cancelled")
    expect(page.locator(".jobs tbody tr")).to_have_count(2)
    page.get_by_role("searchbox").fill(second)
    expect(page.locator(".jobs tbody tr:visible")).to_have_count(1)


def test_errors_of_pages_that_are_not_there(service: Service, look: Open) -> None:
    seen = look(at(service, "/jobs/job_none"))
    page = seen.page
    expect(page.get_by_role("alert")).to_contain_text("job_none")
    seen.forgive("404")
    page.goto(at(service, "/nowhere"))
    expect(page.get_by_role("heading", name="No such page")).to_be_visible()


def test_strings_of_users_stay_strings(service: Service, look: Open) -> None:
    evil = '<img src=x onerror="window.ran=1"><script>window.ran=2</script>'
    job = service.create({**blocks_of(4), "metadata": {"note": evil}})["id"]
    page = look(at(service, "/")).page
    expect(page.locator("tr", has_text=job)).to_contain_text("<img src=x")
    assert page.locator(".jobs img").count() == 0
    assert page.evaluate("window.ran") is None
    page.goto(at(service, f"/jobs/{job}"))
    badge(page, "completed")
    assert page.evaluate("window.ran") is None


def test_the_keyboard_reaches_everything(service: Service, look: Open) -> None:
    page = look(at(service, "/")).page
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="New job").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="New job")).to_be_visible()
    expect(page.locator("#main")).to_be_focused()
    assert page.evaluate(
        "[...document.querySelectorAll('input,select,textarea')].every(e => e.labels.length || e.ariaLabel)"
    )


def test_dark_where_the_system_is(service: Service, look: Open) -> None:
    light, dark = (
        look(at(service, "/cluster"), color_scheme=scheme).page.evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for scheme in ("light", "dark")
    )
    assert sum(map(int, re.findall(r"\d+", light)[:3])) > 600 > 150 > sum(map(int, re.findall(r"\d+", dark)[:3]))
