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


def test_a_phase_used_to_be_called_the_first(path):
    old = {"epochs": 2, "first": {"epochs": 3, "first": {"epochs": 4}, "blend": 0.5}}
    recipe = registry.Recipe.from_dict(old)
    assert (recipe.previous.epochs, recipe.previous.previous.epochs) == (3, 4)
    path.write_text(json.dumps({**MINIMAL, "recipe": old}))
    assert ModelCard.read(path).recipe == old  # a card stays as it was written


# -------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no readable JSON"),
        ("name: tiny", "no readable JSON"),
        (json.dumps(MINIMAL)[:-1], "no readable JSON"),
        ("[" * 100_000, "no readable JSON"),
        (b"\xff\xfe\x00{", "no readable JSON"),
        ("[]", "JSON object. Received: list"),
        ("null", "JSON object. Received: NoneType"),
        ('{"name": "a", "name": "b"}', "no readable JSON card.*'name' is there twice"),
        ('{"metrics": {"a": 1, "a": 2}}', "'a' is there twice"),
        ('{"metrics": {"a": NaN}}', "NaN isn't JSON"),
        ('{"metrics": {"a": -Infinity}}', "-Infinity isn't JSON"),
        ('{"metrics": {"a": 1e999}}', "beyond all floats"),
        ('{"size": 1' + "0" * 5000 + "}", "5001 digits"),
        ('{"metrics": ' + "[" * 20 + "]" * 20 + "}", "nested more than 16"),
        ('{"license": "\\ud800"}', "surrogates not allowed"),
        ('{"license": "' + "x" * 1_000_000 + '"}', "more than 1,000,000 bytes"),
        ("{}", r"missing keys \['name', 'family', 'config'\]"),
        (
            json.dumps({**MINIMAL, "licence": "MIT"}),
            r"unknown keys \['licence'\], missing keys \[\]",
        ),
        (json.dumps({**MINIMAL, "x" * 5000: 1}), r"unknown keys \['xxx"),
    ],
)
def test_what_is_no_strict_json_object_of_a_card_is_refused(path, content, reason):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CardError, match=rf"tiny\.json.*{reason}") as caught:
        ModelCard.read(path)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("prepare", [lambda path: None, os.mkdir], ids=["missing", "folder"])
def test_what_is_no_file_is_refused(path, prepare):
    prepare(path)
    with pytest.raises(CardError, match=r"tiny\.json is no readable"):
        ModelCard.read(path)


FILE_NAMES = ("../a", "a/b", "/a", "a\\b", "..", ".", "", ".a", "C:a", "a\0", "a\n", "a ", "a.")
OUT_OF_BOUNDS = {
    "name": [3, "", "../tiny", "ti ny", "tiny\n", "x" * 101],
    "family": [None, "os.system"],
    "config": [
        *([], {"a": 10**10}, {"a": [0] * 65}, {"a": {"b": "x" * 1001}}, {"a": {"x" * 101: 1}}),
        {str(index): 0 for index in range(65)},
    ],
    "license": [{}, 1, "x" * 10_001],
    "recipe": [None, {str(index): 0 for index in range(1001)}],
    "metrics": [[1.0]],
    "training": ["long"],
    "sha256": [5, "", "abc", "g" * 64, "A" * 64, "0" * 63, "0" * 65, "0" * 64 + "\n"],
    "size": ["12", 1.5, 12.0, True, -1, 10**13],
    "parameters": [7, {"a": -1}, {"a": "many"}, {"a": 1.0}, {str(index): 0 for index in range(65)}],
    "files": [["tiny.png"], *({"weights": name} for name in (*FILE_NAMES, "x" * 256, 3))],
}


@pytest.mark.parametrize(
    ("key", "value"),
    [(key, value) for key, values in OUT_OF_BOUNDS.items() for value in values],
    ids=lambda value: str(value)[:20],
)
def test_a_value_that_is_out_of_bounds_is_named(path, key, value):
    path.write_text(json.dumps({**MINIMAL, key: value}))
    with pytest.raises(CardError, match=rf"tiny\.json: '{key}' must be .*\. Received: ") as caught:
        ModelCard.read(path)
    assert repr(value)[:50] in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "x" * 100),
        (
            "config",
            {"a": [0] * 64, "b": {"c": "x" * 1000}, "d": [2**31, -(2**31), 1.5, None, True]},
        ),
        ("license", "x" * 10_000),
        ("size", 10**12),
        ("sha256", None),
        ("parameters", {"a": 0, "b": 10**12}),
        ("files", {"weights": "x" * 255, "card": "é-1 2.json"}),
        ("metrics", {"a": [1, {"b": None}]}),
    ],
)
def test_values_up_to_the_bounds_are_read(path, key, value):
    path.write_text(json.dumps({**MINIMAL, key: value}))
    assert getattr(ModelCard.read(path), key) == value


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


def test_a_card_is_a_table_in_text_and_in_a_notebook():
    weights = "a" * 64
    card = ModelCard(
        "digits",
        "dcgan",
        {"image_shape": [28, 28, 1]},
        description="<script>alert(1)</script> & more",
        limits="word " * 60,
        recipe={"epochs": 3, "batch_size": 64, "beta_1": 0.5},
        sha256=weights,
        size=4_900_000,
    )
    lines = str(card).splitlines()
    assert lines[0].split() == ["name", "digits"]
    assert max(map(len, lines)) <= 100
    assert {len(line) - len(line.lstrip()) for line in lines if line[0] == " "} == {17}
    assert "config" in str(card)
    assert "image_shape [28, 28, 1]" in str(card)
    assert weights in str(card)
    assert "4.9 MB" in str(card)
    assert "epochs 3, batch_size 64" in str(card)
    assert "beta_1" not in str(card)  # the usual one
    table = card._repr_html_()
    assert "<script>" not in table
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in table
    assert table.count("<tr>") == len(dataclasses.fields(card))
