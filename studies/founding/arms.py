"""The arms of the founding study: the document's five runs, and what tests its story.

Every arm but the document's own is paired with the document's run of the same seed and data set and trains
for longer, so that it can be compared at equal progress: a remedy that only delays the spike is none.
"""

from newllm.study.design import Arm

BASELINE, TRANSFORMER = "baseline", "transformer"
DOCUMENT_RUNS = (BASELINE, "experiment1", "experiment2", "experiment3", TRANSFORMER)
CONTEXT_RUNS = DOCUMENT_RUNS[:-1]

_LONGER = 100  # epochs of an arm that learns as fast as the document's runs, which have 50


def _arm(name: str, purpose: str, *settings: str, epochs: int = _LONGER, variant: str = "") -> Arm:
    return Arm(name, purpose, "founding-baseline", settings, epochs, variant, BASELINE)


def _transformer(name: str, purpose: str, *settings: str, epochs: int = _LONGER, variant: str = "") -> Arm:
    return Arm(name, purpose, "founding-transformer", settings, epochs, variant, TRANSFORMER)


_DOCUMENT = (
    Arm(BASELINE, "The document's baseline.", "founding-baseline"),
    Arm("experiment1", "The document's experiment 1: context 512.", "founding-experiment1", control=BASELINE),
    Arm(
        "experiment2", "The document's experiment 2: hidden 1024, 10 layers.", "founding-experiment2", control=BASELINE
    ),
    Arm(
        "experiment3",
        "The document's experiment 3: the same for 150 epochs.",
        "founding-experiment3",
        (),
        150,
        "",
        BASELINE,
    ),
    Arm(TRANSFORMER, "The document's Transformer.", "founding-transformer"),
)

_CONTEXT = (
    _arm(
        "zero-context",
        "The context is cut off: what still spikes does not spike by the context.",
        "model.body=zero-cell",
    ),
    _arm("norm-write", "Remedy: LayerNorm on the context as it is written.", "model.norm=write", epochs=200),
    _arm("norm-read", "LayerNorm on the context as it is read.", "model.norm=read"),
    _arm("gate", "Remedy: the document's update gate.", "model.rule=gated"),
    _arm("ema", "Remedy: the exponential moving average, 0.9.", "model.rule=ema"),
    _arm("dual", "Remedy: a short and a long context.", "model.rule=dual"),
    _arm("lstm-gates", "The LSTM's forget and input gates on the context.", "model.rule=lstm"),
)

_NETWORK = (
    _arm(
        "residual",
        "Residual connections and a norm inside the FNN; the additive context as it is.",
        "model.fnn=residual",
    ),
    _arm(
        "residual-scaled",
        "The same with depth-scaled initialisation.",
        "model.fnn=residual",
        "model.initialisation=scaled",
    ),
    _arm("init-he", "He initialisation: the signal keeps its size through the layers.", "model.initialisation=he"),
    _arm("init-fan-in", "N(0, 1/fan-in) instead of N(0, 0.02).", "model.initialisation=scaled"),
    *(_arm(f"layers-{n}", f"{n} FNN layer{'s' * (n > 1)} instead of 8.", f"model.layers={n}") for n in (1, 2, 4, 12)),
    *(_arm(f"hidden-{n}", f"FNN width {n} instead of 512.", f"model.hidden={n}") for n in (128, 1024)),
    _arm("dropout-off", "No dropout.", "model.dropout=0.0"),
)

_OPTIMIZER = (
    _arm("lr-half", "Remedy: half the learning rate.", "optimizer.learning_rate=5e-5", epochs=200),
    _arm("lr-tenth", "A tenth of the learning rate.", "optimizer.learning_rate=1e-5", epochs=600),
    _arm("warm-up", "100 updates of linear warm-up.", "optimizer.warmup=100", epochs=150),
    _arm("clip-half", "Remedy: clipping at 0.5.", "optimizer.clip=0.5"),
    _arm("clip-tenth", "Clipping at 0.1.", "optimizer.clip=0.1"),
    _arm("clip-none", "No clipping.", "optimizer.clip=0.0"),
    _arm("beta2-0.95", "Adam forgets its second moment 50 times faster.", "optimizer.beta2=0.95"),
    _arm(
        "epsilon-1e-4", "Adam's epsilon at the size of the plateau's gradients.", "optimizer.epsilon=1e-4", epochs=200
    ),
    _arm(
        "sgd",
        "SGD with momentum: no second moment.",
        "optimizer.name=sgd",
        "optimizer.learning_rate=0.3",
        epochs=200,
    ),
)

_DATA = (
    _arm("validation-known", "Validation without unknown words.", epochs=50, variant="validation-known"),
    _arm("word-dropout", "Unknown words are met in training: a tenth of the words.", "data.word_dropout=0.1"),
    _arm("sentences-124", "100 more training sentences.", epochs=50, variant="124"),
    _arm("sentences-500", "476 more training sentences.", epochs=50, variant="500"),
)

_TOGETHER = (
    _arm(
        "remedies-together",
        "The document's norm, gate, learning rate and clipping together.",
        "model.norm=write", "model.rule=gated", "optimizer.learning_rate=5e-5", "optimizer.clip=0.5",
        epochs=300,
    ),
)  # fmt: skip

_ON_THE_TRANSFORMER = (
    _transformer("transformer-lr-half", "Half the learning rate.", "optimizer.learning_rate=5e-5", epochs=150),
    _transformer("transformer-lr-x10", "Ten times the learning rate.", "optimizer.learning_rate=1e-3", epochs=50),
    _transformer("transformer-clip-half", "Clipping at 0.5.", "optimizer.clip=0.5", epochs=50),
    _transformer("transformer-word-dropout", "Unknown words are met in training.", "data.word_dropout=0.1", epochs=50),
)

ARMS = (*_DOCUMENT, *_CONTEXT, *_NETWORK, *_OPTIMIZER, *_DATA, *_TOGETHER, *_ON_THE_TRANSFORMER)
REMEDIES = ("norm-write", "lr-half", "clip-half", "gate", "ema", "dual")
QUICK = (*CONTEXT_RUNS[:3], TRANSFORMER, "zero-context", "norm-write", "gate", "residual", "beta2-0.95")
