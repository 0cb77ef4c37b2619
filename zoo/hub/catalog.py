"""The models that ship with the zoo, as data."""

from dataclasses import replace

from zoo.hub.specs import ModelSpec, Recipe

VANILLA_GAN = {
    "family": "vanilla_gan",
    "builder": "zoo.models.vanilla_gan:VanillaGAN",
    "task": "draw",
}
DCGAN = {"family": "dcgan", "builder": "zoo.models.dcgan:DCGAN", "task": "draw"}
CONDITIONAL_DCGAN = {
    "family": "cdcgan",
    "builder": "zoo.models.conditional_dcgan:ConditionalDCGAN",
    "task": "draw",
}
INPAINTING_GAN = {
    "family": "inpainting_gan",
    "builder": "zoo.models.inpainting_gan:InpaintingGAN",
    "task": "restore",
}

GOODFELLOW = "Goodfellow et al. 2014, Generative Adversarial Networks, arXiv:1406.2661"
RADFORD = (
    "Radford, Metz & Chintala 2015, Unsupervised Representation Learning with Deep "
    "Convolutional Generative Adversarial Networks, arXiv:1511.06434"
)
MIYATO = (
    "Miyato & Koyama 2018, cGANs with Projection Discriminator, arXiv:1802.05637; networks of "
    "Radford, Metz & Chintala 2015, arXiv:1511.06434"
)
PATHAK = "Pathak et al. 2016, Context Encoders: Feature Learning by Inpainting, arXiv:1604.07379"
DEEPFILL = "Yu et al. 2019, Free-Form Image Inpainting with Gated Convolution, arXiv:1806.03589"

DIGITS = "28x28 grayscale digits in the style of MNIST, nothing else; no classes to ask for."
CLOTHES = (
    "28x28 grayscale clothes in the style of Fashion-MNIST, nothing else; no classes to ask for."
)
THINGS = (
    "32x32 color images in the style of CIFAR-10, few of them recognizable; no classes to ask for."
)
SCENES = (
    "64x64 color images in the style of its data set; looked at closely, no scene holds together."
)

# Rates five times the DCGAN paper's, which R1 keeps stable in place of dropout (Mescheder et al.
# 2018); they fall over the run, and what ships is a moving average of the generator. bfloat16
# trains as well and, where the machine has it in hardware, 2 to 3 times faster. No discriminator
# has batch normalization, under which a sample's gradient depends on its whole batch.
REGULARIZED = Recipe(
    epochs=24,
    batch_size=64,
    generator_rate=1e-3,
    discriminator_rate=1e-3,
    schedule="cosine",
    r1_penalty=0.1,
    average_decay=0.999,
    precision="mixed_bfloat16",
    seed=1,
)

# Every kind of hole, so that one model serves for all; mostly those it is measured on.
HOLES = {
    "kind": "mixture",
    "kinds": ["center_square", "free_form", "rectangles", "scratches", "missing_pixels"],
    "shares": [0.4, 0.42, 0.06, 0.06, 0.06],
}
RESTORING = Recipe(
    epochs=32,
    batch_size=32,
    loss="hinge",
    generator_rate=1e-3,
    discriminator_rate=4e-4,
    schedule="cosine",
    average_decay=0.999,
    precision="mixed_bfloat16",
    seed=1,
    options={"masks": HOLES, "adversarial_weight": 0.05, "flip": True},
)
# An adversarial loss strong enough to draw texture first; then less of it at smaller rates, closer
# to the originals; then between that and a short phase with next to none. The last two phases,
# again with little and with more of it, add enlarged parts, as smooth as photographs are.
SCENES_1 = replace(RESTORING, epochs=22, schedule_epochs=32)
SCENES_2 = replace(
    RESTORING,
    epochs=8,
    generator_rate=4e-4,
    discriminator_rate=2e-4,
    options={"masks": HOLES, "adversarial_weight": 0.02, "flip": True},
    previous=SCENES_1,
)
SCENES_3 = replace(
    RESTORING,
    epochs=2,
    schedule_epochs=4,
    generator_rate=2e-4,
    discriminator_rate=1e-4,
    options={"masks": HOLES, "adversarial_weight": 0.005, "flip": True},
    previous=SCENES_2,
    blend=0.5,
)
SCENES_4 = replace(
    RESTORING,
    epochs=12,
    generator_rate=4e-4,
    discriminator_rate=2e-4,
    precision="float32",
    options={"masks": HOLES, "adversarial_weight": 0.005, "flip": True, "zoom": 4.0},
    previous=SCENES_3,
)
RESTORING_SCENES = replace(
    SCENES_4,
    epochs=4,
    generator_rate=2e-4,
    options={"masks": HOLES, "adversarial_weight": 0.02, "flip": True, "zoom": 4.0},
    previous=SCENES_4,
    blend=0.7,
)
RESTORING_THINGS = replace(
    RESTORING,
    epochs=3,
    batch_size=64,
    generator_rate=4e-4,
    discriminator_rate=2e-4,
    options={"masks": HOLES, "adversarial_weight": 0.005, "flip": True},
    previous=replace(RESTORING, epochs=6, batch_size=64),
)
# Section 3.2 of its paper: weights 0.999 and 0.001, no loss on known pixels.
CONTEXT_ENCODER = replace(
    RESTORING,
    loss="non_saturating",
    options={
        "masks": "center_square",
        "reconstruction": "l2",
        "hole_weight": 0.999,
        "known_weight": 0.0,
        "adversarial_weight": 0.001,
    },
)


def _not_like_it(largest_hole):
    """Returns the limits of a model that restores, by how thick its training's holes are."""
    return (
        "Fills what its data set would show there; large holes in other pictures stay vague. "
        f"Trained on holes up to {largest_hole} pixels thick, until which larger ones are shrunk. "
        "What it draws is made up, and proves nothing about what was there."
    )


MODELS = [
    ModelSpec(
        "gan_mnist",
        **VANILLA_GAN,
        config={"image_shape": (28, 28, 1), "hidden_units": (256, 512, 1024)},
        dataset="mnist",
        # Of 100 passes planned: from the 30th on, scores on images held out got worse again.
        recipe=replace(
            REGULARIZED, epochs=30, schedule_epochs=100, batch_size=128, precision="float32"
        ),
        description="Fully connected GAN, digits.",
        paper=GOODFELLOW,
        limits=DIGITS,
    ),
    ModelSpec(
        "gan_mnist_small",
        **VANILLA_GAN,
        config={
            "image_shape": (28, 28, 1),
            "hidden_units": (128, 128),
            "batch_norm": False,
            "output_activation": "sigmoid",
        },
        dataset="mnist",
        recipe=replace(REGULARIZED, epochs=150, precision="float32"),
        description="Fully connected GAN of two hidden layers of 128, digits.",
        paper=GOODFELLOW,
        limits=DIGITS,
    ),
    ModelSpec(
        "gan_fashion_mnist",
        **VANILLA_GAN,
        config={"image_shape": (28, 28, 1), "hidden_units": (256, 512, 1024)},
        dataset="fashion_mnist",
        # Of 150 passes planned: from the 90th on, scores on images held out got worse again.
        recipe=replace(REGULARIZED, epochs=80, schedule_epochs=150, batch_size=128),
        description="Fully connected GAN, clothes.",
        paper=GOODFELLOW,
        limits=CLOTHES,
    ),
    ModelSpec(
        "dcgan_mnist",
        **DCGAN,
        config={"image_shape": (28, 28, 1), "base_filters": 64, "kernel_size": 5, "dropout": 0.0},
        dataset="mnist",
        recipe=REGULARIZED,
        description="Convolutional GAN, digits.",
        paper=RADFORD,
        limits=DIGITS,
    ),
    ModelSpec(
        "dcgan_fashion_mnist",
        **DCGAN,
        config={
            "image_shape": (28, 28, 1),
            "base_filters": 64,
            "kernel_size": 4,
            "wide_stem": False,
            "dropout": 0.0,
        },
        dataset="fashion_mnist",
        recipe=replace(REGULARIZED, epochs=40),
        description="Convolutional GAN, clothes.",
        paper=RADFORD,
        limits=CLOTHES,
    ),
    ModelSpec(
        "dcgan_cifar10",
        **DCGAN,
        config={"image_shape": (32, 32, 3), "base_filters": 64, "kernel_size": 5, "dropout": 0.0},
        dataset="cifar10",
        recipe=replace(REGULARIZED, epochs=6),
        description="Convolutional GAN, small color photographs of ten kinds of things.",
        paper=RADFORD,
        limits=THINGS,
    ),
    ModelSpec(
        "dcgan_scenes64",
        **DCGAN,
        config={
            "image_shape": (64, 64, 3),
            "base_filters": 64,
            "kernel_size": 4,
            "wide_stem": False,
            "dropout": 0.0,
        },
        dataset="scenes64",
        recipe=replace(REGULARIZED, epochs=10, batch_size=32),
        description="Convolutional GAN, color photographs of scenes.",
        paper=RADFORD,
        limits=SCENES,
    ),
    ModelSpec(
        "cdcgan_mnist",
        **CONDITIONAL_DCGAN,
        config={"image_shape": (28, 28, 1), "classes": 10, "base_filters": 64, "kernel_size": 5},
        dataset="mnist",
        recipe=replace(REGULARIZED, epochs=10),
        description="Class-conditional convolutional GAN, digits.",
        paper=MIYATO,
        limits="28x28 grayscale digits in the style of MNIST, nothing else.",
    ),
    ModelSpec(
        "cdcgan_cifar10",
        **CONDITIONAL_DCGAN,
        config={"image_shape": (32, 32, 3), "classes": 10, "base_filters": 64, "kernel_size": 5},
        dataset="cifar10",
        recipe=replace(REGULARIZED, epochs=4),
        description="Class-conditional convolutional GAN, ten kinds of things.",
        paper=MIYATO,
        limits="32x32 color images in the style of CIFAR-10, few of them recognizable.",
    ),
    ModelSpec(
        "inpaint_mnist",
        **INPAINTING_GAN,
        config={
            "image_shape": (28, 28, 1),
            "base_filters": 32,
            "halvings": 2,
            "dilations": (1, 2, 4, 2),
        },
        dataset="mnist",
        recipe=replace(
            RESTORING,
            epochs=3,
            batch_size=64,
            options={"masks": HOLES, "adversarial_weight": 0.05},
        ),
        description="Fills holes in 28x28 digits.",
        paper=DEEPFILL,
        limits=_not_like_it(15),
    ),
    ModelSpec(
        "inpaint_cifar10",
        **INPAINTING_GAN,
        config={"image_shape": (32, 32, 3), "base_filters": 32, "halvings": 2},
        dataset="cifar10",
        recipe=RESTORING_THINGS,
        description="Fills holes in 32x32 color photographs.",
        paper=DEEPFILL,
        limits=_not_like_it(18),
    ),
    ModelSpec(
        "inpaint_scenes64",
        **INPAINTING_GAN,
        config={"image_shape": (64, 64, 3), "base_filters": 32},
        dataset="scenes64",
        recipe=RESTORING_SCENES,
        description="Fills holes in 64x64 photographs of scenes, and in larger ones.",
        paper=DEEPFILL,
        limits=_not_like_it(35),
    ),
    ModelSpec(
        "context_encoder_scenes64",
        **INPAINTING_GAN,
        config={
            "image_shape": (64, 64, 3),
            "base_filters": 64,
            "dilations": (1,),
            "first_guess": False,
            "gated": False,
            "skip_connections": False,
            "spectral_norm": False,
        },
        dataset="scenes64",
        recipe=CONTEXT_ENCODER,
        description=(
            "Context encoder: plain convolutions, one center hole, L2 and adversarial loss."
        ),
        paper=PATHAK,
        limits=_not_like_it(32),
    ),
]
