"""The one part that is compiled; everything else stands in pyproject.toml."""

from setuptools import Extension, setup

KERNELS = "serving/kernels"

setup(
    ext_modules=[
        Extension(
            "onnxlate_serving.native._native",
            sources=[
                f"{KERNELS}/{name}"
                for name in ("native.c", "beam.c", "team.c", "loops.c")
            ],
            depends=[
                f"{KERNELS}/{name}"
                for name in ("program.h", "program.inc", "processor.h", "team.h")
            ],
            # Products are short loops: aligned, they take up to a tenth less.
            extra_compile_args=["-O3", "-falign-loops=64", "-std=gnu11", "-pthread"],
            extra_link_args=["-pthread"],
            libraries=["m"],
            # Without a compiler the install succeeds, and onnxruntime does it all.
            optional=True,
        )
    ]
)
