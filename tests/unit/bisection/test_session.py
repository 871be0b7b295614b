"""Bisections of a small program: what is found, what is not, and that nothing of the user's is touched."""

import hashlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

import newllm
from newllm.bisection.begin import stored_bisection
from newllm.bisection.result import Bisection, Stage, Trial
from newllm.bisection.session import Watcher
from newllm.checksum import read_checked
from newllm.errors import UserError

MISTAKE = ("return 2 * math.exp(-rate * step)", "return 2 * math.exp(-rate * min(step, 20))")
HARMLESS = [('"""A loss that falls."""', '"""A loss."""'), ('print("trained")', 'print("done")')]


def bisected(run: Path, sound: Path, **known: object) -> Bisection:
    return newllm.bisect(run, against=sound, **{"budget": 120, **known})  # type: ignore[arg-type]


def stages(found: Bisection) -> list[Stage]:
    return [one.stage for one in found.trials]


def places(found: Bisection) -> list[str]:
    return [one.place for one in found.cause]


def digest(directory: Path) -> dict[str, str]:
    """Return what each file below a directory holds, and when it was written."""
    return {
        str(path): f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_mtime_ns}"
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_one_mistake_among_harmless_edits_is_found_and_nothing_of_the_users_is_touched(
    project, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    sound = project.train("sound")
    for before, after in [*HARMLESS, MISTAKE, ("STEPS = 200", "STEPS = 210")]:
        project.change(before, after)
    project.write({"spare.py": "x = 1\n"})
    run = project.train("today")
    before = digest(project.path)
    found = bisected(run, sound)
    assert places(found) == ["train.py:19"]
    assert (found.ended, found.sufficient, found.necessary) == ("cause", True, True)
    assert found.cause[0].there == ("    return 2 * math.exp(-rate * step) + 0.2 + random.gauss(0, 0.02)\n",)
    assert stages(found)[:2] == ["sound", "all"]
    assert stages(found)[-1] == "without"
    assert found.trials[-1].identical
    assert found.repeats
    after = digest(project.path)
    assert after.pop(str(run / "bisection.json"))
    assert after == before
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_mistake_in_an_option(project) -> None:
    sound = project.train("sound", "--lr", "0.02")
    project.change(*HARMLESS[1])
    run = project.train("today", "--lr=0.0001", "--fast")
    found = bisected(run, sound)
    assert places(found) == ["--lr"]
    assert (found.cause[0].here, found.cause[0].there) == (("--lr=0.0001",), ("--lr", "0.02"))
    assert found.necessary


def test_a_rename_in_two_hunks_with_a_mistake_in_one_of_them(project) -> None:
    sound = project.train("sound")
    project.change(
        "def loss_of(step, rate):\n    return 2 * math.exp(-rate * step)", "def cost(step, rate):\n    return 2"
    )
    project.change("loss=loss_of(step", "loss=cost(step")
    project.change(*HARMLESS[1])
    found = bisected(project.train("today"), sound)
    assert sorted(one.place for one in found.changes) == ["train.py:18", "train.py:19", "train.py:24", "train.py:25"]
    assert places(found) == ["train.py:19"]
    assert found.necessary


def test_a_mistake_that_needs_a_renaming_is_told_from_it(project) -> None:
    sound = project.train("sound")
    project.change("(step, rate)", "(step, speed)")
    project.change("-rate * step", "-speed * min(step, 20)")
    project.change(*HARMLESS[1])
    found = bisected(project.train("today"), sound)
    assert places(found) == ["train.py:19"]
    assert [one.place for one in found.smallest if one not in found.cause] == ["train.py:18"]
    assert "train.py:18 only renames what it uses" in str(found)
    failed = [one for one in found.trials if one.outcome == "failed"]
    assert [(one.steps, one.seconds) for one in failed] == [(0, 0.0)] * len(failed)  # they were not run
    assert "NameError: name 'speed' is not defined" in failed[0].printed[-1]


def test_parts_of_a_mistake_that_fail_alone_are_one_cause(project) -> None:
    sound = project.train("sound")
    project.change("STEPS = 200\n", "STEPS = 200\nLAST = 20\n")
    project.change("-rate * step", "-rate * min(step, LAST)")
    project.change(*HARMLESS[1])
    found = bisected(project.train("today"), sound)
    assert sorted(places(found)) == ["train.py:16", "train.py:20"]
    assert found.necessary
    failed = [one for one in found.trials if one.outcome == "failed"]
    assert "NameError" in failed[0].printed[-1]


def test_a_new_name_in_several_lines_is_no_part_of_the_cause(project) -> None:
    project.change(
        'print("trained")\n', 'last = step\n    other = last + 1\n    print("trained", last, other - last)\n'
    )
    sound = project.train("sound")
    project.change("STEPS = 200\n", "STEPS = 200\nLAST = 20\n")
    project.change("-rate * step", "-rate * min(step, LAST)")
    for before, after in (("last = step", "end = step"), ("= last + 1", "= end + 1")):
        project.change(before, after)
    project.change('"trained", last, other - last', '"trained", end, other - end')
    found = bisected(project.train("today"), sound)
    assert sorted(places(found)) == ["train.py:16", "train.py:20"]
    assert not found.carried


def test_lines_that_need_each_other_and_change_nothing_are_no_part_of_the_cause(project) -> None:
    project.change('    print("trained")', '    last = step\n    print("trained", last + 1)')
    sound = project.train("sound")
    project.change("STEPS = 200\n", "STEPS = 200\nLAST = 20\n")
    project.change("-rate * step", "-rate * min(step, LAST)")
    project.change('    last = step\n    print("trained", last + 1)', '    ends = step + 1\n    print("trained", ends)')
    found = bisected(project.train("today"), sound)
    assert sorted(places(found)) == ["train.py:16", "train.py:20"]


def test_two_mistakes_of_which_each_is_enough(project) -> None:
    sound = project.train("sound")
    project.change(*MISTAKE)
    project.change("loss=loss_of(step, given.lr)", "loss=loss_of(min(step, 20), given.lr)")
    found = bisected(project.train("today"), sound)
    assert len(found.cause) == 1
    assert found.necessary is False
    assert "Not necessary" in str(found)


def test_a_change_that_parts_less_is_not_blamed(project) -> None:
    """A learning rate that was lowered on purpose parts too, but not half as far as the mistake."""
    sound = project.train("sound", "--lr", "0.02")
    project.change("return 2 * ", "return 3 + 2 * ")
    found = bisected(project.train("today", "--lr", "0.005"), sound)
    assert [one.outcome for one in found.trials if one.changes == (1,)] == ["otherwise"], found.as_dict()
    assert places(found) == ["train.py:19"]


def test_where_no_loss_parts_it_is_told_which_change_brings_about_what_is_given(project) -> None:
    project.change(
        "loss=loss_of(step, given.lr))", "loss=loss_of(step, given.lr), rows=ROWS, learning_rate=RATE * HALF)"
    )
    project.change("STEPS = 200", "STEPS = 200\nROWS = 32\n\n\ndef name():\n    pass\n\n\nRATE = 0.1\nHALF = 1.0")
    sound = project.train("sound")
    for before, after in (("ROWS = 32", "ROWS = 16"), ("RATE = 0.1", "RATE = 0.2"), *HARMLESS):
        project.change(before, after)
    found = bisected(project.train("today"), sound)
    assert found.ended == "given"
    assert found.cause == ()
    assert {what: [found.changes[number - 1].place for number in numbers] for what, numbers in found.brings} == {
        "rows": ["train.py:16"],
        "learning_rate": ["train.py:23"],
    }
    said = str(found)
    assert said.startswith("No loss or measure parts")
    assert "train.py:23 brings about: learning rate 0.2 (there 0.1; from step 1 on)." in said
    assert "is the cause" not in said
    assert str(stored_bisection(project.path / "runs" / "today")) == said


def test_what_two_changes_bring_about_together_is_told_of_both(project) -> None:
    project.change("loss=loss_of(step, given.lr))", "loss=loss_of(step, given.lr), rows=max(FEW, MANY))")
    project.change("STEPS = 200", "STEPS = 200\nFEW = 32\n\n\ndef name():\n    pass\n\n\nMANY = 32")
    sound = project.train("sound")
    project.change("FEW = 32", "FEW = 16")
    project.change("MANY = 32", "MANY = 16")
    found = bisected(project.train("today"), sound)
    assert dict(found.brings) == {"rows": (1, 2)}
    assert "train.py:16 and train.py:23 bring about together: " in str(found)


def test_a_mistake_that_is_seen_with_the_seed_of_the_run_alone(project) -> None:
    sound = project.train("sound")
    project.change("math.exp(-rate * step)", "math.exp(-rate * (min(step, 20) if given.seed == 7 else step))")
    project.change(*HARMLESS[1])
    found = bisected(project.train("today", "--seed", "7"), sound)
    assert places(found) == ["train.py:19"]
    assert found.seeded
    assert found.necessary
    assert "all these trials have that of the run (--seed)" in str(found)
    again = bisected(project.path / "runs" / "today", sound)
    assert [one.as_dict() for one in again.trials] == [one.as_dict() for one in found.trials]


def test_a_program_that_draws_without_a_seed_is_said_to(project) -> None:
    project.change("random.seed(given.seed)", "random.seed()")
    sound = project.train("sound")
    project.change(*MISTAKE)
    found = bisected(project.train("today"), sound)
    assert places(found) == ["train.py:19"]
    assert found.repeats is False
    assert "does not have the same losses to the bit" in str(found)


def test_a_sound_program_that_does_not_repeat_is_said_with_what_moved(project, monkeypatch) -> None:
    project.change("random.gauss(0, 0.02)", "random.gauss(0, 0.02) + LEVEL")
    project.change("STEPS = 200\n", "import os\nSTEPS, LEVEL = 200, float(os.environ.get('LEVEL', '0'))\n")
    sound = project.train("sound")
    project.change(*MISTAKE)
    run = project.train("today")
    monkeypatch.setenv("LEVEL", "1")
    monkeypatch.setenv("TINY_VERSION", "1.1")
    found = bisected(run, sound)
    assert (found.ended, found.cause, stages(found)) == ("not-the-sound-run", (), ["sound"])
    assert found.moved == (("tiny", "1.0", "1.1"),)
    assert "tiny 1.1 (there 1.0)" in str(found)
    monkeypatch.delenv("LEVEL")
    assert bisected(run, sound).ended == "cause"  # a second call tries again


def test_a_sound_program_that_is_given_something_else_is_not_the_sound_run(project, monkeypatch) -> None:
    project.change("loss=loss_of(step, given.lr)", "loss=loss_of(step, given.lr), learning_rate=RATE")
    project.change("STEPS = 200\n", "import os\nSTEPS, RATE = 200, float(os.environ.get('RATE', '0.1'))\n")
    sound = project.train("sound")
    project.change(*MISTAKE)
    run = project.train("today")
    monkeypatch.setenv("RATE", "0.2")
    found = bisected(run, sound)
    assert found.ended == "not-the-sound-run"
    assert "learning rate 0.2 (there 0.1" in str(found)


def test_what_shows_late_with_the_sound_seed_is_looked_for_to_the_end(project) -> None:
    project.change("STEPS = 200\n", "STEPS, WRONG = 200, 20 if given.seed == 2 else 120\n")
    sound = project.train("sound")
    project.change("return 2 * ", "return (step > WRONG) + 2 * ")
    found = bisected(project.train("today", "--seed", "2"), sound)
    assert stages(found) == ["sound", "all", "sound", "all"]
    assert [one.horizon for one in found.trials] == [found.trials[0].horizon] * 2 + [200] * 2
    assert found.trials[0].horizon < 120
    assert places(found) == ["train.py:19"]


def test_a_sound_program_that_fails_is_said_with_what_it_printed(project) -> None:
    project.write({"needed.txt": "1"})
    project.change("STEPS = 200\n", "STEPS = 200\nopen('needed.txt')\n")
    sound = project.train("sound")
    project.change(*MISTAKE)
    run = project.train("today")
    (project.path / "needed.txt").unlink()
    found = bisected(run, sound)
    assert found.ended == "not-the-sound-run"
    assert "No such file or directory: 'needed.txt'" in str(found)


def test_a_seed_alone_is_no_change_of_the_program(project) -> None:
    project.change("random.gauss(0, 0.02)", "random.gauss(0, 0.02) + (given.seed - 1)")
    sound = project.train("sound")
    found = bisected(project.train("today", "--seed", "2"), sound)
    assert (found.ended, found.trials) == ("outside", ())
    assert [one.place for one in found.seeds] == ["--seed"]
    assert "The seed differs (--seed)" in str(found)


def test_changes_that_do_not_bring_it_about_lie_outside(project) -> None:
    project.change("random.gauss(0, 0.02)", "random.gauss(0, 0.02) + (given.seed - 1)")
    sound = project.train("sound")
    project.change(*HARMLESS[1])
    found = bisected(project.train("today", "--seed", "2"), sound)
    assert (found.ended, stages(found)) == ("outside", ["sound", "all", "sound", "all"][: len(found.trials)])


def test_all_changes_that_fail_today_leave_it_unresolved(project) -> None:
    sound = project.train("sound")
    project.write({"today.txt": ""})
    project.change("STEPS = 200\n", "STEPS = 200\nopen('today.txt')\n")
    project.change(*MISTAKE)
    run = project.train("today")
    (project.path / "today.txt").unlink()
    found = bisected(run, sound)
    assert found.ended == "unresolved"
    assert "today.txt" in str(found)


def test_a_loss_that_is_no_number_is_a_symptom(project) -> None:
    sound = project.train("sound")
    project.change("random.gauss(0, 0.02)", "random.gauss(0, 0.02 if step < 60 else math.nan)")
    project.change(*HARMLESS[1])
    found = bisected(project.train("today"), sound)
    assert places(found) == ["train.py:19"]
    assert found.necessary


def test_a_directory_that_was_prepared_is_run_in(pair, project, tmp_path: Path) -> None:
    run, sound = pair
    own = tmp_path / "prepared"
    own.mkdir()
    moved = project.path.rename(tmp_path / "moved")  # the program's own directory is not needed then
    run, sound = (moved / "runs" / one.name for one in (run, sound))
    found = bisected(run, sound, inside=own)
    assert places(found) == ["train.py:19"]
    assert sorted(one.name for one in own.iterdir()) == ["tiny.py", "train.py"]


def test_cells_of_a_notebook_are_run_as_a_file(pair, edit_program) -> None:
    run, sound = pair
    for one in (run, sound):
        files = read_checked(one / "program.json")["files"]
        cells = files.pop("train.py").replace('default="runs/sound"', 'default="runs/cells"')
        edit_program(one, main="notebook.py", arguments=[], files={"notebook.py": cells, **files})
    assert places(bisected(run, sound)) == ["notebook.py:19"]


class _Stopped(Watcher):
    """Raises Ctrl-C after a trial."""

    def __init__(self, after: int) -> None:
        self.left = after

    def starts(self, stage: Stage, changes: Sequence[int]) -> None:
        del stage, changes
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1


class _Counted(Watcher):
    def __init__(self) -> None:
        self.trials: list[Trial] = []

    def tried(self, trial: Trial, bisection: Bisection) -> None:
        del bisection
        self.trials.append(trial)


@pytest.fixture
def pair(project) -> tuple[Path, Path]:
    """Two runs, the first with a mistake and a harmless edit."""
    sound = project.train("sound")
    project.change(*MISTAKE)
    project.change(*HARMLESS[1])
    return project.train("today"), sound


def test_it_goes_on_after_a_stop(pair) -> None:
    run, sound = pair
    with pytest.raises(KeyboardInterrupt):
        bisected(run, sound, watcher=_Stopped(2))
    kept = stored_bisection(run)
    assert (kept.ended, stages(kept)) == (None, ["sound", "all"])
    assert "No verdict yet" in str(kept)
    watcher = _Counted()
    found = bisected(run, sound, watcher=watcher)
    assert places(found) == ["train.py:19"]
    assert [one.stage for one in watcher.trials] == ["search", "without"]
    assert stored_bisection(run) == Bisection.from_dict(found.as_dict())
    again = _Counted()
    assert places(bisected(run, sound, watcher=again)) == ["train.py:19"]
    assert again.trials == []


def test_other_programs_begin_anew(pair, project) -> None:
    run, sound = pair
    bisected(run, sound)
    project.change(MISTAKE[1], MISTAKE[0])
    watcher = _Counted()
    found = bisected(run, project.train("other"), watcher=watcher)
    assert watcher.trials[0].stage == "sound"
    assert found.ended == "cause"


def test_the_time_is_up_in_the_middle_of_a_trial(project, monkeypatch) -> None:
    project.change(
        "        writer.write(", "        time.sleep(float(os.environ.get('SLOW', 0)))\n        writer.write("
    )
    project.change("STEPS = 200\n", "import os, time\nSTEPS = 200\n")
    sound = project.train("sound")
    project.change(*MISTAKE)
    run = project.train("today")
    monkeypatch.setenv("SLOW", "0.1")
    began = time.monotonic()
    found = bisected(run, sound, budget=3)
    assert time.monotonic() - began < 8
    assert (found.ended, found.trials) == ("out-of-time", ())


def test_a_trial_leaves_no_process_behind(project, monkeypatch) -> None:
    marker = f"marker-{os.getpid()}"
    started = f"subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)  # {marker}'])"
    project.change(
        "STEPS = 200\n", f"import os, subprocess, sys\nSTEPS = 200\nif 'CHILD' in os.environ:\n    {started}\n"
    )
    sound = project.train("sound")
    project.change(*MISTAKE)
    run = project.train("today")
    monkeypatch.setenv("CHILD", "1")
    assert bisected(run, sound).ended == "cause"
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert marker not in listed


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda run, _: (run / "bisection.json").write_text("{}"), "bisection.json' is damaged"),
        (lambda run, _: (run / "bisection.json").write_text('{"schema": 1'), "bisection.json' is damaged"),
        (lambda run, _: (run / "program.json").write_text("{"), "program.json' is damaged"),
        (lambda _, sound: (sound / "program.json").write_text("{}"), "program.json' is damaged"),
        (lambda run, _: (run / "program.json").unlink(), "keeps no program"),
    ],
)
def test_what_is_damaged_is_one_line(pair, damage, said: str) -> None:
    run, sound = pair
    damage(run, sound)
    with pytest.raises(UserError, match=said) as error:
        bisected(run, sound)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"arguments": ["--api-key", "..."]}, "held a secret"),
        ({"arguments": ["--api-key=..."]}, "held a secret"),
        ({"root": "/nowhere/at/all", "directory": "/nowhere/at/all"}, "is gone"),
        ({"files": {"train.py": "", "../../x.py": ""}}, "a file above its directory"),
        ({"main": "other.py"}, "too large to keep"),
        ({"main": "tiny.py"}, "give two runs of one program"),
        ({"files": {"train.py": "%matplotlib inline\n"}}, "is no Python"),
    ],
)
def test_a_program_that_cannot_be_run_is_refused(pair, edit_program, changed: dict[str, object], said: str) -> None:
    run, sound = pair
    edit_program(sound, **changed)
    with pytest.raises(UserError, match=said):
        bisected(run, sound)


def test_two_runs_are_needed_that_part(pair, project) -> None:
    run, sound = pair
    with pytest.raises(UserError, match="is the run that it is held against"):
        bisected(run, run)
    with pytest.raises(UserError, match="nothing that was recorded differs"):
        bisected(project.train("later", "--seed", "3"), run)
    with pytest.raises(UserError, match="is no directory"):
        bisected(run, sound / "nowhere")


def test_a_module_that_is_imported_from_elsewhere_is_said(project, tmp_path: Path, monkeypatch) -> None:
    """The program puts another place before its own, as an installed package may."""
    installed = tmp_path / "installed"
    installed.mkdir()
    (installed / "cost.py").write_text("FACTOR = 1\n")
    project.write({"cost.py": "FACTOR = 1\n"})
    first = "if 'INSTALLED' in os.environ:\n    sys.path.insert(0, os.environ['INSTALLED'])"
    project.change("STEPS = 200\n", f"import os, sys\n{first}\nfrom cost import FACTOR\nSTEPS = 200\n")
    kept = 'files = {one.name: one.read_text() for one in sorted(HERE.glob("*.py"))}'
    loaded = "[Path(one.__file__) for one in [*sys.modules.values()] if getattr(one, '__file__', None)]"
    project.change(kept, f"files = {{one.name: one.read_text() for one in {loaded} if one.parent == HERE}}", "tiny.py")
    sound = project.train("sound")
    project.write({"cost.py": "FACTOR = 5\n"})
    project.change("rate * step", "rate * step / FACTOR")
    run = project.train("today")
    monkeypatch.setenv("INSTALLED", str(installed))
    found = bisected(run, sound)
    assert (found.ended, found.missing) == ("elsewhere", ("cost.py",))
    assert "imports cost.py from elsewhere" in str(found)


def test_what_it_prints_as_data_is_what_it_keeps(pair) -> None:
    run, sound = pair
    found = bisected(run, sound)
    kept = json.loads((run / "bisection.json").read_text())
    kept.pop("sha256")
    assert kept == json.loads(json.dumps(found.as_dict()))


RATE = "given.lr)", 'float(Path("rate.csv").read_text()))'


def test_data_that_were_made_right_before_the_run_are_in_the_copies(project) -> None:
    project.change(*RATE)
    project.change("import random\n", "import random\nfrom pathlib import Path\n")
    project.write({"rate.csv": "0.02"})
    sound = project.train("sound")
    project.write({"rate_v2.csv": "0.001"})
    project.change("rate.csv", "rate_v2.csv")
    project.change(*HARMLESS[1])
    run = project.train("today")
    found = bisected(run, sound)
    assert (found.ended, found.cause[0].here[0].strip()) == (
        "cause",
        'writer.write(step, loss=loss_of(step, float(Path("rate_v2.csv").read_text())))',
    )
    assert found.notices == ()


def test_what_the_runs_wrote_is_not_in_the_copies(project) -> None:
    project.change("import random\n", "import random\nfrom pathlib import Path\n")
    project.change("STEPS = 200", 'STEPS = 200\nFIRST = 190 if Path("last.csv").exists() else 0')
    project.change("loss_of(step, given", "loss_of(step + FIRST, given")
    project.change('    print("trained")', '    Path("log.csv").write_text("1")\nPath("last.csv").write_text("1")')
    sound = project.train("sound")
    (project.path / "last.csv").unlink()
    project.change(*MISTAKE)
    found = bisected(project.train("today"), sound)
    assert found.ended == "cause"
    told = [(one.id, one.parameters["names"]) for one in found.notices]
    assert told == [("bisect-left-out", ["log.csv"]), ("bisect-left-out-after", ["last.csv"])]
