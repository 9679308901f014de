"""The fields of KubeRay's and the Prometheus operator's objects that are in use here; nothing else may appear.

Written from KubeRay 1.7 (ray.io/v1) and monitoring.coreos.com/v1. Pod templates are left to the schemas of Kubernetes.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

STRING: Schema = {"type": "string", "minLength": 1}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
ANY: Schema = {"type": "object"}
NAME: Schema = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}
DURATION: Schema = {"type": "string", "pattern": r"^\d+(ms|s|m|h|d)$"}
PARAMS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}


def closed(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """An object with these fields and no others."""
    properties = {**required, **(optional or {})}
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(required),
        "additionalProperties": False,
    }


def listed(items: Schema) -> Schema:
    return {"type": "array", "items": items, "minItems": 1}


def kind(version: str, name: str, spec: Schema) -> Schema:
    metadata = closed({"name": NAME}, {"namespace": NAME, "labels": PARAMS})
    return closed({"apiVersion": {"const": version}, "kind": {"const": name}, "metadata": metadata, "spec": spec})


HEAD = closed({"rayStartParams": PARAMS, "template": ANY}, {"labels": PARAMS, "resources": PARAMS})

GROUP = closed(
    {"groupName": NAME, "rayStartParams": PARAMS, "template": ANY, "minReplicas": COUNT, "maxReplicas": COUNT},
    {"replicas": COUNT, "numOfHosts": COUNT, "idleTimeoutSeconds": COUNT, "labels": PARAMS, "resources": PARAMS},
)

CLUSTER = closed(
    {"rayVersion": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"}, "headGroupSpec": HEAD},
    {
        "workerGroupSpecs": listed(GROUP),
        "enableInTreeAutoscaling": FLAG,
        "autoscalerOptions": closed(
            {},
            {
                "version": {"enum": ["v1", "v2"]},
                "idleTimeoutSeconds": COUNT,
                "upscalingMode": {"enum": ["Default", "Aggressive", "Conservative"]},
                "resources": ANY,
            },
        ),
        "authOptions": closed({}, {"mode": {"enum": ["disabled", "token"]}, "secretName": NAME}),
    },
)

RAY_SERVICE = kind(
    "ray.io/v1",
    "RayService",
    closed(
        {"rayClusterConfig": CLUSTER, "serveConfigV2": STRING},
        {
            "upgradeStrategy": closed({"type": {"enum": ["None", "NewCluster", "NewClusterWithIncrementalUpgrade"]}}),
            "rayClusterDeletionDelaySeconds": COUNT,
            "excludeHeadPodFromServeSvc": FLAG,
        },
    ),
)

_AUTHORIZATION = closed({"credentials": closed({"name": STRING, "key": STRING})}, {"type": STRING})
SERVICE_MONITOR = kind(
    "monitoring.coreos.com/v1",
    "ServiceMonitor",
    closed(
        {
            "selector": closed({"matchLabels": PARAMS}),
            "endpoints": listed(
                closed(
                    {"port": STRING},
                    {
                        "path": STRING,
                        "interval": DURATION,
                        "authorization": _AUTHORIZATION,
                    },
                )
            ),
        }
    ),
)

ALERT = closed({"alert": STRING, "expr": STRING}, {"for": DURATION, "labels": PARAMS, "annotations": PARAMS})

PROMETHEUS_RULE = kind(
    "monitoring.coreos.com/v1",
    "PrometheusRule",
    closed({"groups": listed(closed({"name": NAME, "rules": listed(ALERT)}, {"interval": DURATION}))}),
)

SCHEMAS: dict[str, Schema] = {
    "RayService": RAY_SERVICE,
    "ServiceMonitor": SERVICE_MONITOR,
    "PrometheusRule": PROMETHEUS_RULE,
}
"""By kind: those that Kubernetes itself does not know."""
