"""The seconds that deploy/kubernetes has, so that what is tried is what ships."""

from pathlib import Path
from typing import Any

import yaml

from .pods import Timing

DEPLOYMENT = Path(__file__).parents[2] / "deploy" / "kubernetes" / "deployment.yaml"


def shipped_timing(path: Path = DEPLOYMENT) -> Timing:
    spec = yaml.safe_load(path.read_text())["spec"]
    [server] = spec["template"]["spec"]["containers"]
    return Timing(
        min_ready=float(spec["minReadySeconds"]),
        pre_stop=float(server["lifecycle"]["preStop"]["sleep"]["seconds"]),
        announce=_option(server, "announce-seconds"),
        drain=_option(server, "drain-seconds"),
        connection=_option(server, "connection-seconds"),
    )


def _option(container: dict[str, Any], name: str) -> float:
    [value] = [
        arg.removeprefix(f"--{name}=")
        for arg in container["args"]
        if arg.startswith(f"--{name}=")
    ]
    return float(value)
