"""Tests of sharing on the Hugging Face Hub, against a local server that answers as it does."""

import dataclasses
import json
import os
import re
import subprocess
import sys

import pytest

import zoo
from tests.hub.hub_stand_in import TOKEN, running_hub
from zoo.errors import CardError, InvalidInputError, MissingDependencyError, UnknownModelError
from zoo.hub import loading, readme, sharing

pytestmark = pytest.mark.no_backend
CARD, WEIGHTS = "gan_mnist_small.json", "gan_mnist_small.weights.h5"


@pytest.fixture(scope="module")
def hub():
    with running_hub() as running:
        yield running


@pytest.fixture(scope="module")
def files():
    card, weights = loading.locate("gan_mnist_small")
    picture = card.with_suffix(".png")
    return {path.name: path.read_bytes() for path in (card, weights, picture)}


@pytest.fixture
def run(hub, tmp_path):
    """Returns a function that runs Python code or a command in a fresh process with a new cache."""

    def run(*command, **variables):
        environment = {
            **os.environ,
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(tmp_path / "hub"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            **variables,
        }
        start = ["-c"] if "import" in command[0] else ["-m", "zoo"]
        return subprocess.run(
            [sys.executable, *start, *command],
            capture_output=True,
            text=True,
            env=environment,
            timeout=120,
        )

    return run


def failure(result):
    assert result.returncode == 2, result.stdout + result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    return lines[0]


# ------------------------------------------------------------- there and back


def test_what_is_pushed_is_listed_described_and_loaded_again(hub, run, files):
    published = run("push", "gan_mnist_small", "ann/digits", HF_TOKEN=TOKEN)
    assert published.returncode == 0, published.stderr
    revision = hub.oid("ann/digits", "main")
    assert published.stdout == f"published hf://ann/digits@{revision}\n"
    assert {*files, "README.md"} == set(hub.repositories["ann/digits"]["main"])
    assert run("list", "hf://ann").stdout == "hf://ann/digits\n"

    card = json.loads(run("info", "hf://ann/digits", "--json").stdout)
    assert card["training"].pop("source") == f"hf://ann/digits@{revision}"
    assert card == dataclasses.asdict(zoo.info("gan_mnist_small"))
    # From the cache alone; and the same revision once the branch is another one.
    assert run("info", "hf://ann/digits", HF_HUB_OFFLINE="1").returncode == 0
    gone = run("info", "hf://ann/digits", HF_ENDPOINT="http://127.0.0.1:9")
    assert gone.returncode == 0, gone.stderr
    hub.commit("ann/digits", "main", {CARD: b"{}"})
    assert "missing keys" in failure(run("info", "hf://ann/digits"))
    assert run("info", f"hf://ann/digits@{revision}").returncode == 0


@pytest.mark.cross_backend
def test_a_loaded_model_draws_what_the_published_one_does(hub, run, files):
    hub.commit("ann/faithful", "main", files)
    code = """
import numpy, zoo
images = [zoo.load(name).generate(4, seed=1) for name in ("hf://ann/faithful", "gan_mnist_small")]
numpy.testing.assert_array_equal(*images)
"""
    result = run(code)
    assert result.returncode == 0, result.stderr


def test_a_branch_is_written_beside_the_main_one(hub, run):
    hub.commit("ann/two", "main", {"README.md": b"first"})
    assert (
        run("push", "gan_mnist_small", "ann/two", "--revision", "v2", HF_TOKEN=TOKEN).returncode
        == 0
    )
    assert set(hub.repositories["ann/two"]["main"]) == {"README.md"}
    assert run("info", "hf://ann/two@v2").returncode == 0
    assert "holds no model" in failure(run("info", "hf://ann/two"))


def test_a_private_repository_takes_a_token(hub, run, files):
    result = run("push", "gan_mnist_small", "ann/secret", "--private", HF_TOKEN=TOKEN)
    assert result.returncode == 0, result.stderr
    assert "HF_TOKEN" in failure(run("info", "hf://ann/secret"))
    assert run("info", "hf://ann/secret", HF_TOKEN=TOKEN).returncode == 0
    assert "hf://ann/secret" not in run("list", "hf://ann").stdout


# ------------------------------------------------------------ what is refused


def test_weights_of_one_other_byte_are_refused(hub, run, files):
    weights = bytearray(files[WEIGHTS])
    weights[-1] ^= 1
    hub.commit("eve/byte", "main", {**files, WEIGHTS: bytes(weights)})
    result = run("import zoo; zoo.load('hf://eve/byte')")
    assert f"isn't the file that {CARD} describes" in result.stderr


def test_weights_of_another_size_are_not_even_downloaded(hub, run, files):
    hub.commit("eve/size", "main", {**files, WEIGHTS: files[WEIGHTS] + b"0"})
    assert "expected 510690 bytes. Received: 510691" in failure(run("info", "hf://eve/size"))
    assert not [line for line in hub.requests if f"eve/size/resolve/main/{WEIGHTS}" in line]


REFUSED = {
    "no_weights": ({WEIGHTS: None}, f"holds no model of the zoo.*Found: {CARD}"),
    "no_card": ({CARD: None}, "holds no model of the zoo"),
    "long_card": ({CARD: b"{" + b" " * 1_000_001}, "more than 1,000,000 bytes"),
    "empty_card": ({CARD: b"{}"}, "missing keys"),
    "two": (
        {"other.json": b"{}", "other.weights.h5": b""},
        "one model.*: gan_mnist_small, other",
    ),
}
"""Repository -> what differs in it from a sound one, and the reason that is given."""
EXPLAIN = """
import sys, zoo
for address in sys.argv[1:]:
    try:
        print(zoo.info(address))
    except zoo.ZooError as error:
        print(error)
"""


def test_a_repository_that_holds_something_else_is_refused(hub, run, files):
    for name, (change, _) in REFUSED.items():
        changed = {file: x for file, x in {**files, **change}.items() if x is not None}
        hub.commit(f"eve/{name}", "main", changed)
    reasons = {f"hf://eve/{name}": reason for name, (_, reason) in REFUSED.items()}
    reasons["hf://eve/nothing"] = "no repository at hf://eve/nothing"
    reasons["hf://eve/two@v9"] = "no such branch, tag or commit: hf://eve/two@v9"
    reasons["hf://eve"] = "like hf://OWNER/REPO"
    result = run(EXPLAIN, *reasons)
    lines = result.stdout.splitlines()
    assert len(lines) == len(reasons), result.stderr
    for reason, line in zip(reasons.values(), lines, strict=True):
        assert re.search(reason, line), line


@pytest.mark.parametrize(
    "variables", [{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}]
)
def test_without_a_connection_what_is_not_in_the_cache_is_explained(run, variables):
    message = failure(run("info", "hf://ann/kept", **variables))
    assert "can't be reached, and isn't in the cache" in message


def test_nothing_is_sent_of_a_card_that_lacks_its_license(hub, run, tmp_path, files):
    card = json.loads(files[CARD])
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / CARD).write_text(json.dumps({**card, "license": "", "dataset_license": ""}))
    (folder / WEIGHTS).write_bytes(files[WEIGHTS])
    hub.requests.clear()
    message = failure(run("push", str(folder), "ann/bare", HF_TOKEN=TOKEN))
    assert "license, dataset_license" in message or "dataset_license, license" in message
    assert not any("POST" in line for line in hub.requests)
    arguments = ("--license", "MIT", "--dataset-license", "MIT")
    result = run("push", str(folder), "ann/bare", *arguments, HF_TOKEN=TOKEN)
    assert result.returncode == 0, result.stderr
    assert json.loads(run("info", "hf://ann/bare", "--json").stdout)["license"] == "MIT"


def test_pushing_without_a_token_or_weights_is_refused(hub, run, tmp_path, files):
    message = failure(run("push", "gan_mnist_small", "ann/anonymous", HF_TOKEN=""))
    assert "401" in message
    assert "set HF_TOKEN" in message
    (tmp_path / CARD).write_bytes(files[CARD])
    assert "no weights" in failure(run("push", str(tmp_path / CARD), "ann/empty", HF_TOKEN=TOKEN))


# ------------------------------------------------------------------ addresses


def test_addresses():
    address = sharing.parse("hf://ann/digits@v1.2")
    assert (address.repository, address.revision) == ("ann/digits", "v1.2")
    assert str(address) == "hf://ann/digits@v1.2"
    assert sharing.parse("hf://ann", owner=True).owner == "ann"


@pytest.mark.parametrize(
    "address", ["hf://", "hf://ann", "hf://ann/", "hf://ann/x/y", "hf://ann/x@", "hf://a b/c"]
)
def test_what_is_no_address(address):
    with pytest.raises(InvalidInputError, match="hf://OWNER/REPO@REVISION"):
        sharing.parse(address)


def test_wrong_arguments_of_push():
    with pytest.raises(InvalidInputError, match="`revision`"):
        zoo.push("gan_mnist_small", "ann/digits@v1")
    with pytest.raises(InvalidInputError, match="colour"):
        zoo.push("gan_mnist_small", "ann/digits", colour="red")
    with pytest.raises(InvalidInputError, match="needs its card"):
        zoo.push(object(), "ann/digits")
    with pytest.raises(CardError, match="lacks license"):
        zoo.push("gan_mnist_small", "ann/digits", license="")


@pytest.mark.parametrize("repository", ["noowner", "ann/", "a b/c", "hf://ann"])
def test_a_repository_without_an_owner_is_repeated_as_it_was_typed(repository):
    with pytest.raises(InvalidInputError, match=f"OWNER/REPO. Received: '{repository}'$"):
        zoo.push("gan_mnist_small", repository)


def test_the_model_and_its_card_are_checked_before_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UnknownModelError, match="NOPE"):
        zoo.push("NOPE", "ann/digits")
    with pytest.raises(CardError, match="lacks license"):
        zoo.push("gan_mnist_small", "ann/digits", license="")
    with pytest.raises(MissingDependencyError, match=r'pip install "keras-gan-zoo\[hub\]"'):
        zoo.push("gan_mnist_small", "ann/digits")


# --------------------------------------------------------------------- readme


@pytest.mark.parametrize("name", zoo.list_models(pretrained=True))
def test_every_card_makes_a_readme(name):
    hub = pytest.importorskip("huggingface_hub")
    card = zoo.info(name)
    text = readme.write(hub, card, "ann/x")
    metadata = hub.ModelCard(text).data.to_dict()
    assert metadata["license"] in readme.LICENSES.values() or metadata["license_name"]
    assert metadata["tags"] == [readme.TAG, "gan", card.family]
    assert metadata["model-index"][0]["name"] == name
    assert card.limits in text
    assert card.sha256 in text
    assert 'zoo.load("hf://ann/x")' in text
