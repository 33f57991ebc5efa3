"""What makes Lightning's loop cheaper without changing a bit: the only place where Lightning's own parts are bent."""
