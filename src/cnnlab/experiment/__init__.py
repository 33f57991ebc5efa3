"""A composed config as a value: its axes, what each value may be, and whether two configs are the same experiment."""
