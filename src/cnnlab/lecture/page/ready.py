"""What a page that is there already has inside."""

import json
import re
from typing import Any

NETWORK = re.compile(r'<script type="application/json" id="network-data">(.*?)</script>', re.DOTALL)


def embedded_network(page: str) -> dict[str, Any] | None:
    """The live network of a page that `render` has made; None if it has none.

    Args:
        page: HTML.
    """
    found = NETWORK.search(page)
    network: dict[str, Any] | None = json.loads(found[1]) if found else None
    return network
