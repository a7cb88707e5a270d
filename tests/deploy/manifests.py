"""Reads deploy/ as `kubectl kustomize` does, as far as its files go.

One test holds it against the real one, where that is installed.
"""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonpatch
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
KUBERNETES, ENVOY = DEPLOY / "kubernetes", DEPLOY / "envoy"

Resource = dict[str, Any]


def built(folder: Path, components: Sequence[Path] = ()) -> list[Resource]:
    """Every resource of a folder, changed by components in that order."""
    base = _file(folder / "kustomization.yaml")
    resources = [_file(folder / name) for name in base["resources"]]
    for each in resources:
        if each["kind"] != "Namespace":
            each["metadata"]["namespace"] = base["namespace"]
    images = {each["name"]: each for each in base.get("images", [])}
    for path in components:
        component = _file(path / "kustomization.yaml")
        images |= {each["name"]: each for each in component.get("images", [])}
        for patch in component["patches"]:
            resources = [_patched(each, patch) for each in resources]
    for pod in map(pod_of, resources):
        for container in (*pod.get("initContainers", ()), *pod.get("containers", ())):
            if image := images.get(container["image"]):
                container["image"] = f"{image['newName']}:{image['newTag']}"
    return resources


def one(resources: Sequence[Resource], kind: str) -> Resource:
    [found] = [each for each in resources if each["kind"] == kind]
    return found


def pod_of(resource: Resource) -> dict[str, Any]:
    """A Deployment's pod; of others nothing."""
    if resource["kind"] != "Deployment":
        return {}
    pod: dict[str, Any] = resource["spec"]["template"]["spec"]
    return pod


def seconds_to_leave(container: Mapping[str, Any]) -> float:
    """What preStop takes at least."""
    stop = container["lifecycle"]["preStop"]
    if sleep := stop.get("sleep"):
        return float(sleep["seconds"])
    script = stop["exec"]["command"][-1]
    return float(script.rpartition("sleep ")[2])


def _file(path: Path) -> Resource:
    content: Resource = yaml.safe_load(path.read_text())
    return content


def _patched(resource: Resource, patch: Mapping[str, Any]) -> Resource:
    target = patch["target"]
    if (resource["kind"], resource["metadata"]["name"]) != (
        *(target["kind"], target["name"]),
    ):
        return resource
    change = yaml.safe_load(patch["patch"])
    if isinstance(change, list):
        changed: Resource = jsonpatch.apply_patch(resource, change)
        return changed
    merged: Resource = _merged(resource, change)
    return merged


def _merged(old: Any, new: Any) -> Any:
    """A strategic merge: lists of things with names are merged by these."""
    if isinstance(old, dict) and isinstance(new, dict):
        names = {**old, **new}
        return {
            name: _merged(old[name], new[name])
            if name in old and name in new
            else copy.deepcopy(names[name])
            for name in names
        }
    if isinstance(old, list) and isinstance(new, list):
        there = {each["name"]: each for each in old}
        changes = {each["name"]: each for each in new}
        return [
            *(each for name, each in changes.items() if name not in there),
            *(_merged(e, changes[n]) if n in changes else e for n, e in there.items()),
        ]
    return copy.deepcopy(new)
