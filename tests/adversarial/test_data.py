"""Data of every kind gets the checks that arrays get, the first batch before anything changes."""

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from tests.helpers import Batches, values
from zoo.errors import InvalidInputError
from zoo.models.image_coding import ImageCoding

SHAPE = (4, 4, 1)
CLASSES = 3
GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.uniform(-1, 1, (16, *SHAPE)).astype("float32")
LABELS = np.arange(16) % CLASSES


def networks():
    layers = keras.layers
    latents, samples = keras.Input((3,)), keras.Input(SHAPE)
    condition = [keras.Input((CLASSES,)) for _ in range(2)]
    drawn = layers.Dense(16, "tanh")(layers.Concatenate()([latents, condition[0]]))
    generator = keras.Model([latents, condition[0]], layers.Reshape(SHAPE)(drawn))
    seen = layers.Concatenate()([layers.Flatten()(samples), condition[1]])
    return generator, keras.Model([samples, condition[1]], layers.Dense(1)(seen))


class Labeled(zoo.ConditionalModel):
    """Images with labels, by two small networks."""

    def __init__(self, **settings):
        super().__init__(*networks(), latent_dim=3, classes=CLASSES, seed=0)
        self.coding = ImageCoding(SHAPE)
        self.compile(**settings)


def in_two(arrays):
    return [tuple(part) for part in zip(*(np.array_split(a, 2) for a in arrays), strict=True)]


def torch_loader(*arrays):
    torch = pytest.importorskip("torch")
    dataset = torch.utils.data.TensorDataset(*map(torch.from_numpy, arrays))
    return torch.utils.data.DataLoader(dataset, batch_size=8)


def tf_dataset(*arrays):
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices(arrays).batch(8)


def generator(*arrays):
    yield from in_two(arrays)


def grain_batches(*arrays):
    grain = pytest.importorskip("grain")
    # Batches of samples alone come without a tuple around them.
    samples = [rows if len(rows) > 1 else rows[0] for rows in zip(*arrays, strict=True)]
    return grain.MapDataset.source(samples).batch(8)


def grain_loader(*arrays):
    grain = pytest.importorskip("grain")
    if not len(arrays[0]):
        pytest.skip("grain refuses it")
    return grain.DataLoader(
        data_source=[rows if len(rows) > 1 else rows[0] for rows in zip(*arrays, strict=True)],
        sampler=grain.samplers.SequentialSampler(len(arrays[0]), grain.sharding.NoSharding()),
        operations=[grain.transforms.Batch(8)],
    )


SOURCES = {
    "arrays": lambda *arrays: arrays,
    "tensors": lambda *arrays: tuple(map(ops.convert_to_tensor, arrays)),
    "torch tensors": lambda *arrays: tuple(map(pytest.importorskip("torch").from_numpy, arrays)),
    "PyDataset": lambda *arrays: (Batches(in_two(arrays)),),
    "DataLoader": lambda *arrays: (torch_loader(*arrays),),
    "tf.data": lambda *arrays: (tf_dataset(*arrays),),
    "generator": lambda *arrays: (generator(*arrays),),
    "grain": lambda *arrays: (grain_batches(*arrays),),
    "grain iterator": lambda *arrays: (grain_batches(*arrays).to_iter_dataset(),),
    "grain DataLoader": lambda *arrays: (grain_loader(*arrays),),
}
ONE_BATCH = ("train_on_batch", "test_on_batch")
WAYS = [(source, entrance) for source in SOURCES for entrance in ("fit", "evaluate", "validation")]
WAYS += [(source, entrance) for source in list(SOURCES)[:3] for entrance in ONE_BATCH]
FAULTS = {
    "shape": ((IMAGES[:, :3], LABELS), r"\(batch, 4, 4, 1\)"),
    "dtype": ((IMAGES.astype("int32"), LABELS), "int32"),
    "range": ((IMAGES * 127.5 + 127.5, LABELS), r"\[-1, 1\]"),
    "nan": ((np.where(IMAGES > 0.5, np.nan, IMAGES), LABELS), "finite"),
    "negative label": ((IMAGES, LABELS - 1), "from 0 to 2"),
    "label too large": ((IMAGES, LABELS + 1), "from 0 to 2"),
    "no label": ((IMAGES, LABELS + 0.5), "from 0 to 2"),
    "wide rows": ((IMAGES, np.eye(4, dtype="float32")[LABELS]), "from 0 to 2"),
    "nan in rows": ((IMAGES, np.full((16, CLASSES), np.nan, "float32")), "from 0 to 2"),
    "no labels": ((IMAGES,), "samples alone"),
    "weights": ((IMAGES, LABELS, np.ones(16, "float32")), "weights no samples"),
    "empty": ((IMAGES[:0], LABELS[:0]), "no samples"),
}


@pytest.fixture(scope="module")
def model():
    return Labeled()


@pytest.mark.parametrize(("source", "entrance"), WAYS)
@pytest.mark.parametrize(("arrays", "message"), FAULTS.values(), ids=FAULTS)
def test_bad_data_is_refused_before_anything_changes(model, arrays, message, source, entrance):
    data = SOURCES[source](*arrays)
    variables = [*model.variables, *model.optimizer.variables]
    before = values(variables)
    settings = {"sample_weight": data[2]} if len(data) > 2 else {}
    if entrance not in ONE_BATCH:
        settings["verbose"] = 0
    if entrance == "validation":
        validation = data if len(data) > 1 else data[0]
        data, settings = (IMAGES, LABELS), {"verbose": 0, "validation_data": validation}
    call = getattr(model, "fit" if entrance == "validation" else entrance)
    with pytest.raises(InvalidInputError, match=message):
        call(*data[:2], **settings)
    for variable, old, new in zip(variables, before, values(variables), strict=True):
        np.testing.assert_array_equal(new, old, err_msg=variable.path)


@pytest.mark.parametrize("source", SOURCES)
def test_good_data_loses_no_batch(source):
    model = Labeled(run_eagerly=True)
    seen = []
    prepare = model.prepare_batch

    def record(data, training=True):
        batch = prepare(data, training)
        seen.append(ops.convert_to_numpy(batch.real))
        return batch

    model.prepare_batch = record
    data = SOURCES[source](IMAGES, LABELS)
    settings = {"batch_size": 8} if len(data) == 2 else {"steps_per_epoch": 2}
    model.fit(*data, shuffle=False, verbose=0, **settings)
    np.testing.assert_allclose(np.concatenate(seen), IMAGES, atol=1e-6)


def test_bare_batches_of_any_source_train():
    model = zoo.VanillaGAN(SHAPE, latent_dim=3, hidden_units=(4,), seed=0)
    model.compile()
    torch, tf = pytest.importorskip("torch"), pytest.importorskip("tensorflow")
    for data in (
        Batches([IMAGES[:8], IMAGES[8:]]),
        torch.utils.data.DataLoader(torch.from_numpy(IMAGES), batch_size=8),
        tf.data.Dataset.from_tensor_slices(IMAGES).batch(8),
        iter_of(IMAGES[:8], IMAGES[8:]),
    ):
        before = int(model.optimizer.iterations)
        model.fit(data, shuffle=False, verbose=0, steps_per_epoch=2)
        assert int(model.optimizer.iterations) == before + 2


def iter_of(*batches):
    yield from batches


def test_a_data_set_is_looked_at_once(monkeypatch):
    looks = []
    monkeypatch.setattr(zoo.ConditionalModel, "check_arrays", lambda *args: looks.append(args))
    model = Labeled()
    data = Batches(in_two((IMAGES, LABELS)))
    for _ in range(2):
        model.fit(data, validation_data=data, shuffle=False, verbose=0)
    assert len(looks) == 1


# Of the second batch: whether it is left out.
LATER = {
    "range": (IMAGES[8:] * 3, LABELS[8:]),
    "nan": (IMAGES[8:] * np.nan, LABELS[8:]),
    "negative label": (IMAGES[8:], LABELS[8:] - 1),
    "label too large": (IMAGES[8:], LABELS[8:] + 1),
    "no label": (IMAGES[8:], LABELS[8:] + 0.5),
}
POLICIES = ["float32", "mixed_float16"]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("skip_nonfinite", [True, False])
@pytest.mark.parametrize("second", LATER.values(), ids=LATER)
def test_a_bad_batch_in_mid_epoch_is_left_out_with_a_warning(second, skip_nonfinite, policy):
    if second is LATER["nan"] and not skip_nonfinite:
        pytest.skip("NaN is let through on request")
    kind = "float32" if second is LATER["no label"] else "int64"
    batches = [(IMAGES[:8], LABELS[:8].astype(kind)), second]
    keras.config.set_dtype_policy(policy)
    try:
        model = Labeled(skip_nonfinite=skip_nonfinite)
        trained = [*model.trainable_variables, *model.non_trainable_variables]
        trained = [v for v in trained if "seed" not in v.path]
        twin = Labeled(skip_nonfinite=skip_nonfinite)
        twin.set_weights(model.get_weights())
    finally:
        keras.config.set_dtype_policy("float32")
    twin.fit(Batches(batches[:1]), shuffle=False, verbose=0)
    with pytest.warns(UserWarning, match=r"epoch 1: 1 batches held other values than images"):
        history = model.fit(Batches(batches), shuffle=False, verbose=0).history
    assert np.isfinite(history["generator_loss"]).all()
    assert history.get("skipped_steps", [1]) == [1]
    assert int(model.optimizer.iterations) == 1
    expected = [*twin.trainable_variables, *twin.non_trainable_variables]
    expected = [v for v in expected if "seed" not in v.path]
    for old, new in zip(values(expected), values(trained), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-4, atol=1e-5)


def test_a_bad_batch_in_mid_evaluation_is_left_out_with_a_warning(model):
    good = (IMAGES[:8], LABELS[:8])
    expected = model.evaluate(Batches([good]), verbose=0, return_dict=True)["real_accuracy"]
    for second in LATER.values():
        with pytest.warns(UserWarning, match="1 batches held other values"):
            logs = model.evaluate(
                Batches([(good[0], good[1].astype(second[1].dtype)), second]),
                verbose=0,
                return_dict=True,
            )
        assert logs["real_accuracy"] == expected


def test_validation_does_not_hide_what_was_left_out():
    model = Labeled()
    data = Batches([(IMAGES[:8], LABELS[:8]), LATER["range"]])
    with pytest.warns(UserWarning, match="epoch 1: 1 batches"):
        model.fit(data, validation_data=(IMAGES, LABELS), shuffle=False, verbose=0)


@pytest.mark.parametrize(
    "labels",
    [
        LABELS.astype("float32"),
        LABELS[:, None].astype("float32"),
        np.eye(CLASSES, dtype="int32")[LABELS],
    ],
    ids=["float", "column", "integer rows"],
)
def test_labels_as_keras_loaders_make_them(model, labels):
    np.testing.assert_array_equal(model.classes_of(labels, 16), np.eye(CLASSES)[LABELS])
    batch = model.prepare_batch((ops.convert_to_tensor(IMAGES), ops.convert_to_tensor(labels)))
    np.testing.assert_array_equal(ops.convert_to_numpy(batch.condition), np.eye(CLASSES)[LABELS])


# ------------------------------------------------------------------------------------- masks

PHOTOS = np.random.default_rng(1).integers(0, 256, (16, 16, 16, 1), "uint8")
HOLES = np.random.default_rng(2).random((16, 16, 16)) < 0.3
MASKS = {
    "bool": HOLES,
    "0 and 255": HOLES * np.uint8(255),
    "0 and 1": HOLES.astype("uint8"),
    "float": HOLES.astype("float32"),
    "column": HOLES[..., None],
    "nothing missing": 0 * HOLES.astype("int32"),
    "everything missing": np.full_like(HOLES, 255, "uint8"),
}
NO_MASKS = {
    "gray": HOLES * np.uint8(128),
    "soft": np.where(np.arange(16) == 3, 254, 255 * HOLES).astype("uint8"),
    "1 and 255": np.where(HOLES, 1, 255).astype("uint8"),
    "fractions": HOLES * np.float32(0.5),
    "float 255": HOLES * np.float32(255),
    "nan": np.where(HOLES, np.nan, 0).astype("float32"),
    "negative": -HOLES.astype("int32"),
}


def inpainting():
    return zoo.InpaintingGAN((16, 16, 1), base_filters=2, halvings=1, dilations=(), seed=0)


@pytest.fixture(scope="module")
def restoring():
    model = inpainting()
    model.compile()
    return model


@pytest.mark.parametrize("masks", MASKS.values(), ids=MASKS)
def test_masks_train_in_every_batch(restoring, masks):
    restoring.check_arrays(PHOTOS, masks)
    batch = restoring.prepare_batch((PHOTOS, ops.convert_to_tensor(masks)))
    assert batch.sound is None or ops.convert_to_numpy(batch.sound)
    expected = np.asarray(masks).reshape(HOLES.shape) > 0
    np.testing.assert_array_equal(ops.convert_to_numpy(batch.condition)[..., 0], expected)


@pytest.mark.parametrize("masks", NO_MASKS.values(), ids=NO_MASKS)
def test_what_is_no_mask_is_refused_first_and_left_out_later(restoring, masks):
    with pytest.raises(InvalidInputError, match="masks"):
        restoring.check_arrays(PHOTOS, masks)
    batch = restoring.prepare_batch((PHOTOS, ops.convert_to_tensor(masks)))
    assert batch.sound is not None
    assert not ops.convert_to_numpy(batch.sound)


@pytest.mark.parametrize("source", ["PyDataset", "DataLoader", "tf.data", "generator", "grain"])
def test_a_batch_with_wrong_masks_in_mid_epoch_is_left_out_with_a_warning(source):
    masks = np.concatenate([MASKS["0 and 255"][:8], NO_MASKS["soft"][8:]])
    model = inpainting()
    model.compile()
    message = "epoch 1: 1 batches held other values than images.* masks that are bool or 0 and 255"
    data = SOURCES[source](PHOTOS, masks)
    with pytest.warns(UserWarning, match=message):
        history = model.fit(*data, shuffle=False, verbose=0, steps_per_epoch=2).history
    assert history["skipped_steps"] == [1]
    assert int(model.optimizer.iterations) == 1


# ------------------------------------------------------------------------ epochs without a step


def diverging(skip_nonfinite):
    layers = keras.layers
    model = zoo.AdversarialModel(
        keras.Sequential([layers.Dense(2)]),
        keras.Sequential([layers.Dense(1)]),
        latent_dim=3,
        seed=0,
    )
    settings = {"skip_nonfinite": skip_nonfinite}
    model.compile(keras.optimizers.SGD(1e-3), keras.optimizers.SGD(1e-3), **settings)
    model.generator.layers[0].kernel.assign(np.full((3, 2), 1e30))  # no step can be sound
    return model


POINTS = np.ones((16, 2), "float32")


@pytest.mark.filterwarnings("ignore:.*none of its:UserWarning")
@pytest.mark.parametrize("mode", ["min", "max"])
def test_an_epoch_without_a_sound_step_is_nobodys_best(tmp_path, mode):
    model = diverging(True)
    settings = {"monitor": "generator_loss", "mode": mode}
    best = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.weights.h5", save_best_only=True, save_weights_only=True, **settings
    )
    stopping = keras.callbacks.EarlyStopping(patience=9, **settings)
    plateau = keras.callbacks.ReduceLROnPlateau(patience=9, **settings)
    monitors = [best, stopping, plateau]
    history = model.fit(POINTS, epochs=2, verbose=0, callbacks=monitors).history
    assert np.isnan(history["generator_loss"]).all()
    assert not list(tmp_path.iterdir())
    assert [monitor.best for monitor in monitors] == [None] * 3
    assert stopping.wait == 2
    model.generator.layers[0].kernel.assign(np.ones((3, 2)))
    history = model.fit(POINTS, verbose=0, callbacks=monitors).history
    assert best.best == history["generator_loss"][0]


def test_an_epoch_without_a_sound_step_is_warned_of():
    with pytest.warns(UserWarning, match="epoch 1: none of its 2 steps was sound"):
        diverging(True).fit(POINTS, batch_size=8, verbose=0)


@pytest.mark.filterwarnings("ignore:.*none of its:UserWarning")
@pytest.mark.parametrize("skip_nonfinite", [True, False])
def test_terminate_on_nan_stops(skip_nonfinite, capsys):
    model = diverging(skip_nonfinite)
    terminate = keras.callbacks.TerminateOnNaN()
    history = model.fit(POINTS, epochs=3, verbose=0, callbacks=[terminate]).history
    assert len(history["generator_loss"]) == 1
    with pytest.raises(RuntimeError, match="NaN"):
        model.fit(POINTS, verbose=0, callbacks=keras.callbacks.TerminateOnNaN(raise_error=True))
