"""Handles on one job: what is known of it as attributes, what can be done with it as methods."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from burnish import answers, asked, chains, figures, show, wire
from burnish.calls import Vector
from burnish.course import Course, course
from burnish.errors import WaitTimeout
from burnish.progress import Bar, Showing, bar_of
from burnish.reasoned import seen
from burnish.record import Known, Record
from burnish.wire.layout import cut
from burnish.wire.numeric import Numbers, safetensors

if TYPE_CHECKING:
    from burnish.async_client import AsyncBurnish
    from burnish.client import Burnish

POLL = (0.1, 1.0)
"""Seconds between two looks at a job that is waited for with a deadline: the first, and the longest."""


class Job:
    """One job. Attributes tell what this handle has seen so far; `refresh` and the iterators bring news."""

    id = Known(lambda r: r.job.id, "`job_...`.")
    kind = Known(lambda r: r.job.kind, "Kind of job, e.g. `surrogate`.")
    status = Known(lambda r: r.job.status, "queued, resolving, running, completed, failed, crashed, cancelled, ...")
    done = Known(lambda r: r.job.done, "Whether the status is final (a job can still be extended).")
    snapshot = Known(lambda r: r.job, "The whole job as the service showed it last.")
    history = Known(lambda r: r.history, "Every refinement seen by this handle, in order.")
    last = Known(lambda r: r.last, "The newest refinement; null before the first.")
    estimate = Known(lambda r: r.last.estimate if r.last else None, "Point estimates, one per output.")
    interval = Known(lambda r: r.interval, "The newest interval; `interval.blocks` says from when.")
    refused = Known(lambda r: r.last.refused if r.last else None, "Why there is no interval, where there is none.")
    forecast = Known(lambda r: r.last.forecast if r.last else None, "What more compute would buy.")
    reasoned = Known(
        lambda r: seen(r.last, r.interval),
        "Answers, leader, best path and moves of a `reasoning` job; null for others.",
    )
    spent = Known(lambda r: r.job.spent, "Seconds, units and tokens used.")
    stopped_by = Known(lambda r: r.job.stopped_by, "What ended the job.")
    error = Known(lambda r: r.job.error, "The problem that a failed or crashed job ended with.")

    def __init__(self, client: Burnish, job: wire.Job) -> None:
        self._client = client
        self.record = Record(job)

    def events(self, *, after: int = 0, latest: bool = False) -> Generator[wire.Event]:
        """Every event from sequence number `after` on, live, until the job is done. `latest`: see `refinements`."""
        for event in self._client.stream(self.id, after=after, latest=latest):
            self.record.take(event)
            yield event

    def refinements(self, *, after: int = 0, latest: bool = False) -> Generator[wire.Refinement]:
        """Every refinement from the first one on, then live as they come, until the job is done.

        `after`: only those beyond this sequence number (`job.last.sequence`: only new ones). `latest`: where reading is
        slower than the job, only the newest of those that wait; nothing is lost by that, each is a whole answer.
        """
        for event in self.events(after=after, latest=latest):
            if event.type == "refinement":
                yield wire.Refinement.model_validate(event.data)

    def watch(self, *, after: int = 0) -> Generator[wire.Refinement]:
        """As `refinements`, under a progress bar in the terminal or the notebook: budget used, answer so far.

        Needs tqdm; as a widget in notebooks also ipywidgets.
        """
        with Bar(self.record) as bar:
            for event in self.events(after=after):
                bar.show(self.record)
                if event.type == "refinement":
                    yield wire.Refinement.model_validate(event.data)

    def wait(self, timeout: float | None = None, *, progress: bool = False) -> Job:
        """Wait until the job is done, for at most `timeout` seconds. `progress`: with a bar, see `watch`.

        Raises `JobFailed` or `JobCrashed` when it ended so, `WaitTimeout` when the time is over.
        """
        with bar_of(self.record, progress) as bar:
            if timeout is not None:
                self._poll(time.monotonic() + timeout, timeout, bar)
            elif not self.done:
                for _ in self.events(after=self.record.cursor):
                    bar.show(self.record)
        if error := self.record.verdict():
            raise error
        return self

    def _poll(self, deadline: float, timeout: float, bar: Showing) -> None:
        """Pages instead of the stream: a read that blocks between two heartbeats cannot keep a deadline."""
        pause, longest = POLL
        while not self.done:
            for event in self._client.events(self.id, after=self.record.cursor):
                self.record.take(event)
            bar.show(self.record)
            left = deadline - time.monotonic()
            if self.done:
                self.refresh()  # on pages, terminal events do not carry the whole job
                return
            if left <= 0:
                raise WaitTimeout(f"job {self.id} is still {self.status} after {timeout:g} s; it goes on")
            time.sleep(min(pause, left))
            pause = min(2 * pause, longest)

    def extend(self, **more: Unpack[asked.More]) -> Job:
        """Think longer: amounts are added, tolerances and deadline replaced (`asked.More`). Also after completion."""
        longer = self._client.extend(self.id, **more)
        self.record.replace(longer.snapshot)
        return self

    def arrays(self) -> dict[str, list[float | None]]:
        """All outputs by name: `value`, `standard_error`, and the limits `lower`, `upper`; None where unknown.

        Answers of many outputs list only the first of them, and keep the others in a file at every look: those of the
        newest look that this handle has seen are fetched. Raises `LookupError` before there is one.
        """
        kept = answers.newest(self.record)
        return kept.columns() if kept.arrays is None else answers.read(self._client.artifact(*answers.named(kept)))

    def artifact(self, name: str) -> bytes:
        """A file that the job left, such as `samples` or `samples.safetensors`: the newest one that was seen.

        `job.last.artifacts` lists them. Raises `LookupError`, which lists the names there are.
        """
        return self._client.artifact(self.id, answers.file_of(self.record, name))

    def part(self, name: str) -> wire.Part:
        """A named array of the outputs, such as `mean`, as nested lists of its shape; see `arrays`.

        Raises `LookupError`, which lists the names there are.
        """
        return cut(name, answers.newest(self.record).layout, self.arrays())

    def to_numpy(self, name: str | None = None) -> Numbers:
        """All outputs, or the part of this name in its shape, as numpy arrays; nan where unknown. Needs numpy."""
        return Numbers.of(self.arrays()) if name is None else (self.part(name)).to_numpy()

    def course(self) -> Course:
        """How the answer sharpened, as numpy arrays: `history`, a refinement to a row. Needs numpy."""
        return course(self.history)

    def load(self, name: str) -> dict[str, Any]:
        """The arrays of a file that the job left, such as `samples`, by name, as numpy arrays. See `artifact`."""
        return safetensors(self.artifact(name))

    def to_arviz(self) -> Any:
        """Samples by island, or chains of reasoning, as the xarray DataTree that ArviZ takes. Needs arviz-base.

        Samples of a `posterior` job are there when its outputs name them. `posterior` of the tree has draws of equal
        weight; islands that weigh differently are in a group of their own, `islands`, for what compares them, with
        what each weighs in `constant_data`. Of a `reasoning` job, a draw is a block of steps of a chain: the share of
        them at each answer. Raises `LookupError` where there is nothing of the kind.
        """
        return chains.tree(self.record, self.load(chains.file_of(self.record)))

    def plot(self, figure: Any = None) -> list[Any]:
        """Draw the answer and how it sharpened with matplotlib; the axes, the answer first.

        Chances of answers, images of mean and deviation, a curve over coordinates, one output with its funnel, or many
        intervals, as fits. `figure`: where to draw, by default a new figure of pyplot. What is drawn is what this
        handle has seen: iterate `refinements()` or `wait()` for the whole history.
        """
        columns = self.arrays()
        layout = answers.newest(self.record).layout
        return figures.draw(self.record, lambda name: cut(name, layout, columns), Numbers.of(columns), figure)

    def observe(self, y: Any, *, index: int | None = None, last: bool = False) -> wire.Observed:
        """Give the job its next observation: a number, a sequence of them or an array; None where nothing was seen.

        `index`: by default after those that the job has; the same again under the same index changes nothing. `last`:
        none comes after this.
        """
        return self.observe_all([y], start=index, last=last)

    def observe_all(
        self, observations: Sequence[Any], *, start: int | None = None, last: bool = False
    ) -> wire.Observed:
        """Several observations at once; none at all with `last=True`: no further one will come."""
        taken = self._client.observe(self.id, observations, start=start, last=last)
        self.record.replace(self.snapshot.model_copy(update={"observations": taken.observations}))
        return taken

    def observations(self) -> list[Vector | None]:
        """All observations that the job has, those of its spec first."""
        return list(self._client.observations(self.id))

    def cancel(self) -> Job:
        """Stop it; the last refinement is kept."""
        self.record.replace(self._client.cancel(self.id).snapshot)
        return self

    def refresh(self) -> Job:
        """Ask the service how the job is."""
        self.record.replace(self._client.get(self.id).snapshot)
        return self

    def __repr__(self) -> str:
        return show.line(self.record)

    def _repr_html_(self) -> str:
        return show.card(self.record)


class AsyncJob:
    """One job. Attributes tell what this handle has seen so far; `refresh` and the iterators bring news."""

    id = Known(lambda r: r.job.id, "`job_...`.")
    kind = Known(lambda r: r.job.kind, "Kind of job, e.g. `surrogate`.")
    status = Known(lambda r: r.job.status, "queued, resolving, running, completed, failed, crashed, cancelled, ...")
    done = Known(lambda r: r.job.done, "Whether the status is final (a job can still be extended).")
    snapshot = Known(lambda r: r.job, "The whole job as the service showed it last.")
    history = Known(lambda r: r.history, "Every refinement seen by this handle, in order.")
    last = Known(lambda r: r.last, "The newest refinement; null before the first.")
    estimate = Known(lambda r: r.last.estimate if r.last else None, "Point estimates, one per output.")
    interval = Known(lambda r: r.interval, "The newest interval; `interval.blocks` says from when.")
    refused = Known(lambda r: r.last.refused if r.last else None, "Why there is no interval, where there is none.")
    forecast = Known(lambda r: r.last.forecast if r.last else None, "What more compute would buy.")
    reasoned = Known(
        lambda r: seen(r.last, r.interval),
        "Answers, leader, best path and moves of a `reasoning` job; null for others.",
    )
    spent = Known(lambda r: r.job.spent, "Seconds, units and tokens used.")
    stopped_by = Known(lambda r: r.job.stopped_by, "What ended the job.")
    error = Known(lambda r: r.job.error, "The problem that a failed or crashed job ended with.")

    def __init__(self, client: AsyncBurnish, job: wire.Job) -> None:
        self._client = client
        self.record = Record(job)

    async def events(self, *, after: int = 0, latest: bool = False) -> AsyncGenerator[wire.Event]:
        """Every event from sequence number `after` on, live, until the job is done. `latest`: see `refinements`."""
        async for event in self._client.stream(self.id, after=after, latest=latest):
            self.record.take(event)
            yield event

    async def refinements(self, *, after: int = 0, latest: bool = False) -> AsyncGenerator[wire.Refinement]:
        """Every refinement from the first one on, then live as they come, until the job is done.

        `after`: only those beyond this sequence number (`job.last.sequence`: only new ones). `latest`: where reading is
        slower than the job, only the newest of those that wait; nothing is lost by that, each is a whole answer.
        """
        async for event in self.events(after=after, latest=latest):
            if event.type == "refinement":
                yield wire.Refinement.model_validate(event.data)

    async def watch(self, *, after: int = 0) -> AsyncGenerator[wire.Refinement]:
        """As `refinements`, under a progress bar in the terminal or the notebook: budget used, answer so far.

        Needs tqdm; as a widget in notebooks also ipywidgets.
        """
        with Bar(self.record) as bar:
            async for event in self.events(after=after):
                bar.show(self.record)
                if event.type == "refinement":
                    yield wire.Refinement.model_validate(event.data)

    async def wait(self, timeout: float | None = None, *, progress: bool = False) -> AsyncJob:
        """Wait until the job is done, for at most `timeout` seconds. `progress`: with a bar, see `watch`.

        Raises `JobFailed` or `JobCrashed` when it ended so, `WaitTimeout` when the time is over.
        """
        try:
            async with asyncio.timeout(timeout):
                with bar_of(self.record, progress) as bar:
                    if not self.done:
                        async for _ in self.events(after=self.record.cursor):
                            bar.show(self.record)
        except TimeoutError:
            raise WaitTimeout(f"job {self.id} is still {self.status} after {timeout:g} s; it goes on") from None
        if error := self.record.verdict():
            raise error
        return self

    async def extend(self, **more: Unpack[asked.More]) -> AsyncJob:
        """Think longer: amounts are added, tolerances and deadline replaced (`asked.More`). Also after completion."""
        longer = await self._client.extend(self.id, **more)
        self.record.replace(longer.snapshot)
        return self

    async def arrays(self) -> dict[str, list[float | None]]:
        """All outputs by name: `value`, `standard_error`, and the limits `lower`, `upper`; None where unknown.

        Answers of many outputs list only the first of them, and keep the others in a file at every look: those of the
        newest look that this handle has seen are fetched. Raises `LookupError` before there is one.
        """
        kept = answers.newest(self.record)
        return (
            kept.columns() if kept.arrays is None else answers.read(await self._client.artifact(*answers.named(kept)))
        )

    async def artifact(self, name: str) -> bytes:
        """A file that the job left, such as `samples` or `samples.safetensors`: the newest one that was seen.

        `job.last.artifacts` lists them. Raises `LookupError`, which lists the names there are.
        """
        return await self._client.artifact(self.id, answers.file_of(self.record, name))

    async def part(self, name: str) -> wire.Part:
        """A named array of the outputs, such as `mean`, as nested lists of its shape; see `arrays`.

        Raises `LookupError`, which lists the names there are.
        """
        return cut(name, answers.newest(self.record).layout, await self.arrays())

    async def to_numpy(self, name: str | None = None) -> Numbers:
        """All outputs, or the part of this name in its shape, as numpy arrays; nan where unknown. Needs numpy."""
        return Numbers.of(await self.arrays()) if name is None else (await self.part(name)).to_numpy()

    def course(self) -> Course:
        """How the answer sharpened, as numpy arrays: `history`, a refinement to a row. Needs numpy."""
        return course(self.history)

    async def load(self, name: str) -> dict[str, Any]:
        """The arrays of a file that the job left, such as `samples`, by name, as numpy arrays. See `artifact`."""
        return safetensors(await self.artifact(name))

    async def to_arviz(self) -> Any:
        """Samples by island, or chains of reasoning, as the xarray DataTree that ArviZ takes. Needs arviz-base.

        Samples of a `posterior` job are there when its outputs name them. `posterior` of the tree has draws of equal
        weight; islands that weigh differently are in a group of their own, `islands`, for what compares them, with
        what each weighs in `constant_data`. Of a `reasoning` job, a draw is a block of steps of a chain: the share of
        them at each answer. Raises `LookupError` where there is nothing of the kind.
        """
        return chains.tree(self.record, await self.load(chains.file_of(self.record)))

    async def plot(self, figure: Any = None) -> list[Any]:
        """Draw the answer and how it sharpened with matplotlib; the axes, the answer first.

        Chances of answers, images of mean and deviation, a curve over coordinates, one output with its funnel, or many
        intervals, as fits. `figure`: where to draw, by default a new figure of pyplot. What is drawn is what this
        handle has seen: iterate `refinements()` or `wait()` for the whole history.
        """
        columns = await self.arrays()
        layout = answers.newest(self.record).layout
        return figures.draw(self.record, lambda name: cut(name, layout, columns), Numbers.of(columns), figure)

    async def observe(self, y: Any, *, index: int | None = None, last: bool = False) -> wire.Observed:
        """Give the job its next observation: a number, a sequence of them or an array; None where nothing was seen.

        `index`: by default after those that the job has; the same again under the same index changes nothing. `last`:
        none comes after this.
        """
        return await self.observe_all([y], start=index, last=last)

    async def observe_all(
        self, observations: Sequence[Any], *, start: int | None = None, last: bool = False
    ) -> wire.Observed:
        """Several observations at once; none at all with `last=True`: no further one will come."""
        taken = await self._client.observe(self.id, observations, start=start, last=last)
        self.record.replace(self.snapshot.model_copy(update={"observations": taken.observations}))
        return taken

    async def observations(self) -> list[Vector | None]:
        """All observations that the job has, those of its spec first."""
        return [observation async for observation in await self._client.observations(self.id)]

    async def cancel(self) -> AsyncJob:
        """Stop it; the last refinement is kept."""
        self.record.replace((await self._client.cancel(self.id)).snapshot)
        return self

    async def refresh(self) -> AsyncJob:
        """Ask the service how the job is."""
        self.record.replace((await self._client.get(self.id)).snapshot)
        return self

    def __repr__(self) -> str:
        return show.line(self.record)

    def _repr_html_(self) -> str:
        return show.card(self.record)
