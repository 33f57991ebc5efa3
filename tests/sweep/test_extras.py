import pytest

from cnnlab.errors import UserError
from cnnlab.sweep.extras import require


def test_a_package_that_is_missing_is_named_with_what_installs_it():
    require("slurm", "json")
    with pytest.raises(
        UserError, match=r"^slurm needs the package no_such_package; install it: pip install 'submitit>=[\d.]+'$"
    ):
        require("slurm", "no_such_package")
