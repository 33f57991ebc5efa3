import pytest

from cnnlab.bench.contenders import Epoch
from cnnlab.bench.measure import Measurement, Setting
from cnnlab.bench.present import NAMES, draw_bars, format_startup, format_table, summarise, summarise_startup
from cnnlab.bench.startup import Startup

SECONDS = {"plain": 9.0, "nchw": 5.0, "compiled_nchw": 4.0, "bare": 2.0, "lightning": 2.0, "floor": 1.0}


def measured(setting: Setting, seconds: dict[str, float]) -> list[Measurement]:
    compile_s = {"compiled_nchw": 12.5}
    return [
        Measurement(name, setting, Epoch(each - 0.5, 0.5, 1000), 0.1, compile_s.get(name, 0.0))
        for name, each in seconds.items()
    ]


def test_ratios_are_medians_of_paired_repetitions():
    setting, repetitions = Setting(64, 2), []
    for plain, bare, lightning in ((20.0, 4.0, 5.0), (40.0, 8.0, 8.0), (24.0, 4.0, 4.0)):
        times = {"plain": plain, "nchw": 2 * lightning, "bare": bare, "lightning": lightning, "floor": 2.0}
        for name, seconds in times.items():
            repetitions.append(Measurement(name, setting, Epoch(seconds - 1, 1.0, 1000), 0.1))
    rows = {row["contender"]: row for row in summarise(repetitions)}
    assert rows["lightning"]["speedup"]["median"] == 5.0
    assert rows["lightning"]["over_bare"]["median"] == 1.0
    assert rows["nchw"]["over_ours"]["median"] == 2.0
    assert rows["plain"]["epoch_s"]["median"] == 24.0
    assert rows["bare"]["step_ms"]["median"] == 3.0
    assert "speedup" not in rows["floor"]
    assert "5.00" in format_table(list(rows.values()))


def test_compiling_is_shown_apart_from_the_epoch():
    rows = summarise(measured(Setting(64, 1), SECONDS))
    (line,) = [line for line in format_table(rows).splitlines() if NAMES["compiled_nchw"] in line]
    assert line.split()[-1] == "12.5"
    assert "  4.00  (4.00–4.00)" in line


def test_settings_are_apart_in_the_table():
    rows = summarise([*measured(Setting(64, 1), SECONDS), *measured(Setting(64, 2), SECONDS)])
    lines = format_table(rows).splitlines()
    assert [index for index, line in enumerate(lines) if not line] == [1 + len(SECONDS)]
    assert lines[-1].split()[:2] == ["64", "2"]


@pytest.mark.parametrize("left_out", [None, "compiled_nchw"])
def test_every_panel_of_the_chart_has_the_contenders_of_its_setting(left_out: str | None):
    fewer = {name: seconds for name, seconds in SECONDS.items() if name != left_out}
    settings = [Setting(size, threads) for size in (64, 1024) for threads in (1, 2)]
    measurements = [each for setting in settings[:3] for each in measured(setting, fewer)]
    figure = draw_bars(summarise([*measurements, *measured(settings[3], SECONDS)]))
    panels = figure.axes
    assert [panel.get_title(loc="left") for panel in panels] == list(map(str, settings))
    assert [len(panel.patches) for panel in panels] == [5 - (left_out is not None)] * 3 + [5]
    widths = {bar.get_y() + bar.get_height() / 2: bar.get_width() for bar in panels[3].patches}
    labels = dict(zip(panels[0].get_yticks(), (text.get_text() for text in panels[0].get_yticklabels()), strict=True))
    assert {labels[place]: width for place, width in widths.items()} == {
        NAMES[name]: seconds for name, seconds in SECONDS.items() if name != "floor"
    }


def test_the_start_ups_ratio_is_the_median_of_pairs():
    summary = summarise_startup([Startup(5.0, 6.0), Startup(10.0, 10.0), Startup(4.0, 4.4)])
    assert summary["over_bare"]["median"] == 1.1
    assert format_startup(summary).endswith("after 6.00 s, import of torch and lightning 5.00 s, ratio 1.10")
