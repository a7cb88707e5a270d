"""onnxlate's server: bundles in, a gRPC translation service out."""
