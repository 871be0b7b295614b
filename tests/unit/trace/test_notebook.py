"""Notebooks: what fastai, Hugging Face's Trainer and plain loops leave in the outputs of cells."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from newllm.errors import UserError
from newllm.trace import Trace
from newllm.trace.readers import Chosen, read_log

# As fastai 2.8.12 with fastprogress 1.1.6, and transformers 5.24 with trl 1.16, left them; rows are left out.
BAR = "<style>\n    progress { appearance: none; }\n</style>\n"
FASTAI = (
    '<div><table class="fastprogress"><thead><tr><th>epoch</th><th>train_loss</th><th>valid_loss</th><th>accuracy</th>'
    "<th>time</th></tr></thead><tbody><tr><td>0</td><td>1.987953</td><td>1.306271</td><td>0.798000</td><td>00:00</td>"
    "</tr><tr><td>1</td><td>1.048574</td><td>0.246061</td><td>0.926000</td><td>00:00</td></tr></tbody></table></div>"
)
TRAINER = """
    <div>
      <progress value='120' max='120' style='width:300px; height:20px; vertical-align: middle;'></progress>
      [120/120 00:02, Epoch 3/3]
    </div>
    <table border="1" class="dataframe">
  <thead>
 <tr style="text-align: left;">
      <th>Step</th>
      <th>Training Loss</th>
      <th>Validation Loss</th>
      <th>Mean Token Accuracy</th>
    </tr>
  </thead>
  <tbody>
    <tr>
      <td>20</td>
      <td>2.214484</td>
      <td>2.187617</td>
      <td>0.524479</td>
    </tr>
    <tr>
      <td>40</td>
      <td>1.617915</td>
      <td>1.614120</td>
      <td>0.519300</td>
    </tr>
    <tr>
      <td>60</td>
      <td>No log</td>
      <td>1.460000</td>
      <td>0.537000</td>
    </tr>
  </tbody>
</table><p>"""


def printed(*texts: str) -> list[dict]:
    return [{"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)} for text in texts]


def shown(html: str) -> list[dict]:
    return [
        {"output_type": "display_data", "data": {"text/html": [html], "text/plain": ["<IPython.core.display.HTML>"]}}
    ]


def notebook(*cells: list[dict]) -> str:
    code = [
        {"cell_type": "code", "execution_count": at, "source": ["loss = 1"], "outputs": outputs}
        for at, outputs in enumerate(cells, start=1)
    ]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": ["# loss: 3"]}, *code], "nbformat": 4})


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Trace]:
    def written(text: str, run: str = "", **chosen: str) -> Trace:
        path = tmp_path / "a.ipynb"
        path.write_text(text)
        return read_log(Path(f"{path}{run}"), Chosen(chosen.get("loss"), chosen.get("step")))

    return written


def values(trace: Trace, name: str) -> dict[int, float]:
    series = trace.series(name)
    return dict(zip(series.step.tolist(), series.value.tolist(), strict=True))


def test_the_table_of_fastai_is_read(read: Callable[..., Trace]) -> None:
    trace = read(notebook(printed("step 1\n"), shown(BAR) + shown(FASTAI)))
    assert (trace.axis, set(trace.signals), trace.remarks) == (
        "epoch",
        {"loss", "validation_loss", "validation_accuracy"},
        (),
    )
    assert values(trace, "loss") == {0: 1.987953, 1: 1.048574}
    assert values(trace, "validation_loss") == {0: 1.306271, 1: 0.246061}


def test_the_table_of_the_trainer_is_read(read: Callable[..., Trace]) -> None:
    trace = read(notebook(shown(TRAINER)))
    assert trace.axis == "step"
    assert values(trace, "loss") == {20: 2.214484, 40: 1.617915}
    assert values(trace, "validation_loss") == {20: 2.187617, 40: 1.61412, 60: 1.46}
    assert values(trace, "validation_accuracy") == {20: 0.524479, 40: 0.5193, 60: 0.537}


LOOP = "".join(f"step {at}: loss {3 - at / 10}\n" for at in range(1, 13))


def test_what_a_cell_prints_in_pieces_is_one_log(read: Callable[..., Trace]) -> None:
    trace = read(notebook(printed(LOOP[:30], LOOP[30:])))
    assert values(trace, "loss") == {at: 3 - at / 10 for at in range(1, 13)}


def test_one_of_several_cells_is_read(read: Callable[..., Trace]) -> None:
    text = notebook(printed("7 rows\n"), shown(FASTAI) + shown(TRAINER), printed(LOOP))
    assert len(values(read(text), "loss")) == 12
    assert (
        str(read(text).left_out)
        == "(\"2 other runs, for '3' has the most values; name one as PATH#RUN: '3', '2.2', '2'\",)"
    )
    assert values(read(text, "#2"), "loss").keys() == {0, 1}
    assert values(read(text, "#2.2"), "loss").keys() == {20, 40}
    with pytest.raises(UserError, match=r"no run '9' in '.*a\.ipynb'"):
        read(text, "#9")


def test_a_column_may_be_chosen(read: Callable[..., Trace]) -> None:
    trace = read(notebook(printed(LOOP.replace("loss", "objective:"))), loss="objective")
    assert values(trace, "loss")[8] == 2.2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (notebook(printed("hello\n"), shown("<table><tr><td>")), "no cell of '.*' shows a loss"),
        ('{"cells": [', "is no notebook"),
        ('{"cells": ' + "[" * 100_000, "is no notebook"),
        ('{"cells": 3}', "no cell of"),
        (
            '{"cells": [3, {"outputs": 3}, {"outputs": [3, {"data": 3, "text": [3]}, {"data": {"text/html": 3}}]}]}',
            "no cell of",
        ),
    ],
)
def test_what_is_no_training_is_said_in_a_line(text: str, said: str, read: Callable[..., Trace]) -> None:
    with pytest.raises(UserError, match=said):
        read(text)


def test_other_json_is_no_notebook(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    path.write_text('{"loss": [2.5, 2.25], "val_loss": [3.0, 2.75]}')
    assert values(read_log(path), "loss") == {1: 2.5, 2: 2.25}
    path.write_text(notebook(printed(LOOP)))
    assert len(values(read_log(path), "loss")) == 12  # whatever its name
