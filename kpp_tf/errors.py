"""The error whose message is for a person, not for a debugger."""

import importlib.util
import re


class UserError(ValueError):
    """A request cannot be met; the message says what was received and what to do.

    Programs print it without a traceback (`kpp_tf.cli.run`). It is a `ValueError`, so
    that users of the library need not know it.
    """

    # AutoGraph would turn it into a `StagingError` while it traces a function.
    ag_pass_through = True


def require(module: str, extra: str, purpose: str) -> None:
    """Raises UserError if a module of an extra is not installed; imports nothing.

    Args:
      module: its name, without dots.
      extra: of this package, which installs it.
      purpose: why it is needed, such as "to run a model".
    """
    if importlib.util.find_spec(module) is None:
        raise UserError(
            f"{module} is needed {purpose}: pip install 'kpp_tf[{extra}]'. Received: "
            f"no module {module}"
        )


def reason(error: Exception) -> str:
    """An exception's first line, without what TensorFlow adds for debuggers."""
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return re.sub(r"\{\{.*?\}\} *| *\[Op:\w+\]", "", first)
