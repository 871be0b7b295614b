"""What a program calls the directory that it recorded to is no difference."""

from dataclasses import replace

import pytest

from newllm.bisection.hunks import changes_of_files
from newllm.bisection.programs import programs_of
from newllm.diagnosis.against.options import groups_of
from newllm.diagnosis.against.places import place_names, without_places
from newllm.diagnosis.against.program import is_same_program, program_differences
from newllm.trace.program import Program

CODE = 'import newllm\n\nnewllm.record(model, out="{out}")\nname = "{name}"\n'


def program(out: str, *arguments: str, code: str = CODE) -> Program:
    text = code.format(out=out, name=out.rpartition("/")[2])
    where = {"directory": "/here", "root": "/here", "out": f"/here/{out}"}
    return Program("train.py", arguments=arguments, files={"train.py": text}, **where)


@pytest.mark.parametrize("named", ["runs/bad", "./runs/bad", "runs/bad/", "/here/runs/bad"])
def test_a_path_in_the_code_is_known_however_it_is_written(named: str) -> None:
    both = program("runs/bad", code=f"record(out='{named}', data='runs/bad.csv')\n"), program("runs/sound")
    found, _ = without_places(*both)
    assert found.files["train.py"] == "record(out='OUT', data='runs/bad.csv')\n"


def test_another_place_is_neither_a_difference_nor_a_change() -> None:
    code = 'newllm.record(model, out="{out}")\n'
    sound, run = program("runs/sound", "runs/sound", code=code), program("runs/bad", "runs/bad", code=code)
    assert is_same_program(run, sound)
    assert program_differences(run, sound, ()) == []
    assert programs_of(sound, run).changes == ()
    by_name = replace(run, arguments=("bad",)), replace(sound, arguments=("sound",))
    assert program_differences(*by_name, ()) == []
    assert programs_of(by_name[1], by_name[0]).changes == ()


def test_what_is_no_place_stays_a_difference() -> None:
    sound, run = program("runs/sound", "1e-3"), program("runs/bad", "1e-2")
    assert not is_same_program(run, sound)
    said = [str(one.said) for one in program_differences(run, sound, ())]
    assert len(said) == 2
    assert any("1e-2" in one for one in said)
    assert any('name = "bad"' in one or "name = 'bad'" in one for one in said)
    assert [one.place for one in programs_of(sound, run).changes] == ["1e-2", "train.py:4"]
    other = replace(run, arguments=("runs/sound",))  # it reads what the sound one writes
    assert any("#1" in str(one.said) for one in program_differences(other, sound, ()))


def test_a_place_that_is_called_by_a_number_is_no_number_elsewhere() -> None:
    code = 'newllm.record(model, out="{out}")\n'
    sound = program("runs/1", "--n_layer", "2", code=code)
    for out in ("runs/2", "runs/3"):
        run = program(out, "--n_layer", "2", code=code)
        assert program_differences(run, sound, ()) == []
        assert programs_of(sound, run).changes == ()
    (one,) = program_differences(program("runs/2", "--n_layer", "1", code=code), sound, ())
    assert str(one.said) == "--n_layer 1 (there 2)"


def test_where_the_place_was_not_kept_all_of_it_is_told() -> None:
    sound, run = (replace(program(out), out="") for out in ("runs/sound", "runs/bad"))
    assert place_names(run) == frozenset()
    assert len(program_differences(run, sound, ())) == 2


def test_each_value_of_a_settings_file_is_a_change_by_itself() -> None:
    there, here = "model:\n  width: 16\n  'lr': 0.1\nrest: a\n", "model:\n  width: 24\n  'lr': 1.0\nother: b\n"
    changes, _ = changes_of_files({"a.yaml": there}, {"a.yaml": here})
    assert [one.place for one in changes] == ["a.yaml:2"]  # the third line is another name
    changes, _ = changes_of_files({"a.yaml": there}, {"a.yaml": here.replace("other: b", "rest: b")})
    assert [one.place for one in changes] == ["a.yaml:2", "a.yaml:3", "a.yaml:4"]


def test_a_setting_behind_the_value_of_an_option_is_one_of_its_own() -> None:
    found = groups_of(["--config", "a.yaml", "out=runs/a", "--set", "x=1", "y=2", "-n", "1", "2"])
    names = [(one.name, one.words) for one in found]
    assert names[:2] == [("--config", ("--config", "a.yaml")), ("out", ("out=runs/a",))]
    assert names[2:] == [("--set", ("--set", "x=1")), ("y", ("y=2",)), ("-n", ("-n", "1", "2"))]


ASKED = 'parser.add_argument("--out", default="runs/1")\nnewllm.record(model, out=parser.parse_args().out)\n'


def asked(out: str, *arguments: str, code: str = ASKED) -> Program:
    return Program("a.py", arguments=arguments, files={"a.py": code}, directory="/h", root="/h", out=f"/h/{out}")


def test_a_literal_that_one_of_the_runs_recorded_to_is_no_difference() -> None:
    sound, run = asked("runs/1"), asked("runs/2", "--out", "runs/2")
    assert is_same_program(run, asked("runs/1", "--out", "runs/1"))
    for pair in ((run, sound), (sound, run)):
        assert program_differences(*pair, ()) == []
    assert is_same_program(asked("runs/2", "--data", "runs/1"), asked("runs/1", "--data", "runs/1"))


def test_a_statement_with_such_a_literal_is_quoted_as_it_stands() -> None:
    sound = asked("runs/1")
    run = asked("runs/2", code=ASKED.replace('default="runs/1"', 'default="runs/2", type=Path'))
    (one,) = program_differences(run, sound, ())
    assert "default='runs/2', type=Path" in str(one.said)
    assert "default='runs/1')" in str(one.said)
    other = replace(sound, out="/h/runs/0", files={"a.py": ASKED.replace("runs/1", "runs/0")})
    assert one.what == program_differences(run, other, ())[0].what  # held against several it is one difference
    begins = asked("runs/2", "--begin", "runs/1"), asked("runs/1", "--begin", "runs/0")
    (one,) = program_differences(*begins, ())  # the sound run's weights, where that began with others
    assert str(one.said) == "--begin runs/1 (there runs/0)"
    loads, other = asked("runs/2", code='load("runs/1")\n'), asked("runs/1", code='load("x")\n')
    (one,) = program_differences(loads, other, ())
    assert "load('runs/1')" in str(one.said)


def test_a_statement_that_only_moved_with_such_a_literal_is_no_change_of_it() -> None:
    code = ("def f():\n    go()\n", "def g():\n    stop()\n    again()\n")
    place = "    record(model, optimizer, out='{}')\n"
    sound = asked("runs/1", code=code[0] + place.format("runs/1") + code[1])
    run = asked("runs/2", code=code[0] + code[1] + place.format("runs/2"))
    assert all("OUT" not in str(one.said) for one in program_differences(run, sound, ()))
