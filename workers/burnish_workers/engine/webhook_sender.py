"""Sends what is in the outbox, one loop in one runner: that which leads.

A delivery is claimed for a while and settled after its try. A sender that dies in between leaves it to whoever leads
next, who sends it again under the same id; and two that both think that they lead still never settle each other's.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from burnish.wire.webhooks import MOST_DELIVERIES
from burnish_workers.engine.clock import Clock
from burnish_workers.engine.records import StoreUnavailable
from burnish_workers.engine.webhook_try import WAITS, Answer, attempt, pause
from burnish_workers.engine.webhooks import TEST, Claimed, Webhooks

log = structlog.get_logger()


@dataclass(frozen=True)
class Sending:
    """Seconds: `waits` between tries, `timeout` of one, `lease` of a claim: longer than a try and the store's patience.
    `at_once`: tries under way, `each`: of them to one endpoint, so that a slow one does not hold up the others."""

    waits: Sequence[float] = WAITS
    timeout: float = 15.0
    lease: float = 60.0
    at_once: int = 16
    each: int = 4


class Sender:
    """`leads`: whether this runner is the one to send."""

    def __init__(self, webhooks: Webhooks, clock: Clock, leads: Callable[[], bool], sending: Sending | None = None):
        self._webhooks, self._clock, self._leads = webhooks, clock, leads
        self._sending = sending or Sending()
        self._tries: dict[asyncio.Task[None], str] = {}

    async def run(self, poll: float) -> None:
        """Send what is due, for ever; looks every `poll` seconds. What is under way is called off with it."""
        try:
            while True:
                try:
                    begun = await self._begin()
                except StoreUnavailable as error:
                    log.warning("store.unavailable", why=str(error))
                    begun = False
                except Exception:
                    log.exception("webhooks.broken")  # no reason to stop conducting jobs
                    begun = False
                if not begun:
                    await self._rest(poll)
        finally:
            for task in self._tries:
                task.cancel()
            await asyncio.gather(*self._tries, return_exceptions=True)

    async def _begin(self) -> bool:
        """Begin the next try, if one is due and there is room."""
        if not self._leads() or len(self._tries) >= self._sending.at_once:
            return False
        under_way = Counter(self._tries.values())
        busy = frozenset(whose for whose, count in under_way.items() if count >= self._sending.each)
        claimed = await self._webhooks.claim(self._sending.lease, busy)
        if claimed is None:
            return False
        task = asyncio.create_task(self.deliver(claimed))
        self._tries[task] = claimed.endpoint.whose
        task.add_done_callback(self._tries.pop)
        return True

    async def _rest(self, poll: float) -> None:
        """Until it is worth another look: after a while, or when a try has ended."""
        sleep = asyncio.create_task(self._clock.sleep(poll))
        try:
            await asyncio.wait({sleep, *self._tries}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()

    async def deliver(self, claimed: Claimed) -> None:
        """One try, and what became of it, written down."""
        try:
            answer = await self._answer(claimed)
            if answer.gone:
                await self._disable(claimed, answer)
            await self._settle(claimed, answer)
        except StoreUnavailable as error:
            # Unsettled: it is due again when the claim is over.
            log.warning("webhook.unsettled", webhook_id=claimed.delivery.id, why=str(error))
        except Exception:
            log.exception("webhook.broken", webhook_id=claimed.delivery.id)

    async def _answer(self, claimed: Claimed) -> Answer:
        endpoint = claimed.endpoint
        if endpoint.disabled_at is not None:
            return Answer(error=f"not sent: the webhook is disabled: {endpoint.disabled_why}")
        return await attempt(endpoint, claimed.delivery, self._clock.now(), self._sending.timeout)

    async def _settle(self, claimed: Claimed, answer: Answer) -> None:
        before, now = claimed.delivery, datetime.fromisoformat(self._clock.now()).timestamp()
        disabled = claimed.endpoint.disabled_at is not None
        tried, wait = before.attempts + (not disabled), None
        if answer.error is not None and before.type != TEST and not disabled:
            wait = pause(tried, answer, random.random(), self._sending.waits)
        state = "delivered" if answer.error is None else "failed" if wait is None else "waiting"
        after = before.with_changes(
            state=state,
            attempts=tried,
            next_at=None if wait is None else now + wait,
            tried_at=before.tried_at if disabled else now,
            status=answer.status,
            error=answer.error,
        )
        settled = await self._webhooks.settle(claimed, after, wait, MOST_DELIVERIES)
        told = {"webhook": claimed.endpoint.id, "webhook_id": before.id, "attempts": tried, "state": state}
        if not settled:
            log.warning("webhook.fenced", **told)
        elif answer.error is not None:
            log.warning("webhook.failed", status=answer.status, why=answer.error, **told)
        else:
            log.info("webhook.delivered", status=answer.status, **told)

    async def _disable(self, claimed: Claimed, answer: Answer) -> None:
        """Nothing more goes there. What waits is settled as failed when it is due, unless it is enabled before."""
        endpoint = claimed.endpoint
        change = {"disabled_at": self._clock.now(), "disabled_why": answer.error}
        await self._webhooks.swap(endpoint, endpoint.with_changes(**change))
