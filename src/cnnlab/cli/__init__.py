"""The command line: checks before a run, exit codes and error messages."""
