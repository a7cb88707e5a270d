"""What a stock tritonclient sees of a server, as JSON; in a process of its own.

Triton's messages are called like ours, and one process has room for one of them.
"""

import json
import queue
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException


def text_input(texts: list[str]) -> triton.InferInput:
    tensor = triton.InferInput("text", [len(texts)], "BYTES")
    tensor.set_data_from_numpy(np.array(texts, dtype=np.object_))
    return tensor


def values(result: triton.InferResult, name: str) -> Any:
    found = result.as_numpy(name)
    if found is None:
        return None
    return [
        each.decode() if isinstance(each, bytes) else float(each)
        for each in found.flatten()
    ]


def infer(client: Any, model: str) -> dict[str, Any]:
    texts = ["one two", "three", ""]
    result = client.infer(model, [text_input(texts)], request_id="7")
    chosen = client.infer(
        model,
        [text_input(texts)],
        outputs=[triton.InferRequestedOutput("translation")],
        parameters={"beam_size": 1, "max_target_tokens": 2},
    )
    names = ("translation", "score", "finish_reason")
    return {
        "all": {name: values(result, name) for name in names},
        "chosen": {name: values(chosen, name) for name in names},
        "id": result.get_response().id,
    }


WISHES: dict[str, dict[str, Any]] = {
    "several": {"beam_size": 4, "num_hypotheses": 3, "length_penalty": 1},
    "text": {"format": "text", "protected_phrases": '["three"]'},
    "html": {"format": "html", "protect": True},
    "terms": {"terms": '{"two": "four five"}', "beam_size": 2},
    "drawn": {"temperature": 0.7, "top_k": 9, "top_p": 0.9, "seed": 5},
    "chosen words": {
        "target_prefix": "six",
        "banned_phrases": '["one", "ten"]',
        "repetition_penalty": 1.5,
        "no_repeat_ngram_size": 2,
        "min_target_tokens": 4,
        "max_target_tokens": 20,
        "truncate_source": True,
    },
    "tokens": {"return_tokens": True},
}
"""Parameters of a call with these outputs."""
WISH_TEXT = "one two\nthree  <b>four</b> "
WISH_OUTPUTS = ("translation", "score", "finish_reason", "details")


def wishes(client: Any, model: str) -> dict[str, Any]:
    found = {}
    for name, parameters in WISHES.items():
        result = client.infer(
            model,
            [text_input([WISH_TEXT])],
            outputs=[triton.InferRequestedOutput(each) for each in WISH_OUTPUTS],
            parameters=parameters,
        )
        found[name] = {
            each: (values(result, each), list(result.as_numpy(each).shape))
            for each in WISH_OUTPUTS
        }
    return found


def stream(client: Any, model: str) -> list[Any]:
    """Two requests, of which the first comes in pieces, and one that is wrong."""
    answers: queue.Queue[Any] = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for number, (texts, parameters) in enumerate(
        (
            (["one two three"], {"stream": True}),
            (["four", "five"], {}),
            (["six"], {"beam_size": 0}),
            (["seven"], {}),
        )
    ):
        client.async_stream_infer(
            model, [text_input(texts)], request_id=str(number), parameters=parameters
        )
    seen: list[Any] = []
    while not seen or seen[-1][0] != "3":
        result, error = answers.get(timeout=30)
        if error is not None:
            seen.append(("error", str(error)))
            continue
        response = result.get_response()
        final = response.parameters["triton_final_response"].bool_param
        seen.append((response.id, values(result, "translation"), final))
    client.stop_stream()
    return seen


def failures(client: Any, model: str) -> dict[str, str]:
    found = {}
    numbers = triton.InferInput("text", [1], "FP32")
    numbers.set_data_from_numpy(np.ones(1, np.float32))
    calls: dict[str, Callable[[], Any]] = {
        "model": lambda: client.infer("none", [text_input(["one"])]),
        "input": lambda: client.infer(model, [numbers]),
        "parameter": lambda: client.infer(
            model, [text_input(["one"])], parameters={"temprature": 1.0}
        ),
        "shared memory": lambda: client.get_system_shared_memory_status(),
    }
    for name, call in calls.items():
        try:
            call()
        except InferenceServerException as error:
            found[name] = error.status() + ": " + error.message()
    return found


def main() -> None:
    address, model = sys.argv[1:]
    with triton.InferenceServerClient(address) as client:
        config = client.get_model_config(model, as_json=True)["config"]
        statistics = client.get_inference_statistics(model, as_json=True)
        print(
            json.dumps(
                {
                    "live": client.is_server_live(),
                    "ready": client.is_server_ready(),
                    "model ready": client.is_model_ready(model),
                    "version ready": client.is_model_ready(model, "1"),
                    "other ready": client.is_model_ready("none"),
                    "server": client.get_server_metadata(as_json=True),
                    "model": client.get_model_metadata(model, as_json=True),
                    "config": config,
                    "index": client.get_model_repository_index(as_json=True),
                    "infer": infer(client, model),
                    "wishes": wishes(client, model),
                    "stream": stream(client, model),
                    "failures": failures(client, model),
                    "before": statistics,
                    "after": client.get_inference_statistics(model, as_json=True),
                }
            )
        )


if __name__ == "__main__":
    main()
