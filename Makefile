# setup run test lint type proto bench image pipeline; .ci/run calls the same verbs.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
BENCH ?= --models tiny --rounds 3 --round-seconds 2 --sweep-seconds 0.5
SOURCES := pyproject.toml constraints.txt setup.py $(wildcard serving/kernels/*)
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: setup run test lint type proto check-proto bench image pipeline

setup: .venv/dev.stamp

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/serve.stamp: $(SOURCES) | .venv/bin/python
	$(INSTALL) -e '.[serve]' && touch $@

.venv/dev.stamp: $(SOURCES) | .venv/bin/python
	$(INSTALL) -e '.[dev]' && touch $@ .venv/serve.stamp .venv/bench.stamp

run: .venv/serve.stamp  ## start a server on the default model, translate through it, stop it
	$(BIN)/python -m onnxlate.demo

test: setup
	$(BIN)/pytest -n auto --dist loadfile

lint: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports

type: setup
	$(BIN)/mypy

proto: setup  ## the committed stubs, from proto/
	$(BIN)/python -m grpc_tools.protoc -Iproto --python_out=. --pyi_out=. --grpc_python_out=. proto/onnxlate/v1/*.proto
	$(BIN)/python -m grpc_tools.protoc -Iproto --python_out=serving --pyi_out=serving --grpc_python_out=serving proto/onnxlate_serving/*.proto

check-proto: proto
	git diff --exit-code -- onnxlate/v1 serving/onnxlate_serving/kserve_pb2*

pipeline: setup  ## generate a corpus, train, export, serve, translate, score
	$(BIN)/python -m onnxlate_export.pipeline

.venv/bench.stamp: $(SOURCES) | .venv/bin/python
	$(INSTALL) -e '.[bench]' && touch $@ .venv/serve.stamp

bench: .venv/bench.stamp  ## we and CTranslate2 side by side, on models made on the spot
	$(BIN)/python -m benchmarks all $(BENCH)

image:
	docker build --tag onnxlate .
