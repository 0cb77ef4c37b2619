"""The documents' tables, from cards."""

import dataclasses

import pytest

import zoo
from scripts import update_readme
from scripts.measure_restoration import FAMILY
from zoo.hub.cards import ModelCard

pytestmark = pytest.mark.no_backend

DRAWN = {
    "frechet_distance": 4.56,
    "precision": 0.744,
    "recall": 0.875,
    "rarest_class_share": 0.089,
    "confident_share": 0.9123,
    "others": {"real training images": {"frechet_distance": 0.57}},
}
RUN = {
    "seconds": 630,
    "backend": "jax 1.0",
    "precision": "float32",
    "seed": 3,
    "date": "2026-01-02",
}


def scores(psnr, ssim, hole_l1, frechet_distance):
    return {
        "psnr": psnr,
        "ssim": ssim,
        "hole_l1": hole_l1,
        "frechet_distance": frechet_distance,
        "exact_share": 0.0,
        "images_per_second": 100.0,
    }


RESTORED = {
    "masks": {"center": {}, "free_form": {}},
    "center": {
        "telea": scores(22.23, 0.794, 0.115, 40.0),
        "navier_stokes": scores(22.06, 0.79, 0.11, 50.0),
        "biharmonic": scores(21.61, 0.795, 0.12, 30.0),
        "ours": scores(23.456, 0.8123, 0.0987, 4.321),
    },
    "free_form": {
        "telea": scores(25.0, 0.9, 0.05, 20.0),
        "navier_stokes": scores(26.0, 0.8, 0.06, 10.0),
        "biharmonic": scores(24.0, 0.7, 0.07, 15.0),
        "ours": scores(24.5, 0.85, 0.055, 1.5),
    },
}
RECIPE = {"epochs": 24, "loss": "non_saturating"}


def card(name, family, metrics=None):
    measured = {"metrics": metrics, "sha256": "0" * 64, "size": 5_460_000} if metrics else {}
    if metrics:
        measured |= {"training": RUN, "files": {"picture": f"{name}.png"}, "license": "CC0"}
    return ModelCard(name, family, {}, description=f"About {name}.", recipe=RECIPE, **measured)


def test_models_that_restore_are_not_among_those_that_draw():
    cards = [card("gan_a", "gan", DRAWN), card("gan_b", "gan"), card("inpaint_a", FAMILY, RESTORED)]
    _, _, first, second = update_readme.drawing_table(cards).splitlines()
    assert first == (
        "| `gan_a` | About gan_a. | 5.5 MB | 4.6 (0.6) | 0.74 | 0.88 | 8.9% | 91.2% "
        "| 24 epochs, non-saturating |"
    )
    assert second.startswith("| `gan_b` | About gan_b. | train it yourself |")


def test_each_figure_stands_beside_the_classical_method_that_is_best_at_it():
    cards = [card("gan_a", "gan", DRAWN), card("inpaint_a", FAMILY, RESTORED)]
    _, _, center, free_form = update_readme.restoration_table(cards).splitlines()
    assert center == (
        "| `inpaint_a` | center | 5.5 MB | 23.46 (22.23 telea) | 0.812 (0.795 biharmonic) "
        "| 0.099 (0.110 navier-stokes) | 4.32 (30.00 biharmonic) |"
    )
    # A classical method that wins is shown all the same.
    assert free_form == (
        "| `inpaint_a` | free-form | 5.5 MB | 24.50 (26.00 navier-stokes) | 0.850 (0.900 telea) "
        "| 0.055 (0.050 telea) | 1.50 (10.00 navier-stokes) |"
    )


@pytest.mark.parametrize("cards", [[], [card("inpaint_a", FAMILY)], [card("a", "gan", DRAWN)]])
def test_no_pretrained_model_restores_images_yet(cards):
    assert update_readme.restoration_table(cards) == "No pretrained model restores images yet.\n"


def test_other_recipes_stand_below_the_models_own():
    scores = {**DRAWN, "frechet_distance": 50.04, "recall": 0.4}
    others = {"radford_average_epoch12": scores, "radford_6_epochs_of_batch_64": scores}
    cards = [card("gan_a", "gan", DRAWN), card("gan_b", "gan")]
    cards += [card("gan_c", "gan", {**DRAWN, "others": {**DRAWN["others"], **others}})]
    assert update_readme.recipe_table(cards).splitlines()[2:] == [
        "| `gan_c` | its own, 24 epochs | 4.6 | 0.74 | 0.88 |",
        "| `gan_c` | the DCGAN paper's, with a moving average, 12 epochs | 50.0 | 0.74 | 0.40 |",
        "| `gan_c` | the DCGAN paper's, 6 epochs of batch size 64 | 50.0 | 0.74 | 0.40 |",
    ]


def test_only_class_conditional_models_have_labels_that_agree():
    accuracy = {"classification_accuracy_score": {"generated": 0.9756, "real": 0.9824}}
    labeled = card("cgan", "cgan", {**DRAWN, "label_agreement": 0.995, **accuracy})
    (row,) = update_readme.label_table([card("gan_a", "gan", DRAWN), labeled]).splitlines()[2:]
    assert row == "| `cgan` | 99.5% | 97.6% | 98.2% |"


TEXT = (
    "before\n<!-- models: python -m scripts.update_readme -->\nstale\n<!-- end of models -->\n"
    "between\n<!-- inpainting: python -m scripts.update_readme -->\n<!-- end of inpainting -->"
    "\nafter\n"
)
TABLES = {"models": update_readme.drawing_table, "inpainting": update_readme.restoration_table}


def test_only_what_is_between_the_comments_changes():
    cards = [card("gan_a", "gan", DRAWN), card("inpaint_a", FAMILY, RESTORED)]
    updated = update_readme.updated(TEXT, TABLES, cards)
    assert "stale" not in updated
    assert updated.startswith("before\n<!-- models")
    assert updated.endswith("<!-- end of inpainting -->\nafter\n")
    drawing, restoring = updated.split("between")
    assert "`gan_a`" in drawing
    assert "`inpaint_a`" not in drawing
    assert restoring.count("`inpaint_a`") == 2
    assert update_readme.updated(updated, TABLES, cards) == updated


def test_the_index_has_a_row_for_each_file_and_a_picture_for_each_model():
    classifier = {
        "name": "digits",
        "metrics": {"val_accuracy": 0.98765, "val_images": 3407},
        "sha256": "abc" * 10,
    }
    cards = [card("gan_a", "gan", DRAWN), card("gan_b", "gan"), card("inpaint_a", FAMILY, RESTORED)]
    lines = update_readme.index(cards, [(classifier, 1_234_567)]).splitlines()
    assert (
        "| [`gan_a`](gan_a.json) |  | CC0 | 5.5 MB | 24 epochs, 10 min, jax 1.0, float32, seed 3, "
        "2026-01-02 | `000000000000` |" in lines
    )
    assert "| `digits` | 98.77% of 3,407 val images | 1.2 MB | `abcabcabcabc` |" in lines
    assert "![Samples of inpaint_a](inpaint_a.png)" in lines
    assert not any("gan_b" in line for line in lines)


def phased(training):
    """The row of a model that was trained in two phases."""
    both = {**RECIPE, "first": {**RECIPE, "epochs": 6, "first": None}}
    two = dataclasses.replace(card("gan_a", "gan", DRAWN), recipe=both, training=training)
    (line,) = (line for line in update_readme.index([two], []).splitlines() if "[`gan_a`]" in line)
    return line


def test_all_phases_of_a_training_count():
    # Cards without a record of phases hold the seconds of the last phase only.
    assert "| 30 epochs, at least 10 min, jax 1.0," in phased(RUN)
    assert "| 30 epochs, 10 min, jax 1.0," in phased({**RUN, "phases": [{}, {}]})


def test_what_is_stale_is_named_and_a_run_mends_it(tmp_path, monkeypatch, capsys):
    (tmp_path / "weights").mkdir()
    (tmp_path / "tables.md").write_text(TEXT)
    monkeypatch.setattr(update_readme, "ROOT", tmp_path)
    monkeypatch.setattr(update_readme, "WEIGHTS", tmp_path / "weights")
    monkeypatch.setattr(update_readme, "TABLES", {"tables.md": TABLES})
    monkeypatch.setattr(update_readme, "read_classifiers", lambda folder: [])
    cards = {"gan_a": card("gan_a", "gan", DRAWN)}
    monkeypatch.setattr(zoo, "list_models", lambda: list(cards))
    monkeypatch.setattr(zoo, "info", cards.get)
    assert update_readme.main(["--check"]) == 1
    said = capsys.readouterr().out
    assert "weights/README.md is stale" in said
    assert "tables.md is stale" in said
    assert update_readme.main([]) == 0
    assert update_readme.main(["--check"]) == 0
    cards["gan_b"] = card("gan_b", "gan", DRAWN)
    assert update_readme.main(["--check"]) == 1
