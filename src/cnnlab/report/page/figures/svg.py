"""Figures as files, and as SVG that stands in a page beside others."""

import io
import re
import warnings
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

from cnnlab.report.page.figures.style import VARIABLES

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
ElementTree.register_namespace("", SVG)
ElementTree.register_namespace("xlink", XLINK)
NO_GROUND, WHITE_GROUND = b'style="fill: none"', b'style="fill: #ffffff"'  # the first style in a file is its ground's
_DRAWN: WeakKeyDictionary[Figure, bytes] = WeakKeyDictionary()


def save_png(figure: Figure, path: Path) -> None:
    """Writes a figure on white, at 150 dots an inch.

    Args:
        figure: Any.
        path: The file.
    """
    _save(figure, path, {}, format="png", dpi=150, facecolor="white", metadata={"Software": None})


def save_svg(figure: Figure, path: Path, name: str) -> None:
    """Writes a figure on white, with its texts as text; the same figure gives the same bytes.

    Args:
        figure: Any.
        path: The file.
        name: Seeds the ids.
    """
    path.write_bytes(_svg(figure, name).replace(NO_GROUND, WHITE_GROUND, 1))


def inline_svg(figure: Figure, name: str, title: str) -> str:
    """A figure as an `<svg>` element for a page: the page's font, CSS variables for colours, ids like no other's.

    Args:
        figure: Drawn with the colours of `cnnlab.report.page.figures.style`.
        name: Unique on the page; its ids begin with it.
        title: What a screen reader says.
    """
    root = ElementTree.fromstring(_svg(figure, name))
    for parent in root.iter():
        for child in list(parent):
            if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style"):  # its rules would hold for the whole page
                parent.remove(child)
    referenced = set(re.findall(r"#([\w-]+)", " ".join(value for element in root.iter() for value in _links(element))))
    for element in root.iter():
        _adapt(element, name, referenced)
    _shorten(root)
    width, height = (float(root.attrib.pop(side).removesuffix("pt")) for side in ("width", "height"))
    root.attrib |= {
        "role": "img", "aria-label": title,
        "style": f"--natural:{width * 4 / 3:.0f}px;aspect-ratio:{width:g}/{height:g}",
    }  # fmt: skip
    return ElementTree.tostring(root, encoding="unicode")


def _adapt(element: ElementTree.Element, name: str, referenced: set[str]) -> None:
    identity = element.attrib.pop("id", None)
    if identity in referenced:
        element.set("id", f"{name}-{identity}")
    for key in (f"{{{XLINK}}}href", "clip-path"):
        if key in element.attrib:
            element.set(key, re.sub(r"(?<![\w])#", f"#{name}-", element.attrib[key]))
    for key in ("d", "x", "y", "transform"):  # a hundredth of a point is enough, and half the bytes
        if key in element.attrib:
            short = re.sub(r"-?\d+\.\d{3,}", lambda match: f"{float(match.group()):.2f}", element.attrib[key])
            element.set(key, " ".join(short.split()))
    if re.match(r"rotate\(-?0 ", element.get("transform", "")):  # matplotlib's of every text
        del element.attrib["transform"]
    style = element.get("style", "")
    style = re.sub(r"#[0-9a-f]{6}", lambda color: _variable(color.group()), style)
    style = re.sub(r"font-family: [^;]*;?\s*", "", style)
    style = re.sub(r"font: ([^;]*?)([\d.]+px) [^;]*", _font, style)
    if style:
        element.set("style", style)


def _shorten(element: ElementTree.Element) -> None:
    """Leaves out indentation, and groups that hold nothing or only hold something."""
    children: list[ElementTree.Element] = []
    for child in element:
        _shorten(child)
        if child.tag == f"{{{SVG}}}g" and not child.attrib:
            children.extend(child)
        else:
            children.append(child)
    for child in children:
        child.tail = None
    element[:] = children
    _share_style(element)
    if element.tag != f"{{{SVG}}}text":
        element.text = None


def _share_style(element: ElementTree.Element) -> None:
    """Gives a group the style that all its elements have, which inherit it: the many points of a line, for example."""
    styles = {child.get("style", "") for child in element}
    if element.tag != f"{{{SVG}}}g" or "style" in element.attrib or len(element) < 2 or len(styles) > 1:
        return
    (style,) = styles
    if style and not re.search(r"(^|;)\s*(opacity|clip-path)", style):  # these are of the whole group
        element.set("style", style)
        for child in element:
            del child.attrib["style"]


def _links(element: ElementTree.Element) -> list[str]:
    return [element.get(f"{{{XLINK}}}href", ""), element.get("clip-path", ""), element.get("style", "")]


def _variable(color: str) -> str:
    return f"var(--{VARIABLES[color]})" if color in VARIABLES else color


def _font(declaration: re.Match[str]) -> str:
    style, size = declaration.groups()
    return f"font-size: {size}" + ("; font-weight: bold" if "bold" in style else "")


def _svg(figure: Figure, name: str) -> bytes:
    """The figure without a ground, drawn once: the page and the file have the same."""
    if figure in _DRAWN:
        return _DRAWN[figure]
    buffer = io.BytesIO()
    empty = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    _save(
        figure,
        buffer,
        {"svg.fonttype": "none", "svg.hashsalt": name},
        format="svg",
        facecolor="none",
        metadata=empty,
    )
    _DRAWN[figure] = buffer.getvalue()
    return _DRAWN[figure]


def _save(figure: Figure, target: Any, settings: dict[Any, Any], **options: Any) -> None:
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(settings)
        warnings.filterwarnings("ignore", "Glyph .* missing")  # without a Korean font; a browser has one
        figure.savefig(target, **options)
