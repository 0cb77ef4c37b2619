"""The notebooks in examples: files that Jupyter reads, of public names, whose cells work."""

import json
import re
from inspect import ismodule

import pytest

import zoo
from tests.processes import ROOT, run_python
from tests.project.examples import NOTEBOOKS, cells, cheap

# What must have come out when all cells of a notebook have run, in their cheap form.
OUTCOMES = {
    "sample": """
assert images.dtype == np.uint8 and images.std() > 50
assert np.array_equal(again[: len(images)], images)
assert floats.shape == (4, 28, 28, 1)
assert by_class.shape == (120, 28, 28, 1) and by_class[:12].mean() > 2 * by_class[12:24].mean()
assert np.linalg.norm(line, axis=-1).min() < 8.5 < np.linalg.norm(arc, axis=-1).min()
assert walk.shape == (72, 28, 28, 1)
assert "license" in card._repr_html_()
""",
    "train_on_your_images": """
assert images.shape == (45, 32, 32, 3) and images.std() > 30
assert np.isfinite([history["generator_loss"], history["discriminator_loss"]]).all()
assert len(progress) == 2 and not np.array_equal(*progress)
assert np.array_equal(samples, model.generate(len(samples), seed=1))
assert loaded.optimizer.iterations > 0
distances = {name: score["frechet_distance"] for name, score in scores.items()}
assert distances["real training pictures"] < distances["our model"]
assert nearest.shape == (len(samples[:12]), 3)
""",
    "your_own_networks": """
assert np.isfinite([history["generator_loss"], history["discriminator_loss"]]).all()
for drawn in (samples, by_class, by_own_loss):
    assert drawn.shape == (2000, 2) and np.isfinite(drawn).all() and drawn.std() > 0
assert score(points[:500]) == (8, 1.0) and score(centers[:3].repeat(9, 0)) == (3, 1.0)
assert 0 <= agreement <= 1
assert not np.array_equal(samples, by_own_loss)
""",
    "restore": """
assert images.shape == (16, 64, 64, 3) and 0.2 <= holes.mean() <= 0.26
assert np.array_equal(restored[~holes], images[~holes])
psnr = {name: score["psnr"] for name, score in scores.items()}
assert psnr["inpaint_scenes64"] == max(psnr.values()) > psnr["mean color"] + 5
assert not np.array_equal(whole[scratches], sheet[scratches])
assert np.array_equal(whole[~scratches], sheet[~scratches])
""",
    "compare_backends": """
assert set(results) == set(backends) and all(len(result["rates"]) for result in results.values())
assert all(result["images"].shape == (32, 64, 64, 3) for result in results.values())
assert all(0 < it["floats"] < 1e-4 and it["levels"] <= 1 for it in differences.values())
""",
}


ON_ALL_BACKENDS = {"compare_backends": [pytest.mark.cross_backend]}


@pytest.mark.parametrize(
    "notebook",
    [pytest.param(it, id=it.stem, marks=ON_ALL_BACKENDS.get(it.stem, [])) for it in NOTEBOOKS],
)
def test_all_cells_run_in_a_process_of_their_own(notebook, tmp_path):
    code = [f"# ---- cell {name}\n{source}" for name, source in cells(notebook, "code").items()]
    if any("matplotlib" in source for source in code):
        pytest.importorskip("matplotlib")
    folder = tmp_path / notebook.parent.relative_to(ROOT)
    folder.mkdir(parents=True)
    (tmp_path / "weights").symlink_to(ROOT / "weights")
    program = cheap("\n\n".join(code)) + OUTCOMES[notebook.stem]
    (folder / "program.py").write_text(program, encoding="utf-8")
    places = {"TMPDIR": str(tmp_path), "ZOO_CACHE_DIR": str(tmp_path / "cache")}
    run_python("program.py", cwd=folder, MPLBACKEND="Agg", **places)


def is_public(name):
    """Returns whether a dotted name behind `zoo.` is public."""
    owner = zoo
    for part in name.split("."):
        value = getattr(owner, part, None)
        names = getattr(owner, "__all__", None) if ismodule(owner) else None
        if names is None and ismodule(owner):  # what is defined there, not what it imports
            names = [part] if getattr(value, "__module__", None) == owner.__name__ else []
        if value is None or part.startswith("_") or (names is not None and part not in names):
            return False
        owner = value
    return True


@pytest.mark.no_backend
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_only_public_names_are_used(notebook):
    text = "\n".join([*cells(notebook, "code").values(), *cells(notebook, "markdown").values()])
    used = set(re.findall(r"\bzoo\.(\w+(?:\.\w+)*)", text))
    assert used
    assert [name for name in used if not is_public(name)] == []
    assert not re.search(r"\bfrom zoo\b|\bimport zoo\.", text)


@pytest.mark.no_backend
def test_the_search_for_private_names_finds_them():
    public = ("load", "pictures.show", "losses.Hinge.generator", "evaluation.EvaluationCallback")
    private = ("hub", "pictures.math", "losses.keras", "DCGAN._keep_average", "evaluation.tally")
    assert [name for name in (*public, *private) if is_public(name)] == [*public]


@pytest.mark.no_backend
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_files_are_valid_and_hold_no_outputs(notebook):
    text = notebook.read_text(encoding="utf-8")
    content = json.loads(text)
    assert text == json.dumps(content, indent=1, ensure_ascii=False) + "\n"  # as Jupyter writes it
    assert set(content) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    assert content["metadata"]["kernelspec"]["name"] == "python3"
    ids = [cell["id"] for cell in content["cells"]]
    assert len({*ids}) == len(ids)
    assert all(re.fullmatch(r"[\w-]{1,64}", name) for name in ids)
    assert content["cells"][0]["cell_type"] == "markdown"
    for cell in content["cells"]:
        bare = {"cell_type", "id", "metadata", "source"}
        code = {"execution_count": None, "outputs": []} if cell["cell_type"] == "code" else {}
        assert set(cell) == bare | set(code), cell["id"]
        assert cell["cell_type"] in ("code", "markdown")
        assert cell["metadata"] == {}
        assert {key: cell[key] for key in code} == code, f"clear the outputs of {cell['id']}"


@pytest.mark.no_backend
def test_there_are_notebooks():
    assert {path.stem for path in NOTEBOOKS} == {*OUTCOMES}
