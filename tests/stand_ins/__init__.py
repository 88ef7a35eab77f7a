"""A small server with TF Serving's contract, and load for it: no part of the library.

No server binary is at hand where the tests run, so these stand in for one.
`server.LocalServer` serves a model's folder for a test, and `python -m tests.stand_ins`
(`make load`, from the clone) puts a server under malformed requests and load.
"""
