from hydra.types import HydraContext, RunMode

from cnnlab.experiment.loader import SettledLoader, settled
from tests.experiment.configs import hydra_loader


def test_each_job_is_settled_by_its_own_choice():
    with hydra_loader() as hydras:
        loader = SettledLoader(hydras)
        typed = ["experiment=accurate,speedrun", "optimizer=muon,adadelta"]
        sweep = loader.load_configuration("train", typed, RunMode.MULTIRUN)
        lr = {
            (experiment, optimizer): loader.load_sweep_config(
                sweep, [f"experiment={experiment}", f"optimizer={optimizer}"]
            ).optimizer.lr
            for experiment in ("accurate", "speedrun")
            for optimizer in ("muon", "adadelta")
        }
        assert lr == {
            ("accurate", "muon"): 0.01,
            ("accurate", "adadelta"): 1.0,
            ("speedrun", "muon"): 0.003,
            ("speedrun", "adadelta"): 1.0,
        }
        assert loader.list_groups("hydra") == hydras.list_groups("hydra")
        assert loader.get_group_options("pool") == ["avg", "max", "stride"]
        assert loader.get_search_path() is hydras.get_search_path()


def test_a_context_is_settled_once():
    with hydra_loader() as hydras:
        once = settled(HydraContext(config_loader=hydras, callbacks=None))  # type: ignore[arg-type]
        assert settled(once) is once
