"""From a model to a file that draws without the zoo, Keras or its weights: ONNX and others."""
