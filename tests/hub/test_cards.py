"""Model cards: what is written is read back, what is no card is refused, what ships is complete."""

import dataclasses
import json
import os

import pytest
from PIL import Image

import zoo
from tests.tiny import training_images
from zoo.errors import CardError
from zoo.hub import registry
from zoo.hub.card_file import SCHEMA
from zoo.hub.cards import ModelCard
from zoo.hub.download import sha256_of
from zoo.hub.locations import shipped_folder

pytestmark = pytest.mark.no_backend

CARD = ModelCard(
    name="tiny",
    family="vanilla_gan",
    config={"image_shape": [4, 4, 1], "hidden_units": [6]},
    description="Tiny, but complete, à la carte.",
    paper="Goodfellow et al. 2014",
    dataset="mnist",
    dataset_license="CC BY-SA 3.0",
    license="Apache-2.0",
    recipe={"epochs": 2, "seed": 0},
    training={"backend": "jax", "seconds": 3},
    metrics={"frechet_distance": 4.5},
    limits="Draws nothing else than digits.",
    sha256="0123456789abcdef" * 4,
    size=1234,
    parameters={"generator": 10, "discriminator": 12},
    files={"weights": "tiny.weights.h5"},
)
MINIMAL = {"name": "tiny", "family": "vanilla_gan", "config": {}}

SHIPPED = sorted(shipped_folder().glob("*.json"))
MAX_BYTES = 15_000_000  # of a weights file, so that a clone stays quick


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tiny.json"


# ----------------------------------------------------------------- round trip


def test_a_card_is_read_as_it_was_written(path):
    CARD.write(path)
    assert ModelCard.read(path) == CARD
    assert ModelCard.read(str(path)) == CARD


def test_a_written_card_is_json_that_a_person_can_read(path):
    CARD.write(path)
    text = path.read_text(encoding="utf-8")
    assert json.loads(text) == dataclasses.asdict(CARD)
    assert "à la carte" in text
    assert text.endswith("}\n")
    assert len(text.splitlines()) > len(dataclasses.fields(CARD))


def test_optional_fields_may_be_absent(path):
    path.write_text(json.dumps(MINIMAL))
    card = ModelCard.read(path)
    assert card == ModelCard("tiny", "vanilla_gan", {})
    assert not card.pretrained


def test_pretrained_means_a_known_hash():
    assert CARD.pretrained
    assert not dataclasses.replace(CARD, sha256=None).pretrained


@pytest.mark.parametrize("name", zoo.list_models())
def test_a_card_from_a_spec_holds_the_spec_and_survives_json(name, path):
    spec = registry.find(name)
    card = ModelCard.from_spec(spec)
    assert (card.name, card.family, card.dataset) == (name, spec.family, spec.dataset)
    assert (card.description, card.paper) == (spec.description, spec.paper)
    assert registry.Recipe.from_dict(card.recipe) == spec.recipe
    assert card.config.keys() == spec.config.keys()
    assert not card.pretrained
    card.write(path)
    assert ModelCard.read(path) == card


# -------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no readable JSON"),
        ("{", "no readable JSON"),
        ("name: tiny", "no readable JSON"),
        (json.dumps(MINIMAL)[:-1], "no readable JSON"),
        ("[]", "JSON object. Received: list"),
        ('"tiny"', "JSON object. Received: str"),
        ("null", "JSON object. Received: NoneType"),
    ],
)
def test_what_is_no_json_object_is_refused(path, text, reason):
    path.write_text(text)
    with pytest.raises(CardError, match=reason) as caught:
        ModelCard.read(path)
    assert str(path) in str(caught.value)


def test_json_that_is_nested_too_deeply_is_refused(path):
    path.write_text("[" * 100_000)
    with pytest.raises(CardError, match=r"tiny\.json"):
        ModelCard.read(path)


def test_bytes_that_are_no_text_are_refused(path):
    path.write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(CardError, match=r"tiny\.json is no readable"):
        ModelCard.read(path)


@pytest.mark.parametrize("prepare", [lambda path: None, os.mkdir], ids=["missing", "folder"])
def test_what_is_no_file_is_refused(path, prepare):
    prepare(path)
    with pytest.raises(CardError, match=r"tiny\.json is no readable"):
        ModelCard.read(path)


@pytest.mark.parametrize("key", MINIMAL)
def test_a_missing_key_is_named(path, key):
    path.write_text(json.dumps({k: v for k, v in MINIMAL.items() if k != key}))
    with pytest.raises(CardError, match=rf"tiny\.json.*missing keys \['{key}'\]"):
        ModelCard.read(path)


def test_an_unknown_key_is_named(path):
    path.write_text(json.dumps({**MINIMAL, "licence": "MIT"}))
    with pytest.raises(CardError, match=r"tiny\.json: unknown keys \['licence'\]"):
        ModelCard.read(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", 3),
        ("family", None),
        ("config", []),
        ("license", {}),
        ("recipe", None),
        ("metrics", [1.0]),
        ("training", "long"),
        ("sha256", 5),
        ("size", "12"),
        ("size", 1.5),
        ("size", True),
        ("parameters", 7),
        ("files", ["tiny.png"]),
    ],
)
def test_a_value_of_the_wrong_type_is_named(path, key, value):
    path.write_text(json.dumps({**MINIMAL, key: value}))
    with pytest.raises(CardError, match=rf"tiny\.json: '{key}' has the wrong type") as caught:
        ModelCard.read(path)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("sha256", ["", "abc", "g" * 64, "A" * 64, "0" * 63, "0" * 65])
def test_a_hash_has_to_be_one(path, sha256):
    path.write_text(json.dumps({**MINIMAL, "sha256": sha256}))
    with pytest.raises(CardError, match=r"tiny\.json: 'sha256' must be 64 hex digits"):
        ModelCard.read(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "../tiny"),
        ("name", "ti ny"),
        ("name", "tiny\n"),
        ("name", "x" * 101),
        ("family", "os.system"),
        ("size", -1),
        ("size", 10**13),
        ("config", {"a": 10**10}),
        ("config", {"a": [0] * 65}),
        ("config", {"a": {"b": "x" * 1001}}),
        ("parameters", {"generator": -1}),
        ("parameters", {"generator": "many"}),
        ("license", "x" * 10_001),
        *[
            ("files", {"weights": name})
            for name in (
                *(
                    "../a",
                    "a/b",
                    "/a",
                    "a\\b",
                    "..",
                    ".",
                    "",
                    ".a",
                    "C:a",
                    "a\0",
                    "a\n",
                    "a ",
                    "a.",
                ),
                *("x" * 256, 3),
            )
        ],
    ],
)
def test_a_value_that_is_out_of_bounds_is_named(path, key, value):
    path.write_text(json.dumps({**MINIMAL, key: value}))
    with pytest.raises(
        CardError, match=rf"tiny\.json: '{key}.* must be an? .*Received: "
    ) as caught:
        ModelCard.read(path)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"name": "a", "name": "b"}', "'name' is there twice"),
        ('{"metrics": {"a": 1, "a": 2}}', "'a' is there twice"),
        ('{"metrics": {"a": NaN}}', "NaN is no JSON"),
        ('{"metrics": {"a": -Infinity}}', "-Infinity is no JSON"),
        ('{"metrics": {"a": 1e999}}', "beyond all floats"),
        ('{"size": 1' + "0" * 5000 + "}", "5001 digits"),
        ('{"metrics": ' + "[" * 20 + "]" * 20 + "}", "nested more than 16"),
        ('{"license": "\\ud800"}', "surrogates not allowed"),
        ('{"license": "' + "x" * 1_000_000 + '"}', "more than 1,000,000 bytes"),
    ],
)
def test_json_that_is_not_strict_is_refused(path, text, reason):
    path.write_text(text)
    with pytest.raises(CardError, match=f"no readable JSON card.*{reason}"):
        ModelCard.read(path)


def test_the_schema_knows_the_fields_of_a_card():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert set(schema["properties"]) == {item.name for item in dataclasses.fields(ModelCard)}
    assert not schema["additionalProperties"]


def test_a_card_with_nan_is_not_written(path):
    CARD.write(path)
    with pytest.raises(CardError, match="can't be written"):
        dataclasses.replace(CARD, metrics={"frechet_distance": float("nan")}).write(path)
    assert ModelCard.read(path) == CARD


# ---------------------------------------------------------------- atomic writes


def test_writing_replaces_an_older_card(path):
    CARD.write(path)
    newer = dataclasses.replace(CARD, size=99)
    newer.write(path)
    assert ModelCard.read(path) == newer
    assert os.listdir(path.parent) == [path.name]


def test_writing_makes_the_folder(tmp_path):
    CARD.write(tmp_path / "new" / "folder" / "tiny.json")
    assert ModelCard.read(tmp_path / "new" / "folder" / "tiny.json") == CARD


def test_a_written_card_is_as_readable_as_any_other_file(path):
    CARD.write(path)
    ordinary = path.with_name("ordinary")
    ordinary.touch()
    assert path.stat().st_mode == ordinary.stat().st_mode


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=["full", "stop"])
def test_a_failed_write_leaves_the_older_card_and_no_litter(path, monkeypatch, failing, error):
    CARD.write(path)

    def fail(*args):
        raise error

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(type(error)):
        dataclasses.replace(CARD, size=99).write(path)
    assert ModelCard.read(path) == CARD
    assert os.listdir(path.parent) == [path.name]


def test_a_card_that_json_cannot_hold_leaves_the_older_one(path):
    CARD.write(path)
    with pytest.raises(TypeError):
        dataclasses.replace(CARD, metrics={"frechet_distance": object()}).write(path)
    assert ModelCard.read(path) == CARD


# ------------------------------------------------------------------ for release


def test_a_complete_card_lacks_nothing():
    assert CARD.missing_for_release() == []


@pytest.mark.parametrize(
    ("key", "empty"),
    [
        ("license", ""),
        ("dataset", ""),
        ("dataset_license", ""),
        ("training", {}),
        ("metrics", {}),
        ("limits", ""),
        ("sha256", None),
        ("size", None),
    ],
)
def test_what_a_release_lacks_is_named(key, empty):
    assert dataclasses.replace(CARD, **{key: empty}).missing_for_release() == [key]


def test_a_release_needs_the_recipe_s_seed():
    unseeded = dataclasses.replace(CARD, recipe={"epochs": 2})
    assert unseeded.missing_for_release() == ["recipe.seed"]
    assert dataclasses.replace(CARD, recipe={"seed": 0}).missing_for_release() == []


# ------------------------------------------------------------ the shipped cards


@pytest.fixture(params=SHIPPED, ids=[path.stem for path in SHIPPED])
def shipped(request):
    card = ModelCard.read(request.param)
    assert card.name == request.param.stem
    return card


def test_weights_do_not_ship_without_a_card():
    # A dot in front is a file that a training run is still writing.
    weights = [path.name for path in shipped_folder().glob("[!.]*.weights.h5")]
    assert {name.removesuffix(".weights.h5") for name in weights} <= {p.stem for p in SHIPPED}


def test_shipped_cards_are_complete(shipped):
    assert shipped.missing_for_release() == []


def test_shipped_cards_have_their_files(shipped):
    assert set(shipped.files) == {"weights", "card", "picture"}
    assert shipped.files["weights"] == f"{shipped.name}.weights.h5"
    assert shipped.files["card"] == f"{shipped.name}.json"
    weights = shipped_folder() / shipped.files["weights"]
    assert sha256_of(weights) == shipped.sha256
    assert weights.stat().st_size == shipped.size < MAX_BYTES
    with Image.open(shipped_folder() / shipped.files["picture"]) as picture:
        assert picture.format == "PNG"
        picture.load()


def test_shipped_cards_describe_the_registered_model(shipped):
    spec = ModelCard.from_spec(registry.find(shipped.name))
    keys = ("name", "family", "config", "dataset", "description", "paper")
    assert {key: getattr(shipped, key) for key in keys} == {key: getattr(spec, key) for key in keys}
    assert registry.Recipe.from_dict(shipped.recipe) == registry.find(shipped.name).recipe


def test_shipped_weights_load_into_a_model_of_the_claimed_size(shipped):
    model = zoo.load(shipped.name)
    assert shipped.parameters == {
        "generator": model.generator.count_params(),
        "discriminator": model.discriminator.count_params(),
    }
    assert model.preview(training_images(model, 2), 2, seed=0).std() > 0


def test_shipped_cards_are_measured(shipped):
    if shipped.family == "inpainting_gan":
        for hole in ("center", "free_form"):
            assert {"ours", "telea", "navier_stokes", "biharmonic"} == set(shipped.metrics[hole])
            assert {"psnr", "ssim", "hole_l1", "frechet_distance"} <= set(
                shipped.metrics[hole]["ours"]
            )
    elif shipped.dataset == "mnist":
        measured = {"frechet_distance", "rarest_class_share", "confident_share"}
        assert measured <= set(shipped.metrics)
