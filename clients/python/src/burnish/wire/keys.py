"""API keys: what they are made with and how they are shown. The key itself is shown once, when it is made."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from burnish.wire.base import Received, Wire

Scope = Literal["submit", "read", "admin"]
"""`read`: see what is there; `submit`: make, change and delete it; `admin`: keys, quotas, the sums of all tenants."""

SCOPES: tuple[Scope, ...] = ("submit", "read", "admin")
TENANT = r"^[a-z0-9][a-z0-9-]{0,62}$"
LONGEST_OVERLAP = 30 * 86_400
MOST_DAYS = 3_660


class NewKey(Wire):
    """A key to be made."""

    tenant: str = Field(pattern=TENANT, description="Whose it is: 1 to 63 of a-z, 0-9 and -.")
    scopes: list[Scope] = Field(default=["submit", "read"], min_length=1, max_length=3)
    name: str = Field(default="", max_length=100, description="For you to know it by.")
    days: int | None = Field(default=None, ge=1, le=MOST_DAYS, description="After so many it expires; null: never.")


class RotateKey(Wire):
    """A new secret for a key."""

    overlap: int = Field(
        default=86_400, ge=0, le=LONGEST_OVERLAP, description="Seconds for which the old secret is good as well."
    )


class ApiKey(Received):
    """A key as it is listed. `source`: `settings` for those of BURNISH_API_KEYS, which are changed there."""

    id: str
    tenant: str
    scopes: list[Scope]
    name: str
    created_at: str | None
    expires_at: str | None = None
    revoked_at: str | None = None
    previous_until: str | None = None
    source: Literal["store", "settings"] = "store"


class IssuedKey(ApiKey):
    """A key and, this once, its secret: `key` is what requests send as `Authorization: Bearer`."""

    key: str


class ApiKeys(Received):
    """All keys, newest first; those that are revoked too."""

    data: list[ApiKey]


class TenantQuota(Wire):
    """What a tenant may have; null: without limit."""

    jobs: int | None = Field(default=None, ge=0, le=2**53, description="Live at a time.")
    units: int | None = Field(
        default=None, ge=0, le=2**53, description="Spent in a UTC day before new jobs are refused."
    )
    bytes: int | None = Field(default=None, ge=0, le=2**53, description="Of uploads that are kept.")


class QuotaUse(Received):
    """Quotas of a tenant and what is in use of them."""

    tenant: str
    limits: TenantQuota
    jobs: int
    units: float
    bytes: int
