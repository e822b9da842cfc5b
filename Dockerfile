# syntax=docker/dockerfile:1
# Vitrine: the API, the workers, the scheduler and the migrations are one image with different commands.
#
#   docker build --tag vitrine-gpu .                                    (torch as pip's index has it: with CUDA)
#   docker build --tag vitrine --build-arg TORCH_INDEX_URL=... .        (torch from another index, see below)

FROM python:3.11.13-slim-bookworm AS build
# The index that has torch for the hardware. PyTorch's page on installing names the one of its CPU builds: without CUDA
# the image is gigabytes smaller.
ARG TORCH_INDEX_URL
RUN python -m venv /opt/vitrine
ENV PATH=/opt/vitrine/bin:$PATH
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install ${TORCH_INDEX_URL:+--index-url "$TORCH_INDEX_URL"} torch==2.13.0
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY workers workers
COPY migrations migrations
RUN --mount=type=cache,target=/root/.cache/pip pip install ".[s3]"

FROM python:3.11.13-slim-bookworm
# The folders exist and belong to the user before a volume is mounted there, so that the volume does too.
RUN useradd --create-home --uid 10001 vitrine \
    && install --directory --owner vitrine --group vitrine \
        /var/lib/vitrine /var/lib/vitrine/pictures /var/lib/vitrine/models
COPY --from=build /opt/vitrine /opt/vitrine
ENV PATH=/opt/vitrine/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HF_HOME=/var/lib/vitrine/models \
    VITRINE_DATA=/var/lib/vitrine/data \
    VITRINE_LOG_FORMAT=json
WORKDIR /var/lib/vitrine
USER vitrine
EXPOSE 8000
# Of the API. The workers and the scheduler have commands of their own in docker-compose.yml.
HEALTHCHECK --interval=30s --timeout=10s --start-period=5m \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready')"]
CMD ["vitrine", "serve"]
