"""Serves the files of a page on the loopback interface; needs nothing of TensorFlow."""

import http.server
from pathlib import Path

from kpp_tf.errors import UserError


def server(folder: Path, port: int) -> http.server.ThreadingHTTPServer:
    """A server of a folder's files on the loopback interface, not yet running.

    Args:
      folder: that `explorer_page.build` made.
      port: 0 takes a free one; `server_port` says which.

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

        def __init__(self, *arguments, **options):
            super().__init__(*arguments, directory=str(folder), **options)

        def end_headers(self):
            self.send_header("Cache-Control", "no-cache")  # a page is built again
            super().end_headers()

        def log_message(self, format, *arguments):
            pass

    try:
        return http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise UserError(
            f"the port is taken; choose another with --port. Received: {port}"
        ) from error
