from cnnlab.bench.contenders import Epoch
from cnnlab.bench.measure import Measurement, Setting
from cnnlab.bench.present import format_startup, format_table, summarise, summarise_startup
from cnnlab.bench.startup import Startup


def test_ratios_are_medians_of_paired_repetitions():
    setting, repetitions = Setting(64, 2), []
    for plain, bare, lightning in ((20.0, 4.0, 5.0), (40.0, 8.0, 8.0), (24.0, 4.0, 4.0)):
        times = {"plain": plain, "bare": bare, "lightning": lightning, "floor": 2.0}
        for name, seconds in times.items():
            repetitions.append(Measurement(name, setting, Epoch(seconds - 1, 1.0, 1000), 0.1))
    rows = {row["contender"]: row for row in summarise(repetitions)}
    assert rows["lightning"]["speedup"]["median"] == 5.0
    assert rows["lightning"]["over_bare"]["median"] == 1.0
    assert rows["plain"]["epoch_s"]["median"] == 24.0
    assert rows["bare"]["step_ms"]["median"] == 3.0
    assert "speedup" not in rows["floor"]
    assert "5.00" in format_table(list(rows.values()))


def test_the_start_ups_ratio_is_the_median_of_pairs():
    summary = summarise_startup([Startup(5.0, 6.0), Startup(10.0, 10.0), Startup(4.0, 4.4)])
    assert summary["over_bare"]["median"] == 1.1
    assert format_startup(summary).endswith("after 6.00 s, import of torch and lightning 5.00 s, ratio 1.10")
