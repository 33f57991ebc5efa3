"""The command line: what is checked before a run, how it ends, and how errors read."""
