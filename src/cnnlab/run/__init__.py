"""One run: its folder, its status, its result, and how a config becomes one."""
