"""Networks of the classifiers: plain for digits, residual for photographs.

Every layer sets its policy, data format and name, so that the user's Keras configuration doesn't
change them.
"""

import functools

import keras
from keras import layers

CHANNELS_LAST = {"data_format": "channels_last"}
STEM_SIZE = 32


def build(architecture, name, dtype):
    """Builds a classifier's network.

    Args:
        architecture: A `zoo.evaluation.features.classifier.Architecture`.
        name: str, the name of the model.
        dtype: str, the policy of all layers but the last, which is float32.

    Returns:
        A `keras.Model` from float images of shape `(N, *image_shape)` in [0, 1] to
        `[features (N, feature_width), logits (N, classes)]`.
    """
    images = keras.Input(architecture.image_shape, dtype="float32", name="images")
    if architecture.residual:
        x = _residual_body(images, architecture.widths, dtype, architecture.pooled)
    else:
        x = _plain_body(images, architecture.widths, dtype)
    # A seed of its own: without one, torch draws from a state that no checkpoint of Keras' holds.
    x = layers.Dropout(architecture.dropout, seed=0, dtype=dtype, name="dropout")(x)
    # Smooth, so that features of near-equal images stay close and look more Gaussian.
    features = layers.Dense(
        architecture.feature_width, activation="gelu", dtype=dtype, name="features"
    )(x)
    logits = layers.Dense(architecture.classes, dtype="float32", name="logits")(features)
    return keras.Model(images, [features, logits], name=name)


def _plain_body(x, widths, dtype):
    """Stacks two convolutions for each width and one for the last, halving the size each time."""
    convolve = functools.partial(_convolve, dtype=dtype)
    last = len(widths)
    for number, filters in enumerate(widths, start=1):
        if number < last:
            x = convolve(x, filters, f"block{number}a")
            x = convolve(x, filters, f"block{number}b")
        else:
            x = convolve(x, filters, f"block{number}")
        x = layers.MaxPooling2D(2, dtype=dtype, name=f"pool{number}", **CHANNELS_LAST)(x)
    return layers.Flatten(dtype=dtype, name="flatten", **CHANNELS_LAST)(x)


def _residual_body(x, widths, dtype, pooled):
    """Stacks a stem, a residual block at half the size for each further width, and their mean."""
    convolve = functools.partial(_convolve, dtype=dtype)
    halve = {"pool": True} if pooled else {"strides": 2}
    stem, *widths = widths
    # No block at the stem's size, which would take a CPU most of the time.
    x = convolve(x, stem, "stem", strides=x.shape[1] // STEM_SIZE)
    for number, filters in enumerate(widths, start=1):
        x = convolve(x, filters, f"down{number}", **halve)
        y = convolve(x, filters, f"block{number}a")
        y = convolve(y, filters, f"block{number}b")
        x = layers.Add(dtype=dtype, name=f"block{number}_add")([x, y])
    return layers.GlobalAveragePooling2D(dtype=dtype, name="average", **CHANNELS_LAST)(x)


def _convolve(x, filters, name, dtype, strides=1, pool=False):
    """Applies a 3x3 convolution, batch normalization and ReLU."""
    x = layers.Conv2D(
        filters,
        3,
        strides=strides,
        padding="same",
        use_bias=False,
        dtype=dtype,
        name=f"{name}_conv",
        **CHANNELS_LAST,
    )(x)
    if pool:  # Before the normalization, which then has a quarter to do.
        x = layers.MaxPooling2D(2, dtype=dtype, name=f"{name}_pool", **CHANNELS_LAST)(x)
    x = layers.BatchNormalization(axis=-1, momentum=0.9, dtype=dtype, name=f"{name}_norm")(x)
    return layers.Activation("relu", dtype=dtype, name=f"{name}_relu")(x)
