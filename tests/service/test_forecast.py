"""POST /v1/forecast."""

from __future__ import annotations

from burnish import Burnish

from .harness import Service

RECORDS = [
    {"data": 10.0**k, "compute": 5.0**m, "risk": 3 / 10 ** (0.3 * k) + 2 / 5 ** (0.5 * m)}
    for k in range(1, 5)
    for m in range(1, 5)
]


def test_fitted_over_http(memory_service: Service) -> None:
    with Burnish(memory_service.url) as client:
        split = {"budget": 1e6, "price_data": 1.0, "price_compute": 1.0}
        law = client.fit_scaling_law(RECORDS, at=[{"data": 1e6, "compute": 1e5}], split=split)
    assert law.data_exponent is not None
    assert abs(law.data_exponent.estimate - 0.3) < 0.02
    assert law.split is not None
    assert abs(law.split.data + law.split.compute - 1e6) < 1
    reply = memory_service.client.post("/v1/forecast", json={"records": RECORDS[:7]})
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["pointer"] == "/records"
    reply = memory_service.client.post("/v1/forecast", json={"records": [{"data": -1, "risk": 1}] * 9})
    assert reply.json()["errors"][0]["pointer"] == "/records/0/data"
