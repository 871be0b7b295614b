"""A trained model as ONNX: `newllm export RUN --to onnx DIR`. Imported by its modules' names; it needs newllm[onnx]."""
