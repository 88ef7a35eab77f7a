"""The models that Kanerva++ is compared with: VAE, VMA, DNC, KM and DKM."""
