"""The command line: one small file a command, loaded only when it is the one that was asked for.

``nightwatt mark`` goes first, before anything else is imported: its time stamp is the moment it was called.
"""

from __future__ import annotations

import keyword
import sys
import time
from typing import TYPE_CHECKING

_CALLED_NS = time.monotonic_ns()

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import typer

COMMANDS = {
    "check": "Say what this machine can measure and what is in the way, each with the remedy.",
    "plan": "Show order, finish clock and disk of a protocol, and the smallest effect that it can see.",
    "rehearse": "Go through a protocol's whole night in seconds: simulated sensors, fake workloads.",
    "run": "Execute a protocol as a night of real runs.",
    "resume": "Go on with a night that was stopped: exactly what was left.",
    "status": "Say how a night stands, from another terminal.",
    "report": "Compare the configurations of a night, or of several: headline, tables, figures, one page.",
    "power": "Say how many runs a wanted difference needs, by the scatter of a night that is there.",
    "estimate": "Foretell a run's energy early or beforehand, and say how true such guesses were.",
    "import": "Make a night of what others measured by hand: EnergiBridge, CodeCarbon, a table.",
    "new": "Write a commented workload or protocol that runs as it stands.",
    "block": "Execute one block of a night on this node: what a cluster's task calls.",
    "mark": "Leave a mark in a run, from a workload that is a shell script.",
}
"""Every command with its one sentence, in the order in which a night needs them."""


def application(asked: str | None) -> typer.Typer:
    """The command line with ``asked`` loaded and every other command known by its name and sentence only."""
    from importlib import import_module

    import typer

    from nightwatt.outcome import exits

    app = typer.Typer(
        help="Controlled, repeated energy measurements, and an answer to be believed.",
        epilog="nightwatt COMMAND --help says more. Begin with: nightwatt run demo",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )

    @app.callback()
    def _options(
        _version: bool = typer.Option(
            False, "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
        ),
    ) -> None: ...

    for name, sentence in COMMANDS.items():
        function = exits(import_module(f"nightwatt.{module(name)}").command) if name == asked else _unloaded(name)
        app.command(name, short_help=sentence)(function)
    return app


def module(name: str) -> str:
    """The module of a command; Python keeps the name of one for itself."""
    return f"{name}_" if keyword.iskeyword(name) else name


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with one of ``harness.errors.ExitCode``; standard input is left alone."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments[:1] == ["mark"]:
        from nightwatt import mark

        sys.exit(mark.main(arguments[1:], _CALLED_NS))

    from nightwatt.outcome import exits, refuse_platform

    asked = next((argument for argument in arguments if not argument.startswith("-")), None)

    @exits
    def start() -> None:
        if asked is not None:
            refuse_platform(sys.platform, asked)
        application(asked if asked in COMMANDS else None)(arguments, prog_name="nightwatt")

    start()


def _unloaded(name: str) -> Callable[[], None]:
    def placeholder() -> None:
        raise AssertionError(f"the command {name} was called without having been loaded")

    return placeholder


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"nightwatt {version('nightwatt')}")
        sys.exit(0)


if __name__ == "__main__":
    main()
