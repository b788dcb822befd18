"""The command line `stepgym`: every command is a module of its own, imported when it is called."""

from stepgym.cli.application import main

__all__ = ["main"]
