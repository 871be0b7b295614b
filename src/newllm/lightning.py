"""newllm inside Lightning.

    import newllm.lightning

    trainer = lightning.Trainer(callbacks=[newllm.lightning.Recorder(out="runs/mine")])
    verdict = newllm.replay(newllm.lightning.loop(trainer, module, loader))      # in the place of trainer.fit

It needs the extra: pip install 'newllm[lightning]'. With pytorch_lightning, the older name, it works as well.
"""

import importlib.util

from newllm.extras import check_installed

PACKAGE = next(
    (name for name in ("lightning", "pytorch_lightning") if importlib.util.find_spec(name) is not None), "lightning"
)
check_installed(PACKAGE.replace("_", "-"), extra="lightning", lowest="2.5", below="2.7")

from newllm.integrations.lightning.loop import loop  # noqa: E402
from newllm.integrations.lightning.recorder import Recorder  # noqa: E402

__all__ = ["Recorder", "loop"]
