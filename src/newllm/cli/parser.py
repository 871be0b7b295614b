"""argparse whose mistakes are one line: it that quotes the input and says how to fix it."""

import argparse
import difflib
import re
from pathlib import Path
from typing import Any, NoReturn

from newllm.demo import PREFIX, demo_run
from newllm.errors import UserError
from newllm.messages import Catalogue, catalogue


class Parser(argparse.ArgumentParser):
    """Raises UserError where argparse would print its usage and exit."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        """Raise the mistake as one line."""
        raise UserError(f"{_plain(message)}: see {self.prog} --help")

    def parse_strictly(self, arguments: list[str]) -> argparse.Namespace:
        """Parse; name the nearest option for one that does not exist.

        Raises:
            UserError: the arguments are not of the command's form.
        """
        parsed, strangers = self.parse_known_args(arguments)
        if not strangers:
            return parsed
        actions = self.actions_of(arguments)
        if not strangers[0].startswith("-"):
            taken = [str(action.metavar or action.dest) for action in actions if not action.option_strings]
            known = f"one {taken[0]} at a time" if len(taken) == 1 else f"only {' '.join(taken) or 'options'} are taken"
            raise UserError(f"{known}: drop '{strangers[0]}'")
        given = strangers[0].split("=")[0]
        known = [option for action in actions for option in action.option_strings]
        near = difflib.get_close_matches(given, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UserError(f"unknown option '{strangers[0]}': {hint}see {self.prog} --help")

    def actions_of(self, arguments: list[str]) -> list[argparse.Action]:
        """Return the options of the command that the arguments name."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction) and arguments and arguments[0] in action.choices:
                return action.choices[arguments[0]]._actions
        return self._actions


def language_of(arguments: argparse.Namespace) -> Catalogue:
    """Return the words of the language that --lang names, English without it.

    The locale has no say, for scripts read what is printed. JSON always has English sentences beside their ids.

    Raises:
        UserError: there is no such language.
    """
    return catalogue(arguments.lang or "en")


def run_named(given: str) -> str:
    """Return the path that a run is named by: `demo:NAME` is a run of the packaged demo.

    Raises:
        argparse.ArgumentTypeError: the demo has none of that name.
    """
    if not given.startswith(PREFIX):
        return given
    try:
        return str(demo_run(given))
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def config_named(given: str) -> str:
    """Return the file of settings that is named: `demo:NAME` is that of a run of the packaged demo.

    Raises:
        argparse.ArgumentTypeError: the demo has none of that name.
    """
    return str(Path(run_named(given)) / "config.toml") if given.startswith(PREFIX) else given


def _plain(message: str) -> str:
    """Put argparse's words in our order."""
    choice = re.match(r"argument (?:\w+): invalid choice: '(.*?)' \(choose from (.*)\)", message)
    if choice:
        known = re.findall(r"[\w-]+", choice[2])
        near = difflib.get_close_matches(choice[1], known, n=1, cutoff=0.4)
        return f"unknown command '{choice[1]}'" + (f" (did you mean '{near[0]}'?)" if near else "")
    return re.sub(r"^argument ", "", message)
