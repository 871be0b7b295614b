"""newllm's models in EleutherAI's lm-evaluation-harness: `--model newllm`, and tasks that need no network.

    python -m newllm.lm_eval run --model newllm --model_args run=RUN --batch_size auto --tasks newllm_blimp

is the harness's own command, which does not find models of other packages by itself; `import newllm.lm_eval` makes
`lm_eval.simple_evaluate(model="newllm", model_args={"run": RUN})` work. Both need: pip install 'newllm[eval]'.
"""

import sys

from newllm.errors import UserError
from newllm.extras import check_installed, check_present

try:
    check_installed("lm_eval", extra="eval", lowest="0.4.13", below="0.5")
    check_present("torch", extra="eval")
    from newllm.integrations.lm_eval.model import NewllmLM
    from newllm.integrations.lm_eval.tasks import FOLDER as TASKS
except UserError as error:
    if __name__ != "__main__":
        raise
    print(f"newllm: {error}", file=sys.stderr)
    sys.exit(2)

__all__ = ["TASKS", "NewllmLM"]


def main() -> int:
    """Run the harness's command line with newllm's model and tasks in it."""
    from lm_eval.__main__ import cli_evaluate

    if len(sys.argv) > 2 and not any(argument.startswith("--include_path") for argument in sys.argv):
        sys.argv += ["--include_path", str(TASKS)]
    try:
        cli_evaluate()
    except UserError as error:
        print(f"newllm: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
