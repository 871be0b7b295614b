from newllm.training.budget import Budget, hardly_any, with_steps
from newllm.training.config import RunConfig


def test_a_budget_that_buys_hardly_anything_is_remarked_on() -> None:
    one, enough = (with_steps(RunConfig(), steps) for steps in (1, 20))
    (line,) = hardly_any(Budget(seconds=40), one)
    assert line.startswith("only 1 update fits into 40 s")
    assert hardly_any(Budget(seconds=40), enough) == []
    assert hardly_any(Budget(steps=1), one) == []
