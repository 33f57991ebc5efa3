"""How fast an epoch of the lecture's experiment is, and against what. It imports nothing: imports are measured."""
