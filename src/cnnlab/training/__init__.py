"""Training: the LightningModule, its callbacks, and the files that it writes."""
