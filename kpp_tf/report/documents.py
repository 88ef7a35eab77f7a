"""The documents that hold tables of results. Their prose is theirs; tables are written.

A table stands between `<!-- table: NAME -->` and `<!-- end of table -->`, with NAME of
`kpp_tf.report.measured.tables`.
"""

import re
from collections.abc import Mapping

from kpp_tf.errors import UserError

FILES = ("README.md", "RESULTS.md", "docs/results_appendix.md")
_TABLE = re.compile(
    r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->\n)", flags=re.DOTALL
)


def filled(text: str, tables: Mapping[str, str]) -> str:
    """A document with its tables made anew; all else stays.

    Args:
      text: of the document.
      tables: Markdown by name.

    Raises:
      UserError: if the document names a table that does not exist.
    """

    def replace(found: re.Match[str]) -> str:
        start, name, end = found.groups()
        if name not in tables:
            raise UserError(
                f"a document takes the tables {', '.join(tables)}. Received: {name}"
            )
        return start + tables[name] + end

    return _TABLE.sub(replace, text)
