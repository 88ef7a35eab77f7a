"""Variational memory addressing."""
