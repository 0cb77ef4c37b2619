import pytest

from benchmarks.arguments import spread

OPTIONS = {"--backend", "--batch-size"}


@pytest.mark.parametrize(
    "line",
    [
        "run --backend jax torch --quick",
        "run --backend jax,torch --quick",
        "run --backend jax --backend torch --quick",
        "run --backend=jax,torch --quick",
        "run --backend=jax torch --quick",
    ],
)
def test_every_way_to_give_several_values(line):
    expected = ["run", "--backend", "jax", "--backend", "torch", "--quick"]
    assert spread(line.split(), OPTIONS) == expected


def test_other_options_keep_their_values():
    line = "run --out a,b --batch-size 64 256 --windows 3"
    expected = "run --out a,b --batch-size 64 --batch-size 256 --windows 3"
    assert spread(line.split(), OPTIONS) == expected.split()


def test_no_arguments():
    assert spread([], OPTIONS) == []
