"""Computes on this process's backend what `test_parity.py` compares between backends.

KERAS_BACKEND=jax python -m tests.cross_backend.parity_worker OUTPUT.npz
"""

import sys

import numpy as np

import zoo
from tests.tiny import build_tiny, generator_inputs, set_weights, training_images
from zoo.hub import registry
from zoo.training.run import compile_arguments

STEPS = 20
BATCH = 8
LOSSES = {
    "minimax": {},
    "non_saturating": {"r1_penalty": 0.5},
    "least_squares": {"average_decay": 0.9},
    "hinge": {"discriminator_steps": 2},
    "wasserstein": {"gradient_penalty": 10.0},
}


def generator_outputs():
    """Returns samples of every registered model at full size, from the same weights and latents."""
    results = {}
    for name in zoo.list_models():
        model = zoo.build(name)
        set_weights(model)
        inputs, images = generator_inputs(model, 4, seed=1), training_images(model, 16)
        results[f"samples/{name}"] = np.array(model.generator.predict_on_batch(inputs))
        results[f"images/{name}"] = model.preview(images, 4, seed=2)
        if zoo.info(name).pretrained:
            results[f"pretrained/{name}"] = zoo.load(name).preview(images, 16, seed=0)
    return {**results, "photograph": restored_photograph()}


def restored_photograph():
    """Returns a picture with a hole larger than those of the training, and a scratch, restored."""
    small = np.random.default_rng(6).integers(0, 256, (15, 20, 3), "uint8")
    photograph = small.repeat(10, axis=0).repeat(10, axis=1)
    hole = np.zeros((150, 200), bool)
    hole[30:90, 50:110] = hole[100:103, 10:190] = True
    return zoo.load("inpaint_scenes64").inpaint(photograph, hole)


def training_losses():
    """Returns the losses of 20 steps for every registered model's recipe, and for every loss."""
    results = {}
    for name in zoo.list_models():
        changes = {} if registry.find(name).family == "inpainting_gan" else {"dropout": 0.0}
        model = build_tiny(name, **changes)
        arguments = compile_arguments(registry.find(name).recipe, STEPS)
        results[f"losses/{name}"] = train(model, **arguments)
    for loss, arguments in LOSSES.items():
        model = build_tiny("dcgan_mnist", dropout=0.0)
        results[f"losses/{loss}"] = train(model, loss=loss, **arguments)
    return results


def train(model, **arguments):
    """Returns the losses of steps on given batches, latents and masks, of shape `(STEPS, 2)`."""
    import keras
    from keras import ops

    set_weights(model)
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (STEPS, BATCH, *model.image_shape), "uint8")
    beside = [None] * STEPS  # masks or labels, which come with the images
    if hasattr(model, "inpaint"):
        height, width = model.image_shape[:2]
        masks = zoo.masks.draw("mixture", STEPS * BATCH, (height, width), seed=4)
        beside = masks.reshape(STEPS, BATCH, height, width)
    else:
        if hasattr(model, "sample_labels"):
            beside = model.sample_labels(STEPS * BATCH, seed=5).reshape(STEPS, BATCH)
        latents = rng.standard_normal((STEPS, BATCH, model.latent_dim)).astype("float32")

        def draw_latents(batch_size):
            step = model.optimizer.iterations
            return ops.take(latents, ops.mod(step, STEPS), axis=0)

        model.draw_latents = draw_latents
    # Random numbers differ between backends, so the points on the penalty's lines are fixed, and so
    # are which images are mirrored and which parts are enlarged.
    keras.random.uniform = lambda shape, dtype=None, seed=None: ops.broadcast_to(
        ops.reshape(ops.linspace(0.1, 0.9, BATCH), (BATCH,) + (1,) * (len(shape) - 1)), shape
    )
    model.compile(jit_compile="auto", **arguments)
    losses = []
    for batch, other in zip(images, beside, strict=True):
        model.reset_metrics()
        logs = model.train_on_batch(batch, other, return_dict=True)
        losses.append([float(logs["discriminator_loss"]), float(logs["generator_loss"])])
    return np.array(losses)


def main(path):
    np.savez(path, **generator_outputs(), **training_losses())


if __name__ == "__main__":
    main(sys.argv[1])
