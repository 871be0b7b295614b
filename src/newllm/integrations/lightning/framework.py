"""The base of callbacks, from whichever of Lightning's two packages is here: each takes the other's."""

try:
    from lightning.pytorch import Callback
except ImportError:  # the older name
    from pytorch_lightning import Callback

__all__ = ["Callback"]
