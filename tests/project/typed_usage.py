"""Every public name as a user would use it: never run, but checked by the type checker."""

import keras
import numpy as np

import zoo


def draw() -> None:
    names: list[str] = zoo.list_models("dcgan*", pretrained=True)
    card: zoo.ModelCard = zoo.info(names[0])
    print(card.name, card.family, card.metrics, zoo.__version__)
    model = zoo.load("dcgan_mnist")
    images: np.ndarray = model.generate(64, seed=0)
    zoo.pictures.save_png(images, "digits.png")
    fresh = zoo.build("dcgan_mnist", base_filters=32)
    fresh.load_weights("mine.weights.h5")
    difference: float = zoo.export(model, "digits.onnx", format="onnx")
    print(difference)
    walk: np.ndarray = zoo.latents.spherical_interpolation(images[0], images[1], 8)
    print(walk.shape)
    found: np.ndarray = zoo.latents.invert(model, images[:8], steps=100)
    toward: np.ndarray = zoo.latents.class_directions(found, np.arange(8) % 2)
    axes: np.ndarray = zoo.latents.closed_form_directions(model, 3)
    sheet = zoo.latents.direction_grid(found[0], np.concatenate([toward, axes]), steps=7)
    zoo.pictures.show(model.generate(latents=sheet), columns=7).save("sheet.png")
    model.generate(64, seed=0, truncation=1.5)
    model.generate(64, seed=0, psi=0.7)
    try:
        zoo.load("no such model")
    except zoo.ZooError as error:
        print(error)
    except zoo.errors.WeightsNotFoundError:
        raise


def train(images: np.ndarray, labels: np.ndarray) -> None:
    zoo.train("dcgan_mnist", images, "runs/mine", log=["tensorboard"])
    checkpoint = zoo.Checkpoint("runs/mine/checkpoints", keep=2)
    health = zoo.HealthCallback("rollback", checkpoint)
    digits, _ = zoo.datasets.load("mnist", split="train")
    model = zoo.DCGAN(image_shape=(28, 28, 1), base_filters=64, kernel_size=5)
    model.compile(
        generator_optimizer=keras.optimizers.Adam(2e-4),
        discriminator_optimizer=keras.optimizers.Adam(1e-4),
        loss=zoo.losses.NonSaturating(0.9),
        r1_penalty=0.1,
    )
    board = zoo.TensorBoardLogger("runs/mine")
    online = zoo.WandbLogger("runs/mine", project="digits")
    model.fit(digits, batch_size=64, epochs=2, callbacks=[health, board, online, checkpoint])
    conditional = zoo.ConditionalDCGAN(image_shape=(28, 28, 1), classes=10)
    conditional.compile(loss="hinge")
    conditional.fit(images, labels, batch_size=64)
    zoo.VanillaGAN(image_shape=(28, 28, 1), hidden_units=(256, 512)).compile()


def own_networks(generator: keras.Model, discriminator: keras.Model) -> None:
    zoo.AdversarialModel(generator, discriminator, latent_dim=8).compile(loss="minimax")
    zoo.ConditionalModel(generator, discriminator, latent_dim=8, classes=3).compile()


def restore(images: np.ndarray) -> None:
    model = zoo.InpaintingGAN(image_shape=(64, 64, 3), base_filters=32)
    model.compile(masks="mixture", adversarial_weight=0.05)
    holes = zoo.masks.draw("free_form", len(images), (64, 64), seed=0)
    restored: np.ndarray = model.inpaint(images, holes)
    print(restored.shape)
    zoo.picture_files.inpaint_file(model, "photo.png", "mask.png", "restored.png")


def share(folder: str) -> None:
    zoo.distribution.data_parallel()
    print(zoo.push(folder, "ann/photos", license="CC0", dataset="own", dataset_license="CC0"))


def evaluate() -> None:
    record = zoo.evaluation.evaluate(zoo.load("dcgan_mnist"), "mnist")
    print(record["scores"])


@zoo.register("mine", recipe={"epochs": 1})
def build_mine(**config: object) -> zoo.VanillaGAN:
    print(zoo.Recipe(epochs=3))
    return zoo.VanillaGAN(image_shape=(16, 16, 1), latent_dim=16)
