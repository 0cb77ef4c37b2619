"""The report: the right figures in tables, charts and the README, the same bytes every time."""

import io
import re
import sys
from html.parser import HTMLParser

import matplotlib.image
import pytest
from typer.testing import CliRunner

from benchmarks.cli import app
from benchmarks.record.rows import RowError
from benchmarks.report import report
from benchmarks.report.readme import END, START, ReadmeError
from tests.benchmarks.result_rows import failed, row, write
from zoo.errors import MissingDependencyError

pytestmark = pytest.mark.no_backend

NATIVE = {"jax": ("jit",), "tensorflow": ("graph", "xla"), "torch": ("eager", "compile")}
SPEEDS = {"jax": 1000.0, "tensorflow": 800.0, "torch": 500.0}
WEATHER = (1.0, 0.5, 1.1, 0.9, 2.0)
"""How fast everything ran in each round: it must cancel in paired ratios."""


def suite(**changes):
    """The zoo's `fit` at 0.8 of the faster native loop and its `step` at `fit` / 0.9."""
    rows = []
    for backend, variants in NATIVE.items():
        for data, variant, share in (("numpy", "fit", 0.8), ("device", "step", 0.8 / 0.9)):
            common = {"backend": backend, "data": data, "group": backend, **changes}
            windows = [SPEEDS[backend] * weather for weather in WEATHER]
            ours = [share * window for window in windows]
            rows.append(row(ours, variant=variant, **common))
            for i, name in enumerate(variants):
                theirs = [window * (1 if i == len(variants) - 1 else 0.7) for window in windows]
                rows.append(row(theirs, implementation="native", variant=name, **common))
    return rows


@pytest.fixture
def made(tmp_path):
    """Writes rows, reports on them, and gives the report's Markdown and the folder."""

    def make(rows, **options):
        path = tmp_path / "results.jsonl"
        path.unlink(missing_ok=True)
        out = tmp_path / "out"
        report([write(path, rows)], out, **options)
        return (out / "report.md").read_text(), out

    return make


def lines(text, *parts):
    return [line for line in text.splitlines() if all(part in line for part in parts)]


def section(text, heading):
    """What stands below a heading, up to the next."""
    _, found, rest = text.partition(f"# {heading}\n")
    assert found, text
    return re.split(r"\n#+ ", rest)[0]


def test_ratios_are_paired_and_to_the_fastest_native_loop(made):
    text, _ = made(suite())
    table = section(text, "dcgan28, train")
    for backend, speed in SPEEDS.items():
        (line,) = lines(table, f"| {backend} ", "| zoo fit ")
        # The weather spreads images per second, not the ratio of what ran in one round.
        spread = rf"| {0.8 * speed:,.0f} \[{0.8 * speed * 0.66:,.0f}, {0.8 * speed * 1.64:,.0f}\]"
        assert spread in line.replace("\\", "").replace("[", r"\[").replace("]", r"\]")
        assert r"| 0.80 \[0.80, 0.80\] |" in line
        for variant in NATIVE[backend]:
            assert len(lines(table, f"| {backend} ", f"| native {variant} ")) == 2


def test_a_row_shows_all_that_was_measured(made):
    text, _ = made([row([250.0] * 3, first_call_seconds=12.34, peak_memory_bytes=2_500_000_000)])
    (line,) = lines(section(text, "dcgan28, train"), "zoo fit")
    # 250 images/s of 0.2 GFLOP are 0.05 TFLOP/s, half of the 0.1 that a matrix product reaches.
    assert line == (
        r"| jax | float32 | 128 | NumPy | zoo fit | 250 \[250, 250\] | - | 12.3 | 0.200 | 0.050 "
        "| 50.0% | - | 2.50 GB |"
    )
    text, _ = made([row(gpu=True, gb_per_step=0.5, share_of_copy=0.123)])
    (line,) = lines(section(text, "dcgan28, train"), "zoo fit")
    assert "| 12.3% | 1.23 GB |" in line


@pytest.mark.parametrize("change", [{"group": "another"}, {"run": "another"}, {"data": "device"}])
def test_what_did_not_run_in_one_round_is_no_peer(made, change):
    native = row(implementation="native", **change)
    text, _ = made([row(), native])
    (line,) = lines(section(text, "dcgan28, train"), "zoo fit")
    assert "| - |" in line


def test_the_zoo_on_each_backend_against_the_fastest(made):
    text, _ = made(suite())
    table = section(text, "The zoo on each backend against the fastest backend")
    (line,) = lines(table, "zoo fit")
    # The suite's backends run in a group each.
    assert line.endswith(r"| 800 (1.00) | 640 (0.80\*) | 400 (0.50\*) |")
    rows = [row([10.0, 20.0, 60.0]), row([9.0, 10.0, 54.0], backend="torch")]
    table = section(made(rows)[0], "The zoo on each backend against the fastest backend")
    # Half by the medians, 0.9 in most rounds.
    assert lines(table, "zoo fit")[0].endswith("| 20.0 (1.00) | - | 10.0 (0.90) |")
    text, _ = made([row(), failed("no memory", "out_of_memory", backend="torch")])
    table = section(text, "The zoo on each backend against the fastest backend")
    assert lines(table, "zoo fit")[0].endswith("| 100 (1.00) | - | out of memory |")
    assert "against the fastest backend" not in made([row()])[0]


def test_what_fit_costs(made):
    text, _ = made(suite())
    table = section(text, "What fit costs beside the bare step")
    for backend in SPEEDS:
        (line,) = lines(table, f"| {backend} |")
        assert line.endswith(r"| 10.0% \[10.0%, 10.0%\] |")
    assert "What fit costs" not in made([row(), row(variant="step", data="device", group="b")])[0]


def host_rows(**changes):
    common = {"mode": "overhead", "data": "device", "batch_size": 2, "clock": "cpu", **changes}
    return [
        row([500.0] * 3, **common),
        row([1000.0] * 3, **common, implementation="native"),
        failed(**common, backend="torch"),
    ]


def test_what_a_step_takes_the_host(made, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"{START}\n{END}\n")
    text, out = made(host_rows(), readme=readme)
    table = section(text, "What a step takes the host")
    assert lines(table, "| zoo fit |", "| jax |") == [
        r"| dcgan28 | jax | float32 | zoo fit | 4.00 \[4.00, 4.00\] | CPU | 2.00 jit "
        "| 16,000 | 64,000 | 256,000 |"
    ]
    assert lines(table, "| native jit |", r"| 2.00 \[2.00, 2.00\] | CPU | - | 32,000 |")
    assert lines(table, "| torch |", "| failed |")
    # Speeds of narrow networks on two images are of no other interest.
    assert "images/s | zoo / native" not in text
    assert not (out / "charts").exists()
    (line,) = lines(readme.read_text(), "| dcgan28 |")
    assert line == "| dcgan28 | zoo fit | float32 | 4.00 (2.00 jit) | - | failed |"


def test_host_times_change_nothing_about_speeds(made, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"{START}\n{END}\n")
    alone, out = made(suite(), readme=readme)
    charts = {path: path.read_bytes() for path in (out / "charts").iterdir()}
    (before,) = lines(readme.read_text(), "| dcgan28 | fit |")
    text, out = made([*suite(), *host_rows(group="another")], readme=readme)
    assert {path: path.read_bytes() for path in (out / "charts").iterdir()} == charts
    for heading in ("dcgan28, train", "The zoo on each backend against the fastest backend"):
        assert section(text, heading) == section(alone, heading)
    assert before in readme.read_text()


def test_failures_are_listed_and_nothing_in_them_is_taken_for_markup(made):
    error = "no | memory\n<script>alert(1)</script> `x` $y$ & \x1b[31m" + "z" * 1000
    text, out = made([row(), failed(error, "out_of_memory", backend="torch")])
    assert "out of memory" in lines(section(text, "dcgan28, train"), "| torch |")[0]
    (line,) = lines(section(text, "Cells that failed"), "| torch |")
    shown = r"no \| memory &lt;script>alert(1)&lt;/script> \`x\` \$y\$ &amp; \[31mzz"
    assert shown in line
    assert line.endswith("z ... |")
    page = (out / "report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; `x` $y$ &amp;" in page
    assert "\x1b" not in page + text


def test_a_cpu_is_not_passed_off_as_a_gpu(made):
    text, _ = made([row()])
    assert "All these figures are from a CPU (A processor, 2 cores), none from a GPU." in text
    text, _ = made([row(gpu=True)])
    assert "All these figures are from a GPU: Some GPU." in text
    for line in ("| driver | 555.1 |", "| TF32 in float32 products | on (jax) |"):
        assert line in text
    text, _ = made([failed(device="unknown")])
    assert "No figure was measured here: all cells failed (unknown)." in text
    assert "All these figures" not in text
    text, out = made([row(), row(gpu=True)])
    assert len(lines(text, "All these figures")) == 2
    assert (out / "charts" / "some-gpu-dcgan28-train.png").exists()
    assert (out / "charts" / "some-cpu-dcgan28-train.png").exists()


def test_what_failed_before_its_device_was_known_belongs_to_its_run(made):
    lost = failed(gpu=True, backend="torch", device="unknown", memory_kind=None)
    text, _ = made([row(gpu=True), lost])
    assert "unknown" not in text
    assert lines(section(text, "dcgan28, train"), "| torch |", "| failed |")


def test_the_readme_shows_the_largest_batch_that_can_be_compared(made, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"{START}\n{END}\n")
    rows = [*suite(batch_size=64), *suite(batch_size=128)]
    alone = [row(batch_size=4096, group="alone"), failed(backend="torch", batch_size=256)]
    made([*rows, *alone, row(batch_size=128, jit="off", group="jax")], readme=readme)
    (line,) = lines(readme.read_text(), "| dcgan28 |")
    assert line.startswith("| dcgan28 | fit | float32 | 128 | 800 (0.80 jit) |")


def test_the_environment_is_shown(made):
    rows = [row(), row(backend="torch", commit=None, versions={"backend": "2.13", "keras": None})]
    text, _ = made(rows)
    table = section(text, "Environment")
    for line in (
        "| Keras | 3.15.1 |",
        "| jax | 1.0 |",
        "| torch | 2.13 |",
        "| TF32 in float32 products | does not apply |",
        "| matrix product, float32 | jax 0.100 TFLOP/s, torch 0.100 TFLOP/s |",
        "| commit | 0123456789abcdef |",
        "| date | 2026-01-02T03:04:05+00:00 |",
    ):
        assert line in table


def test_the_same_input_gives_the_same_bytes(made, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"{START}\n{END}\n")
    rows = [*suite(gpu=True), *suite(gpu=True, mode="sample", losses=None)]
    _, out = made(rows, readme=readme)
    files = [path for path in out.rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in [*files, readme]}
    assert len(before) == 8  # five charts, two reports, a README
    made(rows, readme=readme)
    assert {path: path.read_bytes() for path in before} == before


def test_the_latest_run_of_a_cell_counts(tmp_path):
    old = write(tmp_path / "old.jsonl", [row([5.0] * 3), row([7.0] * 3, batch_size=7)])
    new = write(tmp_path / "new.jsonl", [row([9.0] * 3, date="2026-02-01", run="run-2")])
    report([new, old], tmp_path / "out")
    table = section((tmp_path / "out" / "report.md").read_text(), "dcgan28, train")
    speeds = [line.split("|")[6].strip() for line in lines(table, "zoo fit")]
    assert speeds == [r"7.00 \[7.00, 7.00\]", r"9.00 \[9.00, 9.00\]"]


class Page(HTMLParser):
    """Checks that tags are closed in order; collects pictures and links."""

    def __init__(self):
        super().__init__()
        self.open, self.pictures, self.links = [], [], []

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.pictures += [value for name, value in attributes if tag == "img" and name == "src"]
        self.links += [value for name, value in attributes if name in ("href", "src")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_sound_and_needs_nothing_beside_it(made):
    text, out = made(suite())
    page = Page()
    page.feed((out / "report.html").read_text())
    page.close()
    assert page.open == []
    assert page.links == page.pictures
    assert len(page.pictures) == text.count("](charts/") == 3
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    for name in re.findall(r"\]\((charts/[^)]+)\)", text):
        assert (out / name).exists()


def test_charts_are_of_a_readmes_width_and_show_each_backend(made):
    _, out = made([*suite(), failed(backend="torch", batch_size=512)])
    picture = matplotlib.image.imread(io.BytesIO((out / "charts/dcgan28-train.png").read_bytes()))
    assert picture.shape[1] == 1800
    for color in ((0, 114, 178), (230, 159, 0), (0, 158, 115)):
        distance = abs(picture[..., :3] * 255 - color).max(axis=-1)
        assert (distance < 1).sum() > 1000, color


def test_the_longest_bar_is_the_fastest(made):
    _, out = made([row([100.0] * 3), row([50.0] * 3, backend="torch")])
    picture = matplotlib.image.imread(io.BytesIO((out / "charts/dcgan28-train.png").read_bytes()))
    lengths = [
        (abs(picture[..., :3] * 255 - color).max(axis=-1) < 1).sum(axis=1).max()
        for color in ((0, 114, 178), (0, 158, 115))
    ]
    assert lengths[1] / lengths[0] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_only_what_stands_between_the_comments_changes(made, tmp_path, newline):
    readme = tmp_path / "docs" / "README.md"
    readme.parent.mkdir()
    text = f"# é before\n{START}\nstale\n{END}\nafter {{}} \\1".replace("\n", newline)
    readme.write_bytes(text.encode())
    made(suite(), readme=readme)
    updated = readme.read_bytes().decode()
    assert updated.startswith(f"# é before{newline}{START}{newline}")
    assert updated.endswith(f"{END}{newline}after {{}} \\1")
    assert "stale" not in updated
    assert updated.count("\n") == updated.count(newline)
    row_of_table = "| dcgan28 | fit | float32 | 128 | 800 (0.80 jit) | 640 (0.80 xla) "
    assert row_of_table in updated
    for link in re.findall(r"\]\(([^)]+)\)", updated):
        assert (readme.parent / link).exists(), link
    assert "](../out/charts/overview.png)" in updated


@pytest.mark.parametrize("text", ["", START, f"{END}\n{START}", f"{START}\n{END}\n{END}"])
def test_a_readme_without_the_comments_stays_as_it_is(tmp_path, text):
    readme = tmp_path / "README.md"
    readme.write_text(text)
    path = write(tmp_path / "results.jsonl", [row()])
    with pytest.raises(ReadmeError, match="<!-- benchmarks: python -m benchmarks report -->"):
        report([path], tmp_path / "out", readme)
    assert readme.read_text() == text
    assert not (tmp_path / "out").exists()


def test_readmes_that_cannot_be_read(tmp_path):
    path = write(tmp_path / "results.jsonl", [row()])
    with pytest.raises(ReadmeError, match=r"Expected a README\. Received"):
        report([path], tmp_path / "out", tmp_path / "none.md")
    (tmp_path / "README.md").write_bytes(b"\xff\xfe")
    with pytest.raises(ReadmeError, match="in UTF-8"):
        report([path], tmp_path / "out", tmp_path / "README.md")


def test_only_failures_or_native_loops_make_a_report_too(made):
    text, _ = made([failed(), row(implementation="native", backend="torch", variant="eager")])
    assert "Cells that failed" in text
    assert lines(section(text, "dcgan28, train"), "| torch |", "native eager")
    text, _ = made([row(implementation="native")])
    assert "charts/overview" not in text


def test_without_matplotlib_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    path = write(tmp_path / "results.jsonl", [row()])
    with pytest.raises(MissingDependencyError, match=r"pip install 'keras-gan-zoo\[benchmarks\]'"):
        report([path], tmp_path / "out")


def test_the_command(tmp_path):
    path = write(tmp_path / "results.jsonl", [row()])
    result = CliRunner().invoke(app, ["report", str(path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    for name in ("report.md", "report.html", "charts/overview.png"):
        assert f"wrote {tmp_path / 'out' / name}" in result.output
    path.write_text("")
    result = CliRunner().invoke(app, ["report", str(path)])
    assert result.exit_code == 2
    assert "error: Expected at least one result row. Received: none in" in result.output
    with pytest.raises(RowError):
        report([tmp_path / "none.jsonl"], tmp_path / "out")
