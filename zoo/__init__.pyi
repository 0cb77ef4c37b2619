# The public surface, for type checkers, and for `__init__.py`, which imports each name lazily.
from . import datasets as datasets
from . import distribution as distribution
from . import errors as errors
from . import evaluation as evaluation
from . import latents as latents
from . import losses as losses
from . import masks as masks
from .errors import ZooError as ZooError
from .exporting.export import export as export
from .hub.cards import ModelCard as ModelCard
from .hub.loading import build as build
from .hub.loading import info as info
from .hub.loading import list_models as list_models
from .hub.loading import load as load
from .hub.registry import register as register
from .hub.sharing import push as push
from .hub.specs import Recipe as Recipe
from .images import grids as pictures
from .images import restoring as picture_files
from .models.conditional import ConditionalModel as ConditionalModel
from .models.conditional_dcgan import ConditionalDCGAN as ConditionalDCGAN
from .models.dcgan import DCGAN as DCGAN
from .models.inpainting_gan import InpaintingGAN as InpaintingGAN
from .models.unconditional import AdversarialModel as AdversarialModel
from .models.vanilla_gan import VanillaGAN as VanillaGAN
from .training.checkpoint_callback import Checkpoint as Checkpoint
from .training.health import HealthCallback as HealthCallback
from .training.run import train as train
from .training.tensorboard_logger import TensorBoardLogger as TensorBoardLogger
from .training.wandb_logger import WandbLogger as WandbLogger

# The modules above that have another name here; the other names re-export themselves.
__all__ = ["picture_files", "pictures"]
__version__: str
