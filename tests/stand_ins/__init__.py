"""A small server with TF Serving's contract, and load for it: no part of the library.

No server binary is at hand where the tests run, so these stand in for one. The door for
others than tests is the command

    python -m tests.stand_ins --help        # from the clone; `make load` runs it

which puts a server under malformed requests and load. `server.LocalServer` serves a
model's folder for a test; everything else here is theirs.
"""
