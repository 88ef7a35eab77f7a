"""The workers of a run, as the environment variable TF_CONFIG names them."""

import dataclasses
import json
import os
from typing import Any

from kpp_tf.errors import UserError

ROLES = ("chief", "worker", "evaluator")
EXAMPLE = (
    '{"cluster": {"worker": ["host0:port", "host1:port"]}, '
    '"task": {"type": "worker", "index": 0}}'
)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The content of TF_CONFIG.

    Attributes:
      addresses: "host:port" of each task, by role.
      role: of this process.
      index: of this process in its role.
    """

    addresses: dict[str, list[str]]
    role: str
    index: int

    @property
    def trainers(self) -> int:
        """Processes that train together."""
        return sum(len(self.addresses.get(role, ())) for role in ("chief", "worker"))


def read() -> Cluster | None:
    """Reads and checks TF_CONFIG; None where it is not set.

    Raises:
      UserError: if a field has a wrong value; the message names it.
    """
    text = os.environ.get("TF_CONFIG", "")
    if not text.strip():
        return None
    try:
        config = json.loads(text)
    except ValueError as error:
        raise UserError(
            f"TF_CONFIG must be JSON such as {EXAMPLE}: {error}. Received: {text!r}"
        ) from error
    _check(isinstance(config, dict), "", f"be an object such as {EXAMPLE}", config)
    found, task = config.get("cluster"), config.get("task")
    named = isinstance(found, dict) and found
    _check(named, "cluster", "name the addresses of each role", found)
    for role, names in found.items():
        _check(role in ROLES, "cluster", f"have no roles but {ROLES}", role)
        listed = isinstance(names, list) and names
        _check(listed, f"cluster.{role}", 'be a list of "host:port"', names)
        for number, name in enumerate(names):
            field = f"cluster.{role}[{number}]"
            _check(_is_address(name), field, 'be "host:port", port 1 to 65535', name)
    everybody = [name for names in found.values() for name in names]
    twice = sorted({name for name in everybody if everybody.count(name) > 1})
    _check(not twice, "cluster", "name each address once", twice)
    chiefs = found.get("chief", ())
    _check(len(chiefs) <= 1, "cluster.chief", "be one address", chiefs)
    _check(isinstance(task, dict), "task", "say which of them this process is", task)
    role, index = task.get("type"), task.get("index")
    known = isinstance(role, str) and role in found
    _check(known, "task.type", f"be one of {tuple(found)}", role)
    last = len(found[role]) - 1
    whole = f"be a whole number from 0 to {last}, the tasks of cluster.{role}"
    _check(type(index) is int and 0 <= index <= last, "task.index", whole, index)
    return Cluster(found, role, index)


def _is_address(name: Any) -> bool:
    host, _, port = name.rpartition(":") if isinstance(name, str) else ("", "", "")
    return bool(host) and port.isascii() and port.isdigit() and 0 < int(port) < 2**16


def _check(holds: Any, field: str, what: str, value: Any) -> None:
    if not holds:
        name = f"TF_CONFIG: {field}" if field else "TF_CONFIG"
        raise UserError(f"{name} must {what}. Received: {value!r}")
