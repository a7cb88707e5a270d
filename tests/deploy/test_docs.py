"""docs/kubernetes.md says what the manifests and the client say."""

import json
import re
from pathlib import Path

import yaml

from onnxlate.channel import channel_options

from .manifests import DEPLOY, ENVOY, KUBERNETES

DOCS = (Path(__file__).parents[2] / "docs" / "kubernetes.md").read_text()


def test_other_languages_are_told_what_our_client_does() -> None:
    [block] = re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL)
    options = dict(channel_options("dns:///onnxlate:50051"))

    assert json.loads(block) == json.loads(str(options["grpc.service_config"]))


def test_its_numbers_are_those_of_the_manifests() -> None:
    files = [
        *(ENVOY / "envoy.yaml", KUBERNETES / "deployment.yaml"),
        KUBERNETES / "autoscaler.yaml",
    ]
    there = "".join(each.read_text() for each in files).replace('"', "")
    named = re.findall(r"`(--[a-z-]+=[^`]+|[a-zA-Z_]+: [0-9][^`]*)`", DOCS)
    advised = {"minReadySeconds: 35", "maxSurge: 50%"}

    assert len(named) > 5
    for each in set(named) - advised:
        # Envoy's only number in an object of its own.
        assert each in there or each.replace(": 0", ": {value: 0}") in there, each


def test_files_that_it_names_are_there() -> None:
    for name in re.findall(r"\bdeploy/[a-z/.-]+", DOCS):
        path = DEPLOY.parent / name.rstrip(".")
        assert path.exists(), name
    overlays = [
        yaml.safe_load(block)
        for block in re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)
        if "components:" in block
    ]
    [overlay] = overlays
    places = [*overlay["resources"], *overlay["components"]]
    for place in places:
        folder = DEPLOY.parent / place.removeprefix("onnxlate/")
        kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
        for image in kustomization.get("images", []):
            assert image["newName"] in {each["name"] for each in overlay["images"]}
