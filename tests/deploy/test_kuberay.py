"""The Kubernetes manifests: strict schemas, what they say to each other, and what the service needs of them."""

from __future__ import annotations

import copy
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from burnish_service.ingress import KEEP_ALIVE, Choice, common
from burnish_service.settings import Settings

from .files import DEPLOY, KUBERAY, groups, manifest, manifests
from .kuberay import SCHEMAS

with warnings.catch_warnings():  # of Ray, about pydantic
    warnings.simplefilter("ignore")
    import ray
    from ray.serve.schema import ServeApplicationSchema, ServeDeploySchema

    from burnish_service import rayservice

pytestmark = pytest.mark.deploy

KUBERNETES = "1.37"
ALL = [pytest.param(object, id=f"{file}-{object['kind']}") for file, object in manifests()]
WRONG = (jsonschema.ValidationError, kubernetes_validate.ValidationError)


def check(object: dict[str, Any]) -> None:
    """Strictly: raises on unknown fields too."""
    if object["kind"] not in SCHEMAS:
        return kubernetes_validate.validate(object, KUBERNETES, strict=True)
    jsonschema.validate(object, SCHEMAS[object["kind"]])
    if object["kind"] == "RayService":
        cluster = object["spec"]["rayClusterConfig"]
        for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
            check({"apiVersion": "v1", "kind": "Pod", **group["template"]})
    return None


@pytest.mark.parametrize("object", ALL)
def test_every_object_is_valid(object: dict[str, Any]) -> None:
    check(object)


def container(group: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def of(object: dict[str, Any]) -> dict[str, Any]:
        cluster = object["spec"]["rayClusterConfig"]
        return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]][group]["template"]["spec"]["containers"][0]

    return of


MUTANTS: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "a field of no pod": ("RayService", lambda it: container(0)(it).update(imagee="x")),
    "a port that is a word": ("RayService", lambda it: container(1)(it)["ports"][0].update(containerPort="http")),
    "a field of no cluster": ("RayService", lambda it: it["spec"]["rayClusterConfig"].update(autoscaling=True)),
    "a mode that is none": (
        "RayService",
        lambda it: it["spec"]["rayClusterConfig"]["authOptions"].update(mode="password"),
    ),
    "no upper end": ("RayService", lambda it: it["spec"]["rayClusterConfig"]["workerGroupSpecs"][0].pop("maxReplicas")),
    "a parameter that is a number": (
        "RayService",
        lambda it: it["spec"]["rayClusterConfig"]["headGroupSpec"]["rayStartParams"].update({"num-cpus": 0}),
    ),
    "a field of no stateful set": ("StatefulSet", lambda it: it["spec"].update(replica=1)),
    "a port that is listed": (
        "NetworkPolicy",
        lambda it: it["spec"]["ingress"][0].update(ports=[{"protocol": "TCP", "port": [1]}]),
    ),
    "a budget with a typo": ("PodDisruptionBudget", lambda it: it["spec"].update(maxUnavailble=1)),
    "an endpoint without a port": ("ServiceMonitor", lambda it: it["spec"]["endpoints"][0].pop("port")),
    "a rule with a typo": ("PrometheusRule", lambda it: it["spec"]["groups"][0]["rules"][0].update(form="2m")),
    "a rule without an expression": ("PrometheusRule", lambda it: it["spec"]["groups"][0]["rules"][0].pop("expr")),
    "a claim without a size": ("PersistentVolumeClaim", lambda it: it["spec"].update(resources=[])),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutants_are_refused(name: str) -> None:
    kind, change = MUTANTS[name]
    object = copy.deepcopy(next(each for _, each in manifests() if each["kind"] == kind))
    check(object)
    change(object)
    with pytest.raises(WRONG):
        check(object)


def test_the_kustomization_has_every_manifest_but_the_secrets() -> None:
    told = yaml.safe_load((KUBERAY / "kustomization.yaml").read_text())
    there = {path.name for path in KUBERAY.glob("*.yaml")}
    beside = {"kustomization.yaml", *told["configurations"], "secrets.example.yaml"}
    assert set(told["resources"]) == there - beside
    images = {each["name"] for each in told["images"]}
    assert images == {container["image"] for group in groups() for container in group["template"]["spec"]["containers"]}


def test_the_alerts_are_those_of_prometheus() -> None:
    assert manifest("PrometheusRule")["spec"] == yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())


def labels_of_pods() -> list[dict[str, str]]:
    pods = [group["template"]["metadata"]["labels"] for group in groups()]
    return [*pods, manifest("StatefulSet")["spec"]["template"]["metadata"]["labels"]]


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    each = selector.get("matchExpressions", [])
    return wanted and all(labels.get(one["key"]) in one["values"] for one in each if one["operator"] == "In")


def test_selectors_meet_pods() -> None:
    for file, object in manifests():
        spec = object.get("spec", {})
        found = {"PodDisruptionBudget": "selector", "NetworkPolicy": "podSelector"}.get(object["kind"])
        if found:
            assert any(selects(spec[found], labels) for labels in labels_of_pods()), f"{file}: {object['metadata']}"
        if object["kind"] == "Service":
            assert any(selects({"matchLabels": spec["selector"]}, labels) for labels in labels_of_pods()), file
    monitor, metrics = manifest("ServiceMonitor")["spec"], manifest("Service", "burnish-metrics")
    assert selects(monitor["selector"], metrics["metadata"]["labels"])
    assert {each["port"] for each in monitor["endpoints"]} == {each["name"] for each in metrics["spec"]["ports"]}


def test_references_lead_somewhere() -> None:
    """Secrets with their keys, claims, the host in the store's address."""
    secrets = {
        object["metadata"]["name"]: object["stringData"] for _, object in manifests() if object["kind"] == "Secret"
    }
    pods = [group["template"]["spec"] for group in groups()] + [manifest("StatefulSet")["spec"]["template"]["spec"]]
    for pod in pods:
        for each in pod["containers"][0]["env"]:
            reference = each.get("valueFrom", {}).get("secretKeyRef")
            assert reference is None or reference["key"] in secrets[reference["name"]]
        for volume in pod.get("volumes", ()):
            claim = volume.get("persistentVolumeClaim")
            assert claim is None or manifest("PersistentVolumeClaim", claim["claimName"])
    assert "auth_token" in secrets[manifest("RayService")["spec"]["rayClusterConfig"]["authOptions"]["secretName"]]
    (asks,) = [each["authorization"] for each in manifest("ServiceMonitor")["spec"]["endpoints"] if len(each) > 3]
    told = {each["name"]: each.get("valueFrom") for each in groups()[0]["template"]["spec"]["containers"][0]["env"]}
    assert told["BURNISH_METRICS_TOKEN"] == {"secretKeyRef": asks["credentials"]}
    address = environment(0)["BURNISH_REDIS_URL"]
    assert f"@{manifest('Service', 'burnish-valkey')['metadata']['name']}:6379" in address


def environment(group: int) -> dict[str, str]:
    told = groups()[group]["template"]["spec"]["containers"][0]["env"]
    return {each["name"]: each["value"] for each in told if "value" in each}


def test_pods_tell_serve_what_the_service_would() -> None:
    """ray.serve reads these before any code of ours runs."""
    told = common(Choice("haproxy", ""), Settings().rotation)
    for group in range(len(groups())):
        assert {name: text for name, text in environment(group).items() if name.startswith("RAY_SERVE_")} == told


def serve_config() -> dict[str, Any]:
    return yaml.safe_load(manifest("RayService")["spec"]["serveConfigV2"])


def read(config: dict[str, Any]) -> ServeDeploySchema:
    """As Serve does, which ignores what it does not know: here that is wrong too."""
    if strange := config.keys() - ServeDeploySchema.model_fields.keys():
        raise ValueError(f"Serve knows no {strange}")
    for each in config["applications"]:
        if strange := each.keys() - ServeApplicationSchema.model_fields.keys():
            raise ValueError(f"Serve knows no {strange} of an application")
    return ServeDeploySchema.model_validate(config)


def test_the_serve_config_is_one() -> None:
    config = read(serve_config())
    (application,) = config.applications
    module, name = application.import_path.split(":")
    assert module == rayservice.__name__
    assert callable(getattr(rayservice, name))
    settings = Settings(redis_url="redis://s:6379/0", **application.args)
    assert application.args.keys() <= Settings.model_fields.keys()
    built = rayservice.built(settings)
    assert {built._bound_deployment.name, "Runner"} == {"Front", "Runner"}
    assert built._bound_deployment.num_replicas == settings.fronts
    assert config.http_options.port == 8000
    assert config.http_options.keep_alive_timeout_s == KEEP_ALIVE


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config.update(proxy_locations="EveryNode"),
        lambda config: config["applications"][0].update(import_path="burnish_service"),
        lambda config: config["applications"][0].update(arg={"workers": 8}),
        lambda config: config["http_options"].update(port="web"),
        lambda config: config.update(applications=config["applications"] * 2),
    ],
)
def test_mutants_of_the_serve_config_are_refused(change: Callable[[dict[str, Any]], Any]) -> None:
    config = serve_config()
    change(config)
    with pytest.raises(ValueError):  # noqa: PT011
        read(config)


def test_what_the_service_needs_is_asked_for() -> None:
    with pytest.raises(ValueError, match="BURNISH_REDIS_URL"):
        rayservice.built(Settings(workers=1))
    with pytest.raises(ValueError, match="workers"):
        rayservice.built(Settings(redis_url="redis://s:6379/0"))


def test_ray_is_the_same_everywhere() -> None:
    assert manifest("RayService")["spec"]["rayClusterConfig"]["rayVersion"] == ray.__version__


ALONE = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "diffusers", "transformers"}:
            raise ImportError(f"{name} is not in this image")
sys.meta_path.insert(0, Absent())
from burnish_service import rayservice
from burnish_service.settings import Settings
rayservice.built(Settings(redis_url="redis://s:6379/0", workers=1))
from burnish_service.main import create_app
print(len(create_app(None).openapi()["paths"]))
try:
    import torch
except ImportError:
    print("alone")
"""


def test_fronts_and_runners_need_no_torch() -> None:
    """What the image `front` lacks. (Runners that conduct a job never touch it: blocks run on workers.)"""
    told = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=False, timeout=300)
    assert told.returncode == 0, told.stderr[-2000:]
    assert told.stdout.splitlines()[-1] == "alone"
