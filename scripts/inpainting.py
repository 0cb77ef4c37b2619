"""Names that the scripts which measure, release and list inpainting models share."""

from zoo.cli.checks import RESTORING as FAMILY
from zoo.evaluation.restorers import OURS

__all__ = ["FAMILY", "OURS"]
