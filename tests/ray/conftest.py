"""A Ray cluster of three nodes on this machine: a head for the driver alone and two nodes for actors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest


class LocalCluster:
    """Nodes are processes here; killing one kills its actors with it, as when a machine loses power."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        small = {"object_store_memory": 80 * 2**20}
        self._small = small
        self._cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **small}
        )
        self.address: str = self._cluster.address
        self.refill()

    @property
    def nodes(self) -> list[str]:
        return [node.node_id for node in self._cluster.worker_nodes]

    def refill(self) -> None:
        while len(self._cluster.worker_nodes) < 2:
            self._cluster.add_node(num_cpus=2, **self._small)

    def kill_node(self, node_id: str) -> None:
        node = next(node for node in self._cluster.worker_nodes if node.node_id == node_id)
        self._cluster.remove_node(node, allow_graceful=False)

    def stop(self) -> None:
        self._cluster.shutdown()


@pytest.fixture(scope="session")
def started_cluster() -> Iterator[LocalCluster]:
    pytest.importorskip("ray", reason="needs the extra ray (`make test-ray`)")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = LocalCluster()
    yield cluster
    cluster.stop()


@pytest.fixture
def cluster(started_cluster: Any) -> Any:
    """Two nodes, whatever the test before has done to them."""
    started_cluster.refill()
    return started_cluster
