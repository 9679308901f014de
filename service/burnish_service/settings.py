"""Configuration from the environment: every field can be set as BURNISH_<NAME>."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_serializer, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from burnish_service.ingress import Ingress
from burnish_service.telemetry import can_trace
from burnish_workers.core.sharing import Sharing
from burnish_workers.engine.api_keys import hashed, kept_token, read_entries
from burnish_workers.engine.janitor import Retention
from burnish_workers.engine.redis_address import checked_address
from burnish_workers.kinds.posterior.registered import priors_of
from burnish_workers.outbound.allowed import keys_of, places_of


class Settings(BaseSettings):
    """What an operator may choose."""

    model_config = SettingsConfigDict(env_prefix="BURNISH_", extra="ignore", hide_input_in_errors=True)

    host: str = Field(default="127.0.0.1", description="Where to listen.")
    port: int = Field(default=8000, ge=0, le=65_535, description="0: any free port.")
    data_dir: Path = Field(default=Path(".burnish"), description="Store and artifacts; one folder for all nodes.")
    redis_url: str | None = Field(
        default=None, description="rediss:// for TLS. Default: an embedded Valkey in data_dir."
    )
    workers: int = Field(default=0, ge=0, le=4_096, description="0: one for each core. With GPUs say how many.")
    gpus_per_worker: float = Field(default=0.0, ge=0, le=8, description="A fraction: several workers share a GPU.")
    gpu_workers: int | None = Field(
        default=None,
        ge=0,
        le=4_096,
        description="How many workers have a GPU share; the others compute on processors. Default: all.",
    )
    device: str = Field(default="auto", description="What workers with GPUs compute on: cpu, cuda, or auto.")
    lease: float = Field(default=10.0, gt=0.5, le=300, description="Seconds that a runner holds a job unrenewed.")
    heartbeat: float = Field(default=10.0, gt=0.05, le=300, description="Seconds between comments on an idle stream.")
    rotation: float = Field(
        default=600.0,
        gt=0.1,
        description="Seconds that a stream may last; it is closed after half of them or more, to be resumed.",
    )
    max_body: int = Field(default=16 * 2**20, ge=1_024, description="Bytes of a JSON body; larger ones are a 413.")
    max_model: int = Field(default=32 * 2**20, ge=1_024, description="Bytes of an uploaded model.")
    ingress: Ingress = Field(default="auto", description="What listens for HTTP: HAProxy, or Serve's own proxy.")
    proxy_location: Literal["EveryNode", "HeadOnly"] = Field(
        default="EveryNode", description="Which nodes of a cluster listen: those with fronts or runners, or the head."
    )
    fronts: int = Field(default=1, ge=1, description="Processes that answer HTTP.")
    runners: int = Field(default=1, ge=1, description="Processes that conduct jobs.")
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    sharing: Sharing = Field(
        default="gain", description="Who gets the next block; equal and fifo are there to compare gain with."
    )
    canary_every: float = Field(
        default=0.0,
        ge=0,
        le=86_400 * 7,
        description="Seconds between two small jobs with known answers that the service runs on itself; 0: none.",
    )
    retention_jobs: float = Field(
        default=0.0,
        ge=0,
        description="Days after its end for which a job is kept, with its events and files; 0: for ever.",
    )
    retention_models: float = Field(
        default=0.0, ge=0, description="Days for which an uploaded model is kept that no job names; 0: for ever."
    )
    retention_arrays: float = Field(default=0.0, ge=0, description="The same of arrays.")
    retention_deliveries: float = Field(
        default=30.0,
        ge=0,
        description="Days for which it is told what came of a webhook's message, of the last 200 of each webhook; "
        "0: for ever.",
    )
    otlp_endpoint: str = Field(
        default="",
        description="An OpenTelemetry collector that takes traces over HTTP, as in http://collector:4318; default: "
        "none. What OTEL_* variables say of headers, sampling and resources holds too.",
    )
    priors: str = Field(
        default="",
        description="Diffusers directories that jobs may name, as in faces=/models/faces,scans=/models/scans. Workers "
        "read the variable too, and must find them at the same paths.",
    )

    outbound: str = Field(
        default="",
        description="Servers that jobs and webhooks may name, as in 127.0.0.1:8001,models.example.org; default: none. "
        "Workers read the variable too. A name may lead to a private address only where that is listed as well.",
    )
    outbound_keys: SecretStr = Field(
        default=SecretStr(""),
        description="Keys for them, as in models.example.org=KEY; each goes to its server alone.",
        exclude=True,  # every process has them from its environment: a dump would hold asterisks, which are no keys
    )

    api_keys: str = Field(
        default="",
        description="Who may use the service: TENANT[:SCOPE+SCOPE]=KEY, ... Read once and kept as hashes; "
        "`burnish-server key` makes entries. More keys are made by /v1/keys.",
    )
    api_keys_file: Path | None = Field(default=None, description="A file with such entries, one a line.")
    allow_open: bool = Field(
        default=False, description="Serve beyond this machine without keys: whoever reaches it may do everything."
    )
    metrics_token: str = Field(
        default="",
        description="Opens /metrics alone, all of it, for whoever scrapes it; without it a key with scope admin does. "
        "Read once and kept as a hash.",
    )
    quota_jobs: int | None = Field(default=None, ge=0, description="Live jobs of a tenant for whom nothing is set.")
    quota_units: int | None = Field(default=None, ge=0, description="Units that such a tenant may spend in a UTC day.")
    quota_bytes: int | None = Field(default=None, ge=0, description="Bytes that the uploads of such a tenant may take.")

    @field_validator("redis_url")
    @classmethod
    def _store(cls, url: str | None) -> str | None:
        return None if url is None else checked_address(url)

    @field_validator("api_keys")
    @classmethod
    def _without_secrets(cls, keys: str) -> str:
        """Settings travel: to the server's command line, to replicas. No key does."""
        return hashed(keys)

    @field_validator("metrics_token")
    @classmethod
    def _token(cls, token: str) -> str:
        return kept_token(token)

    @model_validator(mode="after")
    def _with_file(self) -> Settings:
        """The file is read here, once: replicas may be where it is not."""
        if self.api_keys_file is not None:
            self.api_keys = hashed(f"{self.api_keys},{read_entries(self.api_keys_file)}")
            self.api_keys_file = None
        return self

    @field_validator("gpu_workers")
    @classmethod
    def _gpus_to_have(cls, count: int | None, known: ValidationInfo) -> int | None:
        workers = known.data.get("workers", 0)
        if count and known.data.get("gpus_per_worker") == 0:
            raise ValueError(f"{count} workers with shares of GPUs that are 0: set BURNISH_GPUS_PER_WORKER too")
        if count and 0 < workers < count:
            raise ValueError(f"{count} workers with GPUs are more than all {workers} workers")
        return count

    @field_validator("otlp_endpoint")
    @classmethod
    def _traceable(cls, endpoint: str) -> str:
        if endpoint and not endpoint.startswith(("http://", "https://")):
            raise ValueError(f"{endpoint!r} is no address; give one such as http://collector:4318")
        if endpoint and not can_trace():
            raise ValueError("traces need OpenTelemetry: pip install 'burnish-server[otel]'")
        return endpoint

    @field_validator("outbound")
    @classmethod
    def _places(cls, outbound: str) -> str:
        places_of(outbound)
        return outbound

    @field_validator("outbound_keys")
    @classmethod
    def _keys(cls, keys: SecretStr) -> SecretStr:
        keys_of(keys.get_secret_value())
        return keys

    @field_serializer("outbound_keys")
    def _untold(self, keys: SecretStr) -> str:
        """Workers have them from the variable; asterisks in their place would not be read again as settings."""
        return ""

    @field_validator("priors")
    @classmethod
    def _readable(cls, priors: str) -> str:
        """A service that starts can serve what it was told to."""
        priors_of(priors)
        return priors

    @property
    def retention(self) -> Retention:
        return Retention(self.retention_jobs, self.retention_models, self.retention_arrays, self.retention_deliveries)
