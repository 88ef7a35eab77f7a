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
    """Serves one model over gRPC and REST on the loopback interface.

    Use it as a context manager; `rest_port` and `grpc_port` are the ports that it got.

    Args:
      folder: `<base>/<model>`.
      rest_port: 0 takes a free one.
      grpc_port: 0 takes a free one.
    """

    def __init__(
        self, folder: str | os.PathLike, rest_port: int = 0, grpc_port: int = 0
    ):
        self.servable = Servable(folder)
        self._pool = concurrent.futures.ThreadPoolExecutor(max_workers=16)
        self._grpc, self.grpc_port = grpc_server.start(
            self.servable, self._pool, f"{HOST}:{grpc_port}"
        )
        self._rest = rest_server.server(self.servable, (HOST, rest_port))
        self.rest_port = self._rest.server_address[1]
        self._thread = threading.Thread(target=self._rest.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends both services and waits for what is under way."""
        self._rest.shutdown()
        self._rest.server_close()
        self._grpc.stop(grace=5).wait()
        self._pool.shutdown()
        self.servable.close()

    def __enter__(self) -> "LocalServer":
        return self

    def __exit__(self, *unused) -> None:
        self.close()


def main(folder: str) -> None:
    """Serves until standard input ends; prints the ports as a line of JSON."""
    with LocalServer(folder) as server:
        ports = {"rest_port": server.rest_port, "grpc_port": server.grpc_port}
        print(json.dumps(ports), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
