"""KM and DKM, and the Gaussian memories that they write."""
