"""Models as users have them, for `--module`; some are none."""

import keras
from keras import layers

import zoo


def points():
    """A model of one's own networks, compiled with a loss of one's own choice."""
    generator = keras.Sequential([layers.Dense(4, "relu"), layers.Dense(2)])
    discriminator = keras.Sequential([layers.Dense(4, "relu"), layers.Dense(1)])
    model = zoo.AdversarialModel(generator, discriminator, latent_dim=3)
    model.compile(loss="hinge", r1_penalty=0.1)
    return model


class Labeled(zoo.ConditionalModel):
    """A class that takes no arguments; a layer in it that isn't counted."""

    def __init__(self):
        latents, classes, samples = keras.Input((3,)), keras.Input((2,)), keras.Input((6, 2))
        x = layers.Concatenate()([latents, classes])
        generator = keras.Model([latents, classes], layers.Reshape((6, 2))(layers.Dense(12)(x)))
        x = layers.Flatten()(layers.Conv1D(2, 3)(samples))
        x = layers.Dense(1)(layers.Concatenate()([x, classes]))
        super().__init__(generator, keras.Model([samples, classes], x), latent_dim=3, classes=2)


@zoo.register("gan_for_benchmarks", config={"hidden_units": (5,)})
def registered(**config):
    """Builds one of other widths where its configuration is ignored."""
    return zoo.VanillaGAN(image_shape=(4, 4, 1), **config)


def broken():
    """Raises."""
    raise RuntimeError("what is\nwrong")


def network():
    """Makes no model of the zoo."""
    return keras.Sequential([layers.Dense(2)])


def wants_arguments(size):
    """Can't be called."""


number = 7
