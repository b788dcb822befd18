"""What a run uses: by its control group, or by looking at its processes."""

from __future__ import annotations

from stepgym.verifiers.sandbox.control_groups import ControlGroup
from stepgym.verifiers.sandbox.limits import Limits, Stopped
from stepgym.verifiers.sandbox.process_tree import deleted_files_mb, proportional_mb, tree_use


class TreeGauge:
    """Samples a process and its descendants from now on; short peaks between two looks are not seen.

    Args:
        root: The process at the top.
        own: How many processes at the top belong to the sandbox and are not counted.
    """

    def __init__(self, root: int, *, own: int) -> None:
        self._root = root
        self._own = own
        use = tree_use(root)
        self._pids = use.pids[own:]
        self._cpu_before = use.cpu_seconds
        self.cpu_seconds = 0.0
        self.peak_memory_mb = 0.0

    def look(self, limits: Limits) -> Stopped:
        """Sample; the limit that is passed, or ""."""
        use = tree_use(self._root)
        self._pids = use.pids[self._own :]
        self.cpu_seconds = max(self.cpu_seconds, use.cpu_seconds - self._cpu_before)
        if use.tasks - self._own > limits.processes:
            return "processes"
        memory = use.memory_mb
        if memory > limits.memory_mb:  # Before anybody is killed for it, count shared pages once.
            memory = proportional_mb(self._pids) or 0.0
        self.peak_memory_mb = max(self.peak_memory_mb, memory)
        if memory > limits.memory_mb:
            return "memory"
        return "cpu" if self.cpu_seconds > limits.cpu_seconds else ""

    def hidden_mb(self) -> float:
        """MiB in files without a name that its processes held open at the last look."""
        return deleted_files_mb(self._pids)


class GroupGauge:
    """Reads the counters of a control group from now on; they miss nothing."""

    def __init__(self, group: ControlGroup, root: int) -> None:
        self._group = group
        self._root = root
        self._tree = TreeGauge(root, own=2)
        self._cpu_before = group.cpu_seconds() or 0.0
        self.cpu_seconds = 0.0
        self.peak_memory_mb = 0.0

    def look(self, limits: Limits) -> Stopped:
        """Read them; the limit that is passed, or ""."""
        stopped = self._group.over()
        cpu, peak = self._group.cpu_seconds(), self._group.peak_memory_mb()
        if cpu is None or peak is None:
            self._tree.look(limits)
        self.cpu_seconds = self._tree.cpu_seconds if cpu is None else cpu - self._cpu_before
        self.peak_memory_mb = self._tree.peak_memory_mb if peak is None else peak
        return stopped or ("cpu" if self.cpu_seconds > limits.cpu_seconds else "")

    def hidden_mb(self) -> float:
        """MiB in files without a name that its processes hold open."""
        return deleted_files_mb(tree_use(self._root).pids)
