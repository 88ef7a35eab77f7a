"""A small server with TF Serving's predict contract, for tests and load figures.

It answers what `tensorflow/serving` answers to Predict and to questions for metadata,
over gRPC and over REST, from the newest version of one model. It batches nothing,
watches no folder for new versions, and is bound to the loopback interface: it is no
server for production.
"""

import concurrent.futures
import json
import os
import sys
import threading

from tests.stand_ins import grpc_server, rest_server
from tests.stand_ins.servable import Servable

HOST = "127.0.0.1"


class LocalServer:
    """Serves one model on the loopback interface while its context lasts.

    Args:
      folder: `<base>/<model>`.

    Attributes:
      rest: host:port of the REST API.
      grpc: host:port of the gRPC API.
    """

    def __init__(self, folder: str | os.PathLike):
        self._servable = Servable(folder)
        self._pool = concurrent.futures.ThreadPoolExecutor(max_workers=16)
        self._grpc, port = grpc_server.start(self._servable, self._pool, HOST)
        self.grpc = f"{HOST}:{port}"
        self._rest = rest_server.server(self._servable, HOST)
        self.rest = f"{HOST}:{self._rest.server_port}"

    def __enter__(self) -> "LocalServer":
        threading.Thread(target=self._rest.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *unused) -> None:
        """Ends both services and waits for what is under way."""
        self._rest.shutdown()
        self._rest.server_close()
        self._grpc.stop(grace=5).wait()
        self._pool.shutdown()
        self._servable.close()


def main(folder: str) -> None:
    """Serves until standard input ends; prints the addresses as a line of JSON."""
    with LocalServer(folder) as server:
        print(json.dumps([server.rest, server.grpc]), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
