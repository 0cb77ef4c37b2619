"""What a new process does after `import zoo` alone."""

import ast
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import zoo
from zoo.imports import SAVED_CLASSES

LOAD = """
import sys, {}
for path in sys.argv[1:]:
    print(type(keras.models.load_model(path)).__name__)
"""


@pytest.mark.parametrize("imports", ["zoo, keras", "keras, zoo"])
def test_files_load_after_import_zoo(tmp_path, imports):
    small = {"base_filters": 4, "latent_dim": 8}
    models = [
        zoo.VanillaGAN(image_shape=(16, 16, 1), latent_dim=8, hidden_units=(8,)),
        zoo.ConditionalDCGAN(image_shape=(16, 16, 1), classes=2, spectral_norm=True, **small),
        zoo.InpaintingGAN(image_shape=(16, 16, 1), base_filters=2, halvings=1, dilations=(1,)),
        zoo.DCGAN(image_shape=(16, 16, 1), **small).generator,
    ]
    for model in models[:-1]:
        model.compile(loss="hinge", average_decay=0.9)
    paths = [tmp_path / f"{index}.keras" for index in range(len(models))]
    for model, path in zip(models, paths, strict=True):
        model.save(path)
    run = subprocess.run(
        [sys.executable, "-c", LOAD.format(imports), *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout.split() == [type(model).__name__ for model in models], run.stderr


def test_every_registered_class_has_a_stand_in():
    root = Path(zoo.__file__).parent
    registered = {
        (".".join(("zoo", *path.relative_to(root).with_suffix("").parts)), node.name)
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
        and any("register_keras_serializable" in ast.unparse(it) for it in node.decorator_list)
    }
    assert registered == {(home, name) for home, names in SAVED_CLASSES.items() for name in names}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of JAX, by Keras
def test_a_whole_model_is_exported_for_any_batch_size(tmp_path):
    # On JAX and TensorFlow as a SavedModel; torch's needs packages that aren't there.
    if keras.backend.backend() == "torch":
        pytest.skip("no format that needs no further package")
    import tensorflow as tf

    model = zoo.DCGAN(image_shape=(16, 16, 1), base_filters=4, latent_dim=8)
    model.export(str(tmp_path / "model"), verbose=False)
    latents = np.random.default_rng(0).normal(size=(3, 8)).astype("float32")
    served = tf.saved_model.load(str(tmp_path / "model"))
    np.testing.assert_allclose(served.serve(latents), model.predict(latents, verbose=0), atol=1e-5)


def test_an_export_of_a_whole_model_leaves_the_batch_size_open(monkeypatch):
    signatures = []
    monkeypatch.setattr(keras.Model, "export", lambda model, *given: signatures.append(given[-1]))
    zoo.VanillaGAN(image_shape=(16, 16, 1), latent_dim=8, hidden_units=(8,)).export("unwritten")
    assert [spec.shape for spec in keras.tree.flatten(signatures)] == [(None, 8)]
