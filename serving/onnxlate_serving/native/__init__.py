"""Runs a bundle's graphs by code of our own, compiled with the package.

onnxruntime runs every graph and is what runs where this cannot: on a GPU, where no
compiler was at hand when the package was installed, and for graphs that have steps
unknown here. What it cannot do is run a small model's step, a hundred operators of a
microsecond each, in less than a hundred microseconds, or attend to many short
sentences without a matrix product for each (docs/speed.md).
"""
