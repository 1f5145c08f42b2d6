# Two images from one file: `serve` answers listeners, `train` also learns.
#   docker build --target serve -t segue .
#   docker build --target train -t segue-trainer .
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
FROM ${PYTHON_IMAGE} AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# Where pip may find a small CPU build of torch, e.g. PyTorch's CPU wheel index; empty: wherever pip looks anyway.
ARG TORCH_INDEX=
WORKDIR /srv/segue
COPY pyproject.toml constraints.txt README.md ./
RUN python -m venv /opt/segue \
    && /opt/segue/bin/pip install -c constraints.txt ${TORCH_INDEX:+--retries 0 --extra-index-url "$TORCH_INDEX"} torch
ENV PATH=/opt/segue/bin:$PATH
COPY app app
COPY segue_client segue_client
RUN groupadd --system --gid 10001 segue \
    && useradd --system --uid 10001 --gid segue --home-dir /srv/segue segue \
    && mkdir -p /var/lib/segue/model_store /var/lib/segue/data \
    && chown -R segue:segue /var/lib/segue
ENV SEGUE_MODEL_STORE=/var/lib/segue/model_store SEGUE_DATA_DIR=/var/lib/segue/data
VOLUME ["/var/lib/segue"]

FROM base AS train
RUN pip install -c constraints.txt '.[train]'
USER 10001:10001
ENTRYPOINT ["segue"]
CMD ["--help"]

FROM base AS serve
RUN pip install -c constraints.txt '.[serve]'
USER 10001:10001
# A container is reached from outside itself. It starts once it has a key (segue keys create), or is told to do without
# (SEGUE_OPEN_WITHOUT_KEYS=true): then who may reach the container is the operator's choice alone.
ENV SEGUE_HOST=0.0.0.0 SEGUE_PORT=8000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
ENTRYPOINT ["segue"]
CMD ["serve"]
