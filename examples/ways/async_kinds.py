"""One job of each kind at the same time, with the asynchronous client: they share the pool of workers."""

from __future__ import annotations

import asyncio

from burnish import AsyncBurnish, AsyncJob


async def follow(job: AsyncJob) -> str:
    """Every refinement as it comes; what ended the job."""
    async for refinement in job.refinements():
        print(job.kind, "block", refinement.blocks)
    return f"{job.kind}: {job.status} by {job.stopped_by}"


async def main() -> None:
    """Against the service at BURNISH_BASE_URL, by default the one on this machine."""
    async with AsyncBurnish() as client:
        jobs = [
            await client.surrogate(problem="hjb-log", dim=10, points=[0.0], budget={"seconds": 2}),
            await client.posterior(
                prior={"mixture": {"means": [[-2, 0], [2, 0]], "variance": 0.5}},
                observation={"operator": {"type": "matrix", "matrix": [[0.6, 0.8]]}, "y": [1.0], "sigma": 0.3},
                chain={"steps": 20},
                budget={"units": 50_000},
            ),
            await client.reasoning(
                problem={"type": "subset_sum", "numbers": [17, 92, 45, 128, 66, 3], "target": 128},
                budget={"tokens": 4_000},
            ),
        ]
        for ended in await asyncio.gather(*(follow(job) for job in jobs)):
            print(ended)


if __name__ == "__main__":
    asyncio.run(main())
