"""What people look at after a run: one self-contained HTML page, a terminal summary, one picture.

Everything is made from the files of a run folder alone (see `read_run`), with the standard library alone.
"""

from stepgym.report.figure import figure_svg
from stepgym.report.page import write_report
from stepgym.report.records import Run, Trace
from stepgym.report.run_files import read_run
from stepgym.report.terminal import terminal_report
from stepgym.report.traces import best_trace

__all__ = ["Run", "Trace", "best_trace", "figure_svg", "read_run", "terminal_report", "write_report"]
