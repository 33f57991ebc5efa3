"""A composed config: its axes, the allowed values, and whether two configs are the same experiment."""
