"""An effect as a reader wants it: points of accuracy, factors, with signs and units."""

import math
from collections.abc import Callable

MINUS = "\N{MINUS SIGN}"
ROUNDED_UP = -math.log10(0.995)  # a mantissa from 9.95 on is written as 10.0
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def effect_text(value: float, unit: str) -> str:
    """An effect without its unit's name; a difference of decades is the factor that it stands for.

    Args:
        value: In the claim's unit.
        unit: The claim's.

    Example:
        >>> effect_text(0.0123, "points"), effect_text(-1.9, "decades")
        ('+1.23', '×0.0126')
    """
    return _FORMATS[unit](value)


def factor(decades: float) -> str:
    """Ten to the power of the decades.

    Args:
        decades: Any; from four on, either way, in scientific notation.
    """
    if abs(decades) < 4:
        return f"×{_plain(10**decades)}"
    exponent = math.floor(decades + ROUNDED_UP)
    mantissa = f"{max(10 ** (decades - exponent), 1):.1f}·".removeprefix("1.0·")
    return f"×{mantissa}10{str(exponent).translate(SUPERSCRIPTS)}"


def tick_text(value: float, unit: str) -> str:
    """A round effect, as short as it is.

    Args:
        value: In the claim's unit.
        unit: The claim's.
    """
    text = effect_text(value, unit)
    return text.rstrip("0").rstrip(".") if "." in text else text


def p_text(p_value: float) -> str:
    """A p value with its sign of equality.

    Args:
        p_value: From 0 to 1.
    """
    return "p < 0.001" if p_value < 0.001 else f"p = {min(p_value, 1):.2g}"


def signed(value: float, digits: int) -> str:
    """A number with its sign; zero has none.

    Args:
        value: Any.
        digits: After the point.
    """
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", MINUS)


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}".rstrip(".")


_FORMATS: dict[str, Callable[[float], str]] = {
    "points": lambda value: signed(100 * value, 2),
    "fraction": lambda value: signed(value, 3),
    "decades": factor,
    "nats": lambda value: signed(value, 3),
    "epochs": lambda value: signed(value, 1),
}
