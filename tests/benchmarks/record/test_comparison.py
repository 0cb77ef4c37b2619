"""Two runs compared: faster, slower, broken, or only noise."""

import random

import pytest
from typer.testing import CliRunner

from benchmarks.cli import app
from benchmarks.record.bootstrap import ratio_interval
from benchmarks.record.comparison import compare
from benchmarks.record.rows import RowError
from tests.benchmarks.result_rows import failed, row, write

pytestmark = pytest.mark.no_backend

STEADY = [100.0, 101.0, 102.0, 99.0, 98.0]


def scaled(share, windows=STEADY):
    return [share * window for window in windows]


@pytest.fixture
def files(tmp_path):
    """Writes the rows of A and of B; returns both paths."""

    def write_both(a, b):
        return write(tmp_path / "a.jsonl", a), write(tmp_path / "b.jsonl", b)

    return write_both


def invoke(paths, *options):
    return CliRunner().invoke(app, ["compare", *map(str, paths), *options])


@pytest.mark.parametrize(
    ("share", "verdict", "regression"),
    [
        (0.5, "slower", True),
        (0.952, "slower", False),  # beyond the noise, within the tolerance
        (0.99, "within noise", False),
        (1.0, "within noise", False),
        (1.5, "faster", False),
    ],
)
def test_verdicts(files, share, verdict, regression):
    paths = files([row(STEADY)], [row(scaled(share))])
    (cell,) = compare(*paths).cells
    assert cell.verdict == verdict
    assert cell.absolute.ratio == pytest.approx(share)
    assert bool(compare(*paths).regressions) == regression
    result = invoke(paths)
    assert result.exit_code == int(regression), result.output
    assert verdict in result.output
    assert ("regression" in result.output.split("cells compared")[0]) == regression


def test_the_tolerance_is_the_callers(files):
    paths = files([row(STEADY)], [row(scaled(0.9))])
    assert invoke(paths).exit_code == 1
    assert invoke(paths, "--tolerance", "0.2").exit_code == 0
    result = invoke(paths, "--tolerance", "1")
    assert result.exit_code == 2
    assert "`tolerance` must be" in result.output


def test_noisy_windows_need_a_larger_difference(files):
    noisy = [60.0, 140.0, 100.0, 80.0, 120.0]
    (cell,) = compare(*files([row(noisy)], [row(scaled(0.8, noisy))])).cells
    assert cell.verdict == "within noise"
    low, high = cell.absolute.interval
    assert low < 0.8 < 1 < high


def test_two_windows_do_not_decide(files):
    paths = files([row([100.0, 100.0])], [row([10.0, 10.0])])
    assert [cell.verdict for cell in compare(*paths).cells] == ["too few windows"]
    assert invoke(paths).exit_code == 0


def with_native(speed, drift, jit_speed=100.0):
    """The zoo beside a native loop, on a machine that everything runs `drift` as fast on."""
    weather = [drift * share for share in (1.0, 1.1, 0.9, 1.05, 0.97)]
    return [
        row([speed * share for share in weather]),
        row([jit_speed * share for share in weather], implementation="native"),
    ]


def test_a_drift_of_the_machine_is_no_regression_beside_the_native_loop(files):
    paths = files(with_native(90.0, drift=1.0), with_native(90.0, drift=0.6))
    assert {cell.verdict for cell in compare(*paths).cells} == {"slower"}
    zoo, native = compare(*paths, relative=True).cells
    assert (zoo.verdict, native.verdict) == ("within noise", "not judged")
    assert zoo.relative.a == pytest.approx(0.9)
    assert zoo.relative.ratio == pytest.approx(1.0)
    assert invoke(paths).exit_code == 1
    assert invoke(paths, "--relative").exit_code == 0


def test_a_slower_zoo_is_found_behind_a_faster_machine(files):
    paths = files(with_native(90.0, drift=1.0), with_native(60.0, drift=1.5))
    assert compare(*paths).regressions == []
    (regression,) = compare(*paths, relative=True).regressions
    assert regression.a.implementation == "zoo"
    assert regression.relative.ratio == pytest.approx(60 / 90)
    assert invoke(paths, "--relative").exit_code == 1


@pytest.mark.parametrize("swapped", [False, True])
def test_relative_ratios_are_to_the_same_native_loop_in_both_runs(files, swapped):
    shared = {"backend": "torch", "implementation": "native"}
    a = [row(scaled(0.5), backend="torch"), row(STEADY, variant="eager", **shared)]
    b = [*a, row(scaled(2.0), variant="compile", **shared)]
    paths = files(b, a) if swapped else files(a, b)
    zoo, _ = compare(*paths, relative=True).cells
    # One run's fastest is a loop that the other doesn't hold: against it the zoo would seem
    # to have lost half, or to have won as much.
    assert zoo.relative.ratio == pytest.approx(1.0)


def test_without_a_native_loop_relative_falls_back_to_images_per_second(files):
    paths = files([row(STEADY)], [row(scaled(0.5))])
    (cell,) = compare(*paths, relative=True).cells
    assert cell.relative is None
    assert cell.verdict == "slower"
    assert invoke(paths, "--relative").exit_code == 1


def test_a_cell_that_fails_now_is_a_regression_and_one_that_works_again_is_none(files):
    paths = files(
        [row(), failed(variant="step"), failed(batch_size=256)],
        [failed("[it] broke"), row(variant="step"), failed(batch_size=256)],
    )
    verdicts = [cell.verdict for cell in compare(*paths).cells]
    assert verdicts == ["broken", "repaired", "failed in both"]
    result = invoke(paths)
    assert result.exit_code == 1
    assert "[it] broke" in result.output
    assert "regressions: 1" in result.output


def test_a_backend_that_broke_before_its_device_was_known_is_a_regression(files):
    lost = failed(backend="torch", device="unknown")
    paths = files([row(), row(backend="torch")], [row(), lost])
    assert [cell.verdict for cell in compare(*paths).cells] == ["within noise", "broken"]
    assert invoke(paths).exit_code == 1


def test_cells_of_one_file_are_listed_and_devices_warned_of(files):
    paths = files([row(), row(batch_size=17)], [row(), row(gpu=True, batch_size=19)])
    comparison = compare(*paths)
    assert [each.batch_size for each in comparison.only_in_a] == [17]
    assert [each.batch_size for each in comparison.only_in_b] == [19]
    result = invoke(paths)
    assert result.exit_code == 0
    assert "Only in A:\n  dcgan28 train numpy jax zoo fit float32 17 on Some CPU" in result.output
    assert "Only in B:" in result.output
    assert "from different devices: Some CPU in A, Some CPU, Some GPU in B" in result.output


def test_the_latest_row_of_a_cell_counts(files):
    old = row(scaled(5.0), date="2025-01-01T00:00:00+00:00", run="old")
    (cell,) = compare(*files([row(STEADY), old], [row(STEADY)])).cells
    assert cell.absolute.ratio == pytest.approx(1.0)


def test_nothing_in_common_is_bad_input(files, tmp_path):
    paths = files([row()], [row(gpu=True)])
    with pytest.raises(RowError, match=r"Some CPU, 1 in .* on Some GPU, none in both"):
        compare(*paths)
    assert invoke(paths).exit_code == 2
    assert invoke((paths[0], tmp_path / "missing.jsonl")).exit_code == 2
    paths[1].write_text("{}\n")
    result = invoke(paths)
    assert result.exit_code == 2
    assert "b.jsonl, line 1: `schema`: Field required" in result.output


def test_the_interval_is_repeatable_and_covers_what_it_says():
    """Of 100 pairs of samples of one distribution, about 95% of the intervals hold 1."""
    assert ratio_interval(STEADY, scaled(0.7)) == ratio_interval(STEADY, scaled(0.7))
    assert ratio_interval([1.0, 2.0], STEADY) is None
    generator = random.Random(0)
    samples = [[generator.lognormvariate(5, 0.1) for _ in range(10)] for _ in range(200)]
    covered = 0
    for a, b in zip(samples[::2], samples[1::2], strict=True):
        low, high = ratio_interval(a, b)
        covered += low <= 1 <= high
    assert 90 <= covered <= 100
