"""Charts of horizontal bars that are labeled in place, without axes and legends."""

import io
import textwrap
from dataclasses import dataclass

from zoo.errors import MissingDependencyError

# Okabe and Ito's palette, which color-blind readers can tell apart too.
COLORS = {"jax": "#0072B2", "tensorflow": "#E69F00", "torch": "#009E73"}
INK, SOFT = "#1f2328", "#59636e"
WHITENED = 0.6  # how far a native bar's color is blended from the zoo's to white
WIDTH, DPI = 9.0, 200  # inches; twice the pixels of a README's width, for sharp letters
MARGIN, GAP = 0.1, 0.3  # inches: around all panels, between two
LINE, TITLE, BETWEEN = 0.19, 0.3, 0.12  # inches: a bar, a panel's title, after a group
BACKEND, LETTER = 0.85, 0.073  # inches: the column of backends, a letter of the other texts
BOLD = 1.3  # times as wide, with the gap ahead of it


@dataclass(frozen=True)
class Bar:
    """A bar of a chart."""

    key: tuple
    backend: str
    label: str
    solid: bool
    """True for the zoo; the native loops are pale."""
    summary: dict | None
    """`summarize` of what its length shows; None draws no bar, only the text."""
    text: str


@dataclass(frozen=True)
class Group:
    """Bars below a title."""

    title: str
    bars: list


@dataclass(frozen=True)
class Panel:
    """Groups below a title, the part of a chart that has its own scale."""

    title: str
    groups: list

    @property
    def height(self):
        """Inches."""
        lines = sum(1 + len(group.bars) for group in self.groups)
        return TITLE + lines * LINE + BETWEEN * (len(self.groups) - 1)


def draw(panels: list[Panel], caption: str, share_axis: bool = False) -> bytes:
    """Draws panels of bars, two in a line, with a caption below.

    Args:
        panels: list of `Panel`.
        caption: str, says what the bars show.
        share_axis: bool, whether bars of one length mean the same in all panels.

    Returns:
        A PNG; the same for the same panels.

    Raises:
        MissingDependencyError: if matplotlib isn't installed.
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "Charts need matplotlib, which isn't installed: pip install 'keras-gan-zoo[benchmarks]'"
        ) from error
    columns = min(2, len(panels))
    lines = [panels[i : i + columns] for i in range(0, len(panels), columns)]
    heights = [max(panel.height for panel in line) + GAP for line in lines]
    caption = textwrap.wrap(caption, 130)
    height = sum(heights) + LINE * len(caption) + 2 * MARGIN
    # The user's own settings must not change the picture.
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["font.size"] = 8.5
        figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
        FigureCanvasAgg(figure)
        # Axes in inches over the whole picture: letters and bars share a measure.
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(0, height))
        axes.axis("off")
        longest = _longest(panels)
        labels, values = _columns(panels)
        width = (WIDTH - 2 * MARGIN - GAP * (columns - 1)) / columns
        top = height - MARGIN
        for line, line_height in zip(lines, heights, strict=True):
            for i, panel in enumerate(line):
                left = MARGIN + i * (width + GAP)
                limit = longest if share_axis else _longest([panel])
                scale = (width - labels - values) / limit
                _draw_panel(axes, panel, left, left + labels, top, scale)
            top -= line_height
        for i, text in enumerate(caption):
            _write(axes, MARGIN, top - (i + 0.5) * LINE, text, color=SOFT)
        file = io.BytesIO()
        figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _bars(panels):
    return [bar for panel in panels for group in panel.groups for bar in group.bars]


def _longest(panels):
    """The value at the end of the panels' longest bar, its error bar included."""
    summaries = [bar.summary for bar in _bars(panels) if bar.summary]
    return max((max(summary.values()) for summary in summaries), default=1.0)


def _columns(panels):
    """Widths in inches of the texts before and behind the bars."""
    bars = _bars(panels)
    labels, values = (max(len(getattr(bar, name)) for bar in bars) for name in ("label", "text"))
    return BACKEND + LETTER * labels, BOLD * LETTER * values


def _draw_panel(axes, panel, left, zero, top, scale):
    """Draws a panel with its upper left corner at (left, top) and bars from `zero`, in inches."""
    _write(axes, left, top - 0.4 * TITLE, panel.title, fontsize=10, weight="bold")
    y = top - TITLE
    for group in panel.groups:
        _write(axes, left, y - 0.5 * LINE, group.title, color=SOFT, weight="bold")
        y -= LINE
        start = y
        for i, bar in enumerate(group.bars):
            if i == 0 or group.bars[i - 1].backend != bar.backend:
                _write(axes, left, y - 0.5 * LINE, bar.backend)
            _draw_bar(axes, bar, zero, y - 0.5 * LINE, scale)
            y -= LINE
        axes.plot([zero, zero], [start, y], color=SOFT, linewidth=0.8)
        y -= BETWEEN


def _draw_bar(axes, bar, zero, y, scale):
    _write(axes, zero - 0.06, y, bar.label, ha="right", color=INK if bar.solid else SOFT)
    end = zero
    if bar.summary:
        median, low, high = (zero + bar.summary[key] * scale for key in ("median", "p10", "p90"))
        axes.barh(y, median - zero, 0.82 * LINE, zero, color=_color(bar), linewidth=0)
        axes.plot([low, high], [y, y], color=INK, linewidth=1, solid_capstyle="butt")
        end = max(median, high)
    style = {"color": INK, "weight": "bold"} if bar.solid and bar.summary else {"color": SOFT}
    _write(axes, end + 0.06, y, bar.text, **style)


def _color(bar):
    from matplotlib.colors import to_rgb

    share = 0.0 if bar.solid else WHITENED
    return tuple(part + (1 - part) * share for part in to_rgb(COLORS[bar.backend]))


def _write(axes, x, y, text, **style):
    """Writes text at a position in inches, as it is: no `$` starts a formula."""
    axes.text(x, y, text, **{"color": INK, "va": "center_baseline", "parse_math": False, **style})
