"""The native model of lm-evaluation-harness against the harness's own wrapper around an export, and `newllm eval`."""

import json
import math
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

pytest.importorskip("lm_eval", reason="needs newllm[eval]; .ci/slow runs these in an environment that has it")
pytest.importorskip("transformers", reason="needs newllm[hf]; .ci/slow runs these in an environment that has it")

from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from tests.unit.integrations.test_folder import run_of

import newllm.hf  # noqa: F401 - makes the exports known
from newllm.api.loaded import load
from newllm.errors import UserError
from newllm.integrations.lm_eval.model import NewllmLM
from newllm.integrations.lm_eval.tasks import FOLDER, generate
from newllm.integrations.transformers.folder import export_run, import_folder

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # what the harness imports
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

BODIES = ["stack", "cell", "attention"]
SHARED = "the dog ran over the hill and the cat sat on the mat; "
PAIRS = [
    ("", "the cat"),
    ("", "the cats"),
    *((SHARED + text, " on") for text in ("a", "b", "a cat and a dog")),
    *((SHARED + "a", text) for text in (" hill", " mat", " cat")),
    ("a cat ", "sat on the mat and the hill"),
    ("x", " y"),
]


def requests(*arguments):
    return [SimpleNamespace(args=one) for one in arguments]


def paths(tmp_path, **settings):
    run = run_of(tmp_path, **settings)
    run.model.embedding.weight.data.mul_(30)
    export_run(run, tmp_path / "folder", remote_code=True)
    return str(import_folder(tmp_path / "folder", tmp_path / "run").path), str(tmp_path / "folder")


def wrapper(folder, **settings):
    return HFLM(pretrained=folder, device="cpu", batch_size=3, max_length=4096, **settings)


@pytest.mark.parametrize("name", ["bytes", "bpe", "word"])
@pytest.mark.parametrize("body", BODIES)
def test_it_says_what_the_harness_wrapper_of_an_export_says(tmp_path, body, name):
    run, folder = paths(tmp_path, tokenizer_name=name, body=body)
    native, other = NewllmLM(run=run, batch_size=3, device="cpu"), wrapper(folder)
    found, expected = (lm.loglikelihood(requests(*PAIRS), disable_tqdm=True) for lm in (native, other))
    assert [nats for nats, _ in found] == pytest.approx([nats for nats, _ in expected], abs=1e-4)
    assert [greedy for _, greedy in found] == [greedy for _, greedy in expected]
    asked = [(context, {"until": ["\n"], "max_gen_toks": 9}) for context in ("a cat", SHARED, "the dog ran over")]
    texts = [lm.generate_until(requests(*asked), disable_tqdm=True) for lm in (native, other)]
    if name == "word":  # a word behind a prompt has a blank before it, which the wrapper does not decode
        texts[0] = [text.removeprefix(" ") for text in texts[0]]
    assert texts[0] == texts[1]
    # In rolling texts the wrapper reads the begin token twice unless it is to add none.
    texts = [SHARED * 20, "a cat", SHARED]
    found = native.loglikelihood_rolling(requests(*((text,) for text in texts)), disable_tqdm=True)
    other = wrapper(folder, add_bos_token=False)
    expected = other.loglikelihood_rolling(requests(*((text,) for text in texts)), disable_tqdm=True)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-4)


@pytest.mark.parametrize("body", BODIES)
def test_a_rolling_text_has_the_bits_per_byte_of_newllm_eval(tmp_path, body):
    run, _ = paths(tmp_path, tokenizer_name="bpe", body=body)
    text = SHARED * 100
    (tmp_path / "text.txt").write_text(text)
    (nats,) = NewllmLM(run=run, device="cpu").loglikelihood_rolling(requests((text,)), disable_tqdm=True)
    result = load(run, device="cpu").evaluate(tmp_path / "text.txt")
    assert -nats / math.log(2) / len(text) == pytest.approx(result.bits_per_byte, rel=1e-6)


def test_learned_positions_end(tmp_path):
    run, _ = paths(tmp_path, body="founding-transformer", positions=16)
    native = NewllmLM(run=run, batch_size="auto", device="cpu")
    scores = native.loglikelihood(requests(("a cat sat on", " t"), ("a", " cat sat on"), ("", "a")), disable_tqdm=True)
    alone = [native.loglikelihood(requests(pair), disable_tqdm=True)[0] for pair in [("a cat sat on", " t"), ("", "a")]]
    assert [scores[0][0], scores[2][0]] == pytest.approx([alone[0][0], alone[1][0]], abs=1e-5)
    with pytest.raises(UserError, match="16 learned positions"):
        native.loglikelihood(requests(("a cat sat on the mat", " and")), disable_tqdm=True)


def test_a_continuation_without_a_token_of_its_own_is_refused(tmp_path):
    run, _ = paths(tmp_path, tokenizer_name="word")
    native = NewllmLM(run=run, device="cpu")
    with pytest.raises(UserError, match=r"'!' has no token of its own behind '\.\.\.the mat'"):
        native.loglikelihood(requests(("the cat sat on the mat", "!")), disable_tqdm=True)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({}, "no run in model_args"),
        ({"run": "missing"}, "missing"),
        ({"run": ".", "pretrained": "x"}, "unknown 'pretrained'"),
        ({"batch_size": 0}, "batch_size is 0"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(tmp_path, arguments, match):
    if "run" not in arguments and arguments:
        arguments = {"run": paths(tmp_path)[0], **arguments}
    with pytest.raises(UserError, match=match) as caught:
        NewllmLM(device="cpu", **arguments)
    assert "\n" not in str(caught.value)


def test_the_data_of_the_tasks_is_what_their_script_writes():
    for name, content in generate.files(generate.SEED).items():
        assert (FOLDER / name).read_text() == content


def test_a_text_is_measured_as_it_is(tmp_path):
    text = '["a list, {{not}} a template"]\n\n'
    (tmp_path / "text.json").write_text(text)
    manager = TaskManager(include_path=str(FOLDER), metadata={"text": str(tmp_path / "text.json")})
    task = manager.load(["newllm_text"])["tasks"]["newllm_text"]
    (document,) = task.test_docs()
    assert task.doc_to_target(document) == text


def harness(tmp_path, command, *arguments):
    """Run a command line of the harness offline; return its results by task and what it wrote on standard error."""
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    out = tmp_path / f"results-{len(list(tmp_path.glob('results-*')))}"
    where = ["--output_path", str(out), "--device", "cpu", "--batch_size", "4"]
    command = [sys.executable, "-m", command, "run", *arguments, *where]
    done = subprocess.run(command, env=os.environ | offline, capture_output=True, text=True, check=False)
    paths = [*out.glob("*.json"), *out.glob("*/*.json")]
    assert len(paths) == (not done.returncode), done.stderr
    return {
        name: value for path in paths for name, value in json.loads(path.read_text())["results"].items()
    }, done.stderr


def test_both_command_lines_give_the_same_results_offline(tmp_path):
    run, folder = paths(tmp_path)
    (tmp_path / "text.txt").write_text(SHARED * 30)
    metadata = json.dumps({"text": str(tmp_path / "text.txt")})
    tasks = ["--tasks", "newllm_mqar,newllm_blimp,newllm_text", "--metadata", metadata]
    found, _ = harness(tmp_path, "newllm.lm_eval", "--model", "newllm", "--model_args", f"run={run}", *tasks)
    given, ours = f"pretrained={folder},trust_remote_code=True,max_length=4096", ["--include_path", str(FOLDER)]
    rolling, _ = harness(
        tmp_path, "lm_eval", "--model", "hf", "--model_args", f"{given},add_bos_token=False", *tasks, *ours
    )
    bits = [results["newllm_text"]["bits_per_byte,none"] for results in (found, rolling)]
    assert bits[0] == pytest.approx(bits[1], rel=1e-6)
    assert found["newllm_blimp"]["acc,none"] == rolling["newllm_blimp"]["acc,none"]
    recall, _ = harness(tmp_path, "lm_eval", "--model", "hf", "--model_args", given, "--tasks", "newllm_mqar", *ours)
    assert found["newllm_mqar"]["acc,none"] == recall["newllm_mqar"]["acc,none"]


def test_a_mistake_at_the_command_line_is_one_line(tmp_path):
    run, _ = paths(tmp_path)
    model = ["--model", "newllm", "--model_args", f"run={run}"]
    _, error = harness(tmp_path, "newllm.lm_eval", *model, "--tasks", "newllm_text")
    assert error.splitlines()[-1] == 'newllm: newllm_text needs a text: --metadata \'{"text": "FILE"}\''
    assert "Traceback" not in error
    (tmp_path / "pairs.jsonl").write_text('{"sentence_good": "a"}\n')
    given = ["--tasks", "newllm_blimp", "--metadata", json.dumps({"blimp": str(tmp_path / "pairs.jsonl")})]
    assert "line 1 must be a JSON object" in harness(tmp_path, "newllm.lm_eval", *model, *given)[1]
