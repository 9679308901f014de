# syntax=docker/dockerfile:1
# Two images of one service; Ray needs the same Python and the same version of itself in both.
#
#   docker build --target front -t burnish-front .                               HTTP, runners, Ray's head: no torch
#   docker build --target worker -t burnish-worker .                             blocks on processors
#   docker build --target worker --build-arg DEVICE=cuda -t burnish-worker:cuda .  blocks on GPUs
#
# BASE is an image with `python` 3.11 and its venv; TORCH_WHEELS a page or a folder with torch for processors.
ARG BASE=python:3.11-slim-trixie

FROM ${BASE} AS tools
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PATH=/opt/burnish/bin:$PATH
RUN python -m venv /opt/burnish

FROM tools AS wheels
WORKDIR /src
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY clients/python clients/python
COPY service service
COPY workers workers
RUN pip wheel --no-deps --wheel-dir /wheels ./clients/python .

# torch comes before our own code, so that a change of that does not fetch it anew.
FROM tools AS torch
ARG DEVICE=cpu
ARG TORCH=2.13.0
ARG TORCH_WHEELS=https://download.pytorch.org/whl/cpu/torch/
RUN case "$DEVICE" in \
      cpu) pip install --find-links "$TORCH_WHEELS" "torch==${TORCH}+cpu" ;; \
      cuda) pip install "torch==${TORCH}" ;; \
      *) echo "DEVICE is '$DEVICE'; it may be cpu or cuda" >&2; exit 1 ;; \
    esac

FROM torch AS build-worker
COPY --from=wheels /wheels /wheels
# hadolint ignore=DL3013
RUN pip install /wheels/burnish-*.whl "$(echo /wheels/burnish_server-*.whl)[workers,posterior,reasoning,otel]"

FROM tools AS build-front
COPY --from=wheels /wheels /wheels
# hadolint ignore=DL3013
RUN pip install /wheels/burnish-*.whl "$(echo /wheels/burnish_server-*.whl)[cluster,otel]" \
    && ! python -c 'import torch' 2>/dev/null

FROM ${BASE} AS base
# Folders that volumes are mounted at belong to the user, who then may write to new volumes.
RUN useradd --uid 10001 --home-dir /var/lib/burnish --create-home burnish \
    && install -d -o burnish -g burnish /data /var/lib/ray
COPY service/burnish_service/haproxy.sh /usr/local/bin/burnish-haproxy
ENV PATH=/opt/burnish/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OMP_NUM_THREADS=1 \
    RAY_USAGE_STATS_ENABLED=0 \
    RAY_worker_niceness=0 \
    RAY_SERVE_HAPROXY_BINARY_PATH=/usr/local/bin/burnish-haproxy \
    BURNISH_DATA_DIR=/data
WORKDIR /var/lib/burnish
USER 10001:10001
# HTTP of the service.
EXPOSE 8000

FROM base AS front
COPY --from=build-front /opt/burnish /opt/burnish
CMD ["burnish-server", "deploy"]

FROM base AS worker
# Which GPUs of the machine the container sees, for its NVIDIA runtime; nothing where there is none.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=build-worker /opt/burnish /opt/burnish
CMD ["ray", "start", "--help"]
