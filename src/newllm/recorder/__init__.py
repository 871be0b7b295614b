"""The signals that a study or a diagnosis reads, measured on any torch model; knows no trainer.

recorder          all of them, written while anyone's loop runs
layers            gradient norm of each layer
update_ratio      how far an update moves each layer
activation_scale  how large the output of each layer is
contexts          how long the context vectors are, and how they grow
context_view      each context after each token of a text, and how much of it each token keeps
recall            which writes a read of matrices found
lyapunov          how fast the recurrence forgets or magnifies a disturbance
token_classes     the loss split by unknown words, ends and the rest
"""

from newllm.recorder.activation_scale import ActivationScale
from newllm.recorder.context_view import ContextView, Passage
from newllm.recorder.contexts import ContextRecorder, growth_per_step, norm_by_position, summarise
from newllm.recorder.layers import gradient_norms, total
from newllm.recorder.lyapunov import lyapunov_exponents, model_exponents
from newllm.recorder.recall import Writes, write_shares, write_weights
from newllm.recorder.recorder import Recorder, record
from newllm.recorder.token_classes import ClassCount, Predictions, TokenClasses, predictions
from newllm.recorder.update_ratio import UpdateRatio

__all__ = [
    "ActivationScale",
    "ClassCount",
    "ContextRecorder",
    "ContextView",
    "Passage",
    "Predictions",
    "Recorder",
    "TokenClasses",
    "UpdateRatio",
    "Writes",
    "gradient_norms",
    "growth_per_step",
    "lyapunov_exponents",
    "model_exponents",
    "norm_by_position",
    "predictions",
    "record",
    "summarise",
    "total",
    "write_shares",
    "write_weights",
]
