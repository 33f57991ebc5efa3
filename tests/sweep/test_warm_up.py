"""The server that forks the jobs starts while the sweep is planned, once, and ends with it."""

from dataclasses import dataclass, field

import pytest
from omegaconf import OmegaConf

from cnnlab.sweep.engines import fork_server
from hydra_plugins.cnnlab_plugins.local import LocalLauncher

CONFIG = OmegaConf.create({"seed": 3})


@dataclass
class Planted:
    """Of a server: what it was started with, and whether it runs."""

    threads: int
    config: str
    is_closed: bool = field(default=False)

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def servers(monkeypatch):
    started = []

    def start(threads: int, config: str) -> Planted:
        started.append(Planted(threads, config))
        return started[-1]

    monkeypatch.setattr(fork_server, "Server", start)
    return started


def make() -> LocalLauncher:
    launcher = LocalLauncher(n_jobs=1, threads_per_job=1, timeout_s=None)
    launcher.config = OmegaConf.create({"trainer": {"accelerator": "cpu"}})
    return launcher


def test_the_engine_has_the_server_that_was_started_before(servers):
    launcher = make()
    launcher.warm_up(CONFIG)
    assert [each.config for each in servers] == ["seed: 3\n"]
    engine = launcher.make_engine(OmegaConf.create({"seed": 4}))
    launcher.close()
    assert [each.is_closed for each in servers] == [False]
    engine.close()
    assert [each.is_closed for each in servers] == [True]


def test_the_next_stage_starts_its_own(servers):
    launcher = make()
    launcher.warm_up(CONFIG)
    launcher.make_engine(CONFIG).close()
    launcher.make_engine(CONFIG).close()
    assert [each.is_closed for each in servers] == [True, True]


def test_a_launcher_of_the_same_sweep_takes_it_over(servers):
    first, second = make(), make()
    first.warm_up(CONFIG)
    second.take_over(first)
    first.close()
    assert [each.is_closed for each in servers] == [False]
    second.make_engine(CONFIG).close()
    assert [each.is_closed for each in servers] == [True]


def test_what_no_engine_has_is_ended(servers):
    launcher = make()
    launcher.warm_up(CONFIG)
    launcher.close()
    launcher.close()
    assert [each.is_closed for each in servers] == [True]
