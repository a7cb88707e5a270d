# Serves a bundle over gRPC; no torch inside. `python -m benchmarks image` proves it.
#
#   docker build --tag onnxlate .
#   docker run --read-only -p 127.0.0.1:50051:50051 onnxlate
#   docker run --read-only -p 127.0.0.1:50051:50051 -v "$PWD/bundles/en-de:/bundle:ro" onnxlate /bundle --listen 0.0.0.0:50051 --insecure
#
# --web needs a folder for a socket: --tmpfs /tmp.

FROM python:3.11-slim AS build
WORKDIR /src
# For what pip compiles; neither is in the image that is served from.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /venv
COPY pyproject.toml setup.py constraints.txt README.md LICENSE ./
COPY onnxlate onnxlate
COPY training training
COPY export export
COPY serving serving
RUN /venv/bin/pip install --no-cache-dir -c constraints.txt '.[serve,trace,web]' \
    && /venv/bin/pip uninstall --yes pip setuptools
# What serving never loads, a quarter of it all: the C library that onnxruntime's Python
# module has in itself once more, its tools, and others' tests.
RUN cd /venv/lib/python3*/site-packages \
    && rm -rf onnxruntime/capi/libonnxruntime.so* \
        onnxruntime/quantization onnxruntime/tools onnxruntime/transformers \
    && find . -path '*/tests/*' -name 'test_*' -prune -exec rm -r {} +

FROM python:3.11-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin onnxlate
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
EXPOSE 50051
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s \
    CMD ["python", "-m", "onnxlate.health", "127.0.0.1:50051"]
# No shell in between: SIGTERM reaches the server, which then drains.
ENTRYPOINT ["onnxlate", "serve"]
# On all interfaces of the container, which are nobody else's until a port is published.
CMD ["--listen", "0.0.0.0:50051", "--insecure"]
