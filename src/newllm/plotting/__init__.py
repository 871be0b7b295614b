"""Every figure of the project, in one style and one set of colours.

Importing this costs nothing: matplotlib is imported by the first figure that is drawn.
"""

from newllm.plotting.training_curves import draw_training_curves

__all__ = ["draw_training_curves"]
