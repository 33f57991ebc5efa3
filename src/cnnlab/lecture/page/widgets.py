"""What the page's scripts make interactive: their data in every language, and the frames of a slider."""

import json
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from cnnlab.lecture.page.drawings import svg_pair
from cnnlab.lecture.page.languages import Pair, merged, pair_of
from cnnlab.lecture.study import Shown

Widget = Mapping[str, Any]


def widget_views(section: str, shown: Pair[Shown], texts: Pair[Any]) -> list[dict[str, Any]]:
    """The section's widgets, with captions.

    Args:
        section: Its name.
        shown: A `Shown` for each language.
        texts: The study's.
    """
    views = []
    for name in shown.en.widgets:
        widgets = Pair(*(each.widgets[name] for each in shown))
        kind: str = widgets.en["kind"]
        identity = f"{section}-{name}"
        view: dict[str, Any] = {
            "id": identity,
            "kind": kind,
            "caption": pair_of(texts, "widgets", name),
        }
        views.append(view | (_frames(identity, widgets) if kind == "frames" else {"data": _data(widgets)}))
    return views


def embedded(content: Any) -> Markup:
    """A value as JSON that can stand in a `<script>`: no character of it has a meaning for HTML or JavaScript.

    Args:
        content: Of json's types.
    """
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _data(widgets: Pair[Widget]) -> Markup:
    return embedded(merged(*(json.loads(json.dumps(widget)) for widget in widgets)))  # a tuple is a list there


def _frames(identity: str, widgets: Pair[Widget]) -> dict[str, Any]:
    frames = []
    for index in range(len(widgets.en["frames"])):
        figures = Pair(*(widget["frames"][index]["figure"] for widget in widgets))
        label = pair_of(widgets, "frames", index, "label")
        svgs = svg_pair(figures, f"{identity}-{index}", f"{identity}-label-{index}")
        frames.append({"label": label, "svgs": svgs})
    return {"label": pair_of(widgets, "label"), "frames": frames, "start": widgets.en["start"]}
