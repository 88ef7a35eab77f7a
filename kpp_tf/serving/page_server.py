"""Serves the files of a page on the loopback interface; needs nothing of TensorFlow."""

import http.server
from pathlib import Path
from typing import Any

from kpp_tf.errors import UserError


def server(folder: Path, port: int) -> http.server.ThreadingHTTPServer:
    """A server of a folder's files on the loopback interface, not yet running.

    Args:
      folder: of the page, as `explorer_page.build` makes it.
      port: 0 takes a free one, which `server_port` names.

    Raises:
      UserError: if no page is there, or the port is taken.
    """
    if not (folder / "index.html").is_file():
        raise UserError(f"there is no page to serve. Received: {folder}")

    class Handler(http.server.SimpleHTTPRequestHandler):
        extensions_map = {
            ".html": "text/html",
            ".js": "text/javascript",
            ".css": "text/css",
            ".json": "application/json",
            "": "application/octet-stream",
        }

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, directory=str(folder), **options)

        def end_headers(self) -> None:
            self.send_header("Cache-Control", "no-cache")  # a page is built again
            super().end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    try:
        return http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise UserError(
            f"the port is taken; choose another with --port. Received: {port}"
        ) from error
