"""A few hundred mutated files and command lines; `python -m scripts.fuzz` runs many thousands."""

import contextlib
import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts import fuzz
from scripts.fuzzing import targets
from scripts.fuzzing.mutations import mutate
from scripts.fuzzing.seeds import write_seeds
from scripts.fuzzing.worker import run_case
from zoo.errors import CardError, WeightsFormatError, ZooError
from zoo.hub.cards import ModelCard
from zoo.hub.untrusted import one_process

pytestmark = pytest.mark.no_backend

CASES = {"weights": 300, "verify": 100, "cards": 200, "pictures": 100, "commands": 150}


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeds")
    write_seeds(folder)
    return folder


@pytest.mark.parametrize("name", targets.DEFAULT)
def test_each_mutated_input_is_valid_or_an_error_of_the_zoo(name, seeds):
    target = targets.TARGETS[name](seeds)
    kinds = set()
    with one_process():
        target.warm_up()
        for index in range(CASES[name]):
            kind, detail = run_case(target, seed=1, index=index)
            assert kind != "crash", f"case {index}: {detail}"
            kinds.add(kind)
    assert len(kinds) > 1  # some refused, some not


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=10,
)
KEYS = ["name", "family", "config", "sha256", "size", "files", "parameters", "recipe", "license"]


@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(values=st.dictionaries(st.sampled_from(KEYS), JSON), named=st.booleans())
def test_any_json_is_a_card_or_refused(values, named, tmp_path_factory):
    if named:
        values = {**values, "name": "a", "family": "b", "config": {}}
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(values))
    with contextlib.suppress(CardError):
        card = ModelCard.read(path)
        card.write(path)
        assert ModelCard.read(path) == card


def test_mutations_differ_and_repeat():
    data = bytes(range(256)) * 8
    mutants = [mutate(data, random.Random(seed)) for seed in range(50)]
    assert len(set(mutants)) > 40
    assert mutants == [mutate(data, random.Random(seed)) for seed in range(50)]
    mutate(b"", random.Random(0))


class Failing:
    """Targets for the fuzzer itself, which has to survive them."""

    def run(self, rng):
        raise self.error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (CardError("a message"), "CardError"),
        (WeightsFormatError("libhdf5 failed on it"), "WeightsFormatError (guarded crash)"),
        (WeightsFormatError("reading it took too long"), "WeightsFormatError (guarded hang)"),
        (CardError(), "crash"),
        (KeyError("a"), "crash"),
        (RecursionError(), "crash"),
        (ZooError("a message"), "ZooError"),
    ],
)
def test_only_errors_of_the_zoo_with_a_message_are_no_crash(error, kind):
    target = Failing()
    target.error = error
    assert run_case(target, 0, 0)[0] == kind


SCRIPT = """
import json, os, signal, time

def say(**line):
    print(json.dumps(line), flush=True)

START = {start}
say(baseline=100)
for index in range(START, {end}):
    say(start=index)
    if index == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if index == 4:
        time.sleep(60)
    say(kind="read", seconds=0.5, peak=100 + index, detail="")
"""


def test_the_fuzzer_survives_crashes_and_hangs(monkeypatch):
    class Worker(fuzz._Worker):
        def command(self, target, folder, seed, start, count):
            script = SCRIPT.replace("{start}", str(start)).replace("{end}", str(start + count))
            return [fuzz.sys.executable, "-c", script]

    monkeypatch.setattr(fuzz, "_Worker", Worker)
    monkeypatch.setattr(fuzz, "HANG_SECONDS", 1.0)
    tally = fuzz.fuzz("weights", "nowhere", 0, 0, 6)
    assert dict(tally.kinds) == {"read": 4, "crash": 1, "hang": 1}
    assert [(index, kind) for index, kind, _ in tally.failures] == [(2, "crash"), (4, "hang")]
    assert tally.peak == 5
    assert not tally.good
    report = tally.report()
    for part in ("6 cases, 2 failures", "case 2: crash", "case 4: hang", "slowest"):
        assert part in report


def test_more_memory_than_allowed_is_a_failure():
    tally = fuzz.Tally("weights")
    tally.add(0, "read", 0.1, fuzz.MEMORY_BYTES)
    assert tally.good
    tally.add(1, "read", 0.1, fuzz.MEMORY_BYTES + 1)
    assert not tally.good
