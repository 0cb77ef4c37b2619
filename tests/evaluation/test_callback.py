import numpy as np
import pytest

import zoo
from tests.evaluation.stand_ins import (
    ConditionalPainter,
    Extractor,
    Painter,
    load_photos,
    photos,
)
from zoo import datasets
from zoo.errors import DatasetError, InvalidInputError
from zoo.evaluation import EvaluationCallback, callback, evaluate
from zoo.hub.weights import load_weights

SCORES = {"frechet_distance", "rarest_class_share", "confident_share"}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))


def build():
    return zoo.VanillaGAN((8, 8, 1), latent_dim=3, hidden_units=(4,), seed=0)


def fit(watch, epochs=1, callbacks=(), model=None):
    model = build() if model is None else model
    model.compile()
    return model, model.fit(
        photos(16), batch_size=8, epochs=epochs, verbose=0, callbacks=[watch, *callbacks]
    )


def watching(real=None, **options):
    real = photos(20, seed=2) if real is None else real
    return EvaluationCallback(real, Extractor(), **{"count": 12, **options})


@pytest.mark.parametrize(
    ("every", "epochs", "expected"),
    [(1, 2, [1, 2]), (2, 5, [2, 4, 5]), (2, 4, [2, 4]), (9, 3, [3])],
)
def test_evaluates_every_few_epochs_and_at_the_end(every, epochs, expected):
    watch = watching(every=every)
    fit(watch, epochs)
    assert [entry["epoch"] for entry in watch.history] == expected


def test_scores_join_the_logs_and_the_history():
    from keras.callbacks import LambdaCallback

    logged = []
    later = LambdaCallback(on_epoch_end=lambda epoch, logs: logged.append(dict(logs)))
    watch = watching()
    _, history = fit(watch, epochs=2, callbacks=[later])
    assert set(watch.history[0]) == {"epoch"} | SCORES
    for name in SCORES:
        scores = [entry[name] for entry in watch.history]
        assert all(isinstance(score, float) for score in scores)
        assert history.history[name] == scores
        assert [logs[name] for logs in logged] == scores
    assert "generator_loss" in logged[0]


def test_its_scores_are_those_of_evaluate(monkeypatch):
    monkeypatch.setattr(datasets, "load", load_photos)
    watch = EvaluationCallback("mnist", Extractor(), count=30, seed=4)
    watch.set_model(ConditionalPainter(wrong=0.0))
    expected = evaluate(ConditionalPainter(wrong=0.0), "mnist", Extractor(), count=30, seed=4)
    scores = watch.evaluate()
    assert set(scores) == SCORES | {"label_agreement"}
    assert 0.2 < scores["label_agreement"] < 0.8
    assert scores == {key: expected["scores"][key] for key in scores}


def test_a_data_set_means_its_split_for_measuring(monkeypatch):
    asked = []
    monkeypatch.setattr(datasets, "load", lambda *key: asked.append(key) or load_photos(*key))
    EvaluationCallback("scenes64", Extractor())
    assert asked == [("scenes64", "val")]


def test_the_seed_decides_what_is_drawn():
    watch, again, other = watching(seed=1), watching(seed=1), watching(seed=2)
    for item in (watch, again, other):
        item.set_model(Painter())
    assert watch.evaluate() == again.evaluate()
    assert watch.evaluate() != other.evaluate()


@pytest.mark.parametrize(
    ("monitor", "scores", "better", "best"),
    [
        ("frechet_distance", [5.0, 3.0, 4.0, 3.0, 2.0], [1, 2, 5], 5),
        ("frechet_distance", [1.0, 2.0], [1], 1),
        ("rarest_class_share", [0.1, 0.0, 0.2, 0.2], [1, 3], 3),
        ("confident_share", [0.5, 0.4], [1], 1),
    ],
)
def test_weights_are_kept_only_when_they_are_better(monkeypatch, monitor, scores, better, best):
    watch = watching(monitor=monitor, best_weights="best.weights.h5")
    results, kept = iter(scores), []
    watch.evaluate = lambda: {monitor: next(results)}
    monkeypatch.setattr(
        callback, "save_weights", lambda model, path: kept.append(watch.history[-1]["epoch"])
    )
    fit(watch, epochs=len(scores))
    assert kept == better
    assert watch.best == {"epoch": best, monitor: scores[best - 1]}
    assert [entry[monitor] for entry in watch.history] == scores


def test_the_best_weights_are_those_that_scored_best(tmp_path):
    path = tmp_path / "run" / "best.weights.h5"
    watch = watching(best_weights=str(path))
    weights, results = [], iter([2.0, 1.0, 3.0])

    def evaluate():
        weights.append([array.copy() for array in watch.model.generator.get_weights()])
        return {"frechet_distance": next(results)}

    watch.evaluate = evaluate
    fit(watch, epochs=3)
    fresh = build()
    load_weights(fresh, path)
    kept = fresh.generator.get_weights()
    # Of kernels a file keeps half precision.
    for index, expected in enumerate([False, True, False]):
        pairs = zip(kept, weights[index], strict=True)
        assert all(np.allclose(*pair, rtol=1e-3, atol=1e-6) for pair in pairs) is expected


def test_watching_changes_nothing_of_the_training():
    weights = []
    for callbacks in ([], [watching()]):
        model = build()
        model.compile()
        model.fit(photos(16), batch_size=8, epochs=2, verbose=0, shuffle=False, callbacks=callbacks)
        weights.append(model.get_weights())
    for alone, watched in zip(*weights, strict=True):
        np.testing.assert_array_equal(alone, watched)


def test_without_a_path_nothing_is_written(monkeypatch):
    monkeypatch.setattr(callback, "save_weights", lambda *_: pytest.fail("weights were written"))
    watch = watching()
    assert watch.best is None
    fit(watch)
    assert watch.best == watch.history[0]


def test_a_class_conditional_model_is_watched_by_label_agreement():
    model = zoo.ConditionalDCGAN(
        (16, 16, 1), classes=10, latent_dim=3, base_filters=2, kernel_size=3, seed=0
    )
    model.compile()
    watch = watching(photos(20, shape=(16, 16, 1)), monitor="label_agreement")
    model.fit(
        photos(8, shape=(16, 16, 1)), np.arange(8), batch_size=8, verbose=0, callbacks=[watch]
    )
    assert set(watch.best) == {"epoch", "label_agreement"} | SCORES
    assert 0.0 <= watch.best["label_agreement"] <= 1.0


def test_label_agreement_of_a_model_without_classes_is_refused_before_it_trains():
    watch = watching(monitor="label_agreement")
    model = build()
    before = [weight.copy() for weight in model.get_weights()]
    with pytest.raises(InvalidInputError, match=r"class-conditional.*label_agreement"):
        fit(watch, model=model)
    for one, other in zip(before, model.get_weights(), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"monitor": "generator_loss"}, "'frechet_distance'.*monitor='generator_loss'"),
        ({"monitor": None}, "monitor=None"),
        ({"every": 0}, "every=0"),
        ({"count": 1}, "count=1"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_refuses(options, expected):
    with pytest.raises(InvalidInputError, match=expected):
        watching(**options)


def test_an_unknown_data_set_is_named():
    with pytest.raises(DatasetError, match="letters"):
        watching("letters")
