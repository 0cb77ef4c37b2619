"""Trains any networks on any data: eight Gaussians on a ring, the usual test of mode coverage.

    KERAS_BACKEND=jax python examples/ring_of_gaussians.py --loss hinge --picture ring.png

The data are points in the plane: eight modes on a circle of radius 2, each with a deviation of
0.02 (Metz et al. 2017, "Unrolled Generative Adversarial Networks"). The networks are small
multilayer perceptrons. A collapsed generator draws from only a few of the modes.
"""

import argparse

import numpy as np

import zoo

MODES = 2.0 * np.stack([np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], 1)
BATCH_SIZE = 256

# Loss -> arguments of `compile`. Each loss has the penalty that it is used with: R1 for the
# losses of a classifier (Mescheder et al. 2018), WGAN-GP for the critic (Gulrajani et al. 2017).
RECIPES = {
    "non_saturating": {"r1_penalty": 0.3},
    "minimax": {"r1_penalty": 0.3},
    "least_squares": {"r1_penalty": 0.3},
    "hinge": {"r1_penalty": 0.3},
    "wasserstein": {"gradient_penalty": 0.1, "discriminator_steps": 2},
}


def sample_ring(count, rng):
    """Draws points of the ring: float32 array of shape `(count, 2)`."""
    centers = MODES[rng.integers(len(MODES), size=count)]
    return (centers + 0.02 * rng.standard_normal((count, 2))).astype("float32")


def build_model(seed=0, latent_dim=8, units=128):
    """Builds an `AdversarialModel` of two perceptrons with two hidden layers each."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    generator = keras.Sequential(
        [layers.Dense(units, "relu"), layers.Dense(units, "relu"), layers.Dense(2)]
    )
    discriminator = keras.Sequential(
        [layers.Dense(units, "relu"), layers.Dense(units, "relu"), layers.Dense(1)]
    )
    return zoo.AdversarialModel(generator, discriminator, latent_dim=latent_dim, seed=seed)


def train(loss="non_saturating", steps=3000, seed=0, recipe=None, rate=1e-3):
    """Trains a model on fresh points; the rates fall to a tenth."""
    import keras

    model = build_model(seed)

    def optimizer():
        schedule = keras.optimizers.schedules.CosineDecay(rate, steps, alpha=0.1)
        return keras.optimizers.Adam(schedule, beta_1=0.5, beta_2=0.9)

    recipe = RECIPES[loss] if recipe is None else recipe
    model.compile(optimizer(), optimizer(), loss=loss, average_decay=0.99, **recipe)
    points = sample_ring(steps * BATCH_SIZE, np.random.default_rng(seed))
    model.fit(points, batch_size=BATCH_SIZE, epochs=1, verbose=0)
    return model


def score(points, reach=0.3):
    """Returns the number of modes covered, and the share of points within `reach` of a mode.

    A mode is covered if it has at least a quarter of its fair share of the points.
    """
    distances = np.linalg.norm(points[:, None] - MODES, axis=-1)
    near = distances.min(axis=1) <= reach
    counts = np.bincount(distances.argmin(axis=1)[near], minlength=len(MODES))
    return int(np.sum(counts >= len(points) / len(MODES) / 4)), float(near.mean())


def save_picture(points, path):
    """Saves a scatter plot of points in [-3, 3] x [-3, 3]."""
    from PIL import Image

    canvas = np.full((480, 480), 255, "uint8")
    columns, rows = np.clip((points * [1, -1] + 3.0) * 80.0, 0, 479).astype(int).T
    canvas[rows, columns] = 0
    Image.fromarray(canvas).save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loss", default="non_saturating", choices=[*RECIPES])
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", help="PNG to write")
    arguments = parser.parse_args()
    model = train(arguments.loss, arguments.steps, arguments.seed)
    points = model.generate(2500, seed=0)
    modes, share = score(points)
    print(f"{arguments.loss}: {modes} of 8 modes, {share:.0%} of samples within 0.3 of a mode")
    if arguments.picture:
        save_picture(points, arguments.picture)


if __name__ == "__main__":
    main()
