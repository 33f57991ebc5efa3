"""Real clusters of this one machine, on loopback."""
