"""One run: its folder, status and result, and its execution."""
