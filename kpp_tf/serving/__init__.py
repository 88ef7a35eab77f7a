"""The generator outside Python's training loop: SavedModel, TFLite, client, load."""
