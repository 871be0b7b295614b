"""Every kind of finding is explained, and every cause has a term: read out of the code that makes them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import newllm.diagnosis
from newllm.diagnosis.causes.known import CAUSES
from newllm.messages import catalogue, quoted
from newllm.report.sections.findings import findings
from newllm.report.source import Source
from newllm.trace import SEVERITIES, Finding
from newllm.trace.verdict import EFFECT_CLASSES
from newllm.words.labels import evidence_label, term

DIAGNOSIS = Path(newllm.diagnosis.__file__).parent
EN, JA = catalogue("en"), catalogue("ja")
MODULES = sorted([*DIAGNOSIS.glob("detectors/*.py"), *DIAGNOSIS.glob("audits/*.py"), *DIAGNOSIS.glob("against/*.py")])


def kinds() -> set[str]:
    """Return every kind that a detector or an audit gives a finding."""
    return {kind for path in MODULES for kind in _kinds(ast.parse(path.read_text()))}


def causes() -> set[str]:
    """Return every name of a cause that a detector or an audit suggests."""
    return {name for path in MODULES for name in _suggested(ast.parse(path.read_text()))}


def _kinds(tree: ast.Module) -> Iterator[str]:
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id == "Finding":
                value = next(keyword.value for keyword in call.keywords if keyword.arg == "kind")
                found = list(_values(tree, function, value))
                assert found, f"the kind of a finding in {function.name} is not known: {ast.unparse(value)}"
                yield from found


def _values(tree: ast.Module, function: ast.FunctionDef, value: ast.expr) -> Iterator[str]:
    """Return the strings that an expression may be: a constant, one of two, a loop's variable, or an argument."""
    if isinstance(value, ast.Constant):
        yield str(value.value)
    elif isinstance(value, ast.IfExp):
        yield from _values(tree, function, value.body)
        yield from _values(tree, function, value.orelse)
    elif isinstance(value, ast.Name):
        yield from _bound(tree, function, value.id)


def _bound(tree: ast.Module, function: ast.FunctionDef, name: str) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.For) and isinstance(node.target, ast.Tuple) and isinstance(node.iter, ast.Tuple):
            at = [one.id for one in node.target.elts if isinstance(one, ast.Name)]
            if name in at:
                rows = [row for row in node.iter.elts if isinstance(row, ast.Tuple)]
                for row in rows:
                    yield from _values(tree, function, row.elts[at.index(name)])
        if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == name for one in node.targets):
            yield from _values(tree, function, node.value)
    arguments = [argument.arg for argument in function.args.args]
    if name in arguments:
        yield from _passed(tree, function, arguments.index(name))


def _passed(tree: ast.Module, function: ast.FunctionDef, place: int) -> Iterator[str]:
    for module in (tree, *_importing(function.name)):
        for caller in (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)):
            for call in (node for node in ast.walk(caller) if isinstance(node, ast.Call)):
                if isinstance(call.func, ast.Name) and call.func.id == function.name and len(call.args) > place:
                    yield from _values(module, caller, call.args[place])


def _importing(name: str) -> Iterator[ast.Module]:
    """Yield the modules that import a function of this name."""
    for tree in (ast.parse(path.read_text()) for path in MODULES):
        imported = (one.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for one in node.names)
        if name in imported:
            yield tree


def _suggested(tree: ast.Module) -> Iterator[str]:
    places = [node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "candidate_causes"]
    made = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "_causes"]
    for place in [*(one.value for one in places), *(part for one in made for part in one.body)]:
        for node in ast.walk(place):
            if isinstance(node, ast.Tuple):
                yield from (
                    one.value for one in node.elts if isinstance(one, ast.Constant) and isinstance(one.value, str)
                )


def is_japanese(text: str) -> bool:
    return any("\u3040" <= letter <= "\u9fff" for letter in text)


def test_the_kinds_that_are_read_out_of_the_code_are_those_that_we_know_of():
    assert {"spike", "diverged", "dead-units", "saturated-gates", "vanishing-signal", "leak"} <= kinds()
    assert {"worse-than-untrained", "stale-evaluation", "repeated-loss"} <= kinds()


def test_every_kind_of_finding_is_explained_in_both_languages():
    for words in (EN, JA):
        named = {name.removeprefix("finding-") for name in words.names if name.startswith("finding-")}
        assert kinds() == {kind for kind in named if f"finding-{kind}.explained" in words}


def test_an_explanation_is_one_to_three_sentences_that_fit_under_a_heading():
    for kind in kinds():
        assert 60 < len(EN(f"finding-{kind}.explained")) < 330, kind
        assert is_japanese(JA(f"finding-{kind}.explained")), kind
        assert JA(f"finding-{kind}.explained").endswith("。"), kind
        assert EN(f"finding-{kind}.explained").endswith("."), kind


def test_every_kind_cause_outcome_and_severity_has_a_japanese_term():
    names = kinds() | causes() | set(CAUSES) | set(EFFECT_CLASSES) | set(SEVERITIES)
    assert [name for name in sorted(names) if not is_japanese(term(JA, name)) and name != "beta2"] == []


def test_every_piece_of_evidence_has_a_japanese_label():
    names = {name for path in [*MODULES, *DIAGNOSIS.glob("*.py")] for name in _evidence(ast.parse(path.read_text()))}
    assert {"peak_step", "half_width", "part_of_loss", "log_update_jump"} <= names
    assert sorted(name for name in names if f"evidence-{name}" not in JA) == []
    assert evidence_label(JA, "peak_step") == "ピークのステップ"
    assert evidence_label(EN, "peak_step") == "peak step"


def _evidence(tree: ast.Module) -> Iterator[str]:
    """Yield the names of evidence: keys of what is given or assigned as `evidence`."""
    for node in ast.walk(tree):
        named = isinstance(node, ast.keyword) and node.arg == "evidence"
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        named = named or any(isinstance(one, ast.Name) and one.id == "evidence" for one in targets)
        if named and isinstance(node, ast.keyword | ast.Assign | ast.AnnAssign | ast.AugAssign) and node.value:
            made = [one for one in ast.walk(node.value) if isinstance(one, ast.Dict)]
            yield from (str(key.value) for one in made for key in one.keys if isinstance(key, ast.Constant))


def test_a_finding_on_a_japanese_page_is_explained_before_its_english_sentence():
    found = Finding(
        kind="spike", severity="warning", sentence=quoted("It jumps."), candidate_causes=("learning-rate", "new-one")
    )
    source = Source(Path("x"), "x", findings=(found,))
    section = findings(source, JA)
    assert section is not None
    html = section.html
    assert html.index(JA("finding-spike.explained")) < html.index('<span lang="en">It jumps.</span>')
    assert "<code>spike</code>" in html
    assert JA("signal_of", signal="learning-rate", part="学習率") + "、new-one" in html
    told = findings(source, EN)
    assert told is not None
    assert told.html.index("It jumps.") < told.html.index("The loss rose above its trend")
    assert "learning-rate, new-one" in told.html
