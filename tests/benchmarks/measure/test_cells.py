import pytest

from benchmarks.measure import cells
from benchmarks.native import VARIANTS

pytestmark = pytest.mark.no_backend

ALL = {
    "backends": ["jax", "torch"],
    "models": ["gan28", "dcgan64"],
    "batch_sizes": [64, 256],
    "precisions": ["float32"],
    "modes": ["train", "sample"],
    "jits": ["auto", "off"],
    "data": ["numpy", "device"],
    "implementations": ["zoo", "native"],
}


def test_cells_side_by_side_do_the_same_work():
    groups = cells.make_cells(**ALL)
    assert len(groups) == 2 * 2 * 2
    assert len({cell for group in groups for cell in group}) == sum(map(len, groups))
    for group in groups:
        assert len({cell.group for cell in group}) == 1
        assert len({cell.backend for cell in group}) == 2


def test_kinds_of_training():
    (group,) = cells.make_cells(
        **{**ALL, "backends": ["torch"], "models": ["gan28"], "batch_sizes": [64]}
        | {"modes": ["train"], "jits": ["auto"]}
    )
    found = {(cell.implementation, cell.variant, cell.jit, cell.data) for cell in group}
    assert found == {
        ("zoo", "fit", "auto", "numpy"),
        ("zoo", "fit", "auto", "device"),
        ("zoo", "step", "auto", "device"),
        *(
            ("native", variant, None, data)
            for variant in VARIANTS["torch"]
            for data in ("numpy", "device")
        ),
    }


def test_sampling_has_no_kinds_of_data():
    groups = cells.make_cells(**{**ALL, "modes": ["sample"], "data": ["device"]})
    assert {cell.data for group in groups for cell in group} == {"numpy"}
    assert {cell.variant for group in groups for cell in group if cell.jit} == {"generate"}


def test_choices_given_twice_count_once():
    once = cells.make_cells(**{**ALL, "models": ["gan28"]})
    twice = cells.make_cells(**{**ALL, "models": ["gan28"], "backends": ["jax", "torch", "jax"]})
    assert once == twice


def test_no_group_without_cells():
    choices = {**ALL, "implementations": ["native"]}
    assert cells.make_cells(**choices, variants={"jax": (), "torch": ()}) == []


def test_a_label_tells_cells_of_a_group_apart():
    for group in cells.make_cells(**ALL):
        assert len({cell.label for cell in group}) == len(group)


def test_the_host_s_time_depends_on_neither_batch_size_nor_source():
    groups = cells.make_cells(**{**ALL, "modes": ["overhead"], "data": ["numpy"]})
    assert len(groups) == 2
    for group in groups:
        assert {(cell.batch_size, cell.data) for cell in group} == {(2, "device")}
        torch = [cell for cell in group if cell.backend == "torch"]
        assert [(cell.variant, cell.jit) for cell in torch] == [
            *(("fit", jit) for jit in ALL["jits"]),
            *(("step", jit) for jit in ALL["jits"]),
            *((variant, None) for variant in VARIANTS["torch"]),
        ]
        assert len({cell.process for cell in group}) == len(ALL["backends"])
        fused = {cell.backend for cell in group if cell.variant == "fused"}
        assert fused == {"jax"}  # Keras takes no `steps_per_execution` on PyTorch


def test_other_cells_have_a_process_each():
    (group, *_) = cells.make_cells(**ALL)
    assert len({cell.process for cell in group}) == len(group)
