"""Your own images: a folder of pictures, a .npy or .npz file, or `tfds:NAME`."""
