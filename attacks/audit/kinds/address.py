"""Where a service is, and how it is asked: what stands under `model:` in an audit file of `kind: http`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from attacks.audit.kinds.protocol import DATATYPES
from taxonomy.findings import InputError, quoted, unknown


@dataclass(frozen=True)
class Address:
    """Where a service is and how to ask it: what stands under `model` in an audit file. Raises InputError for what cannot be.

    `version`, `input`, `output` and `datatype` come from the model's metadata where they are not stated. `token_variable` is the
    name of the environment variable that holds the token. `batch` is in records, and `per_second` in records a second.
    """

    url: str
    model: str
    version: str = ""
    input: str = ""
    output: str = ""
    datatype: str = ""
    # Somebody may write the token itself here.
    token_variable: str = field(default="", repr=False)
    batch: int = 64
    timeout_s: float = 30.0
    per_second: float | None = None

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            parts, host = urlsplit(""), None
        if "@" in parts.netloc:
            raise InputError("`url` holds a name or password; put a token into a variable, and name that as `token_variable`")
        if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
            raise InputError(f"`url` is {quoted(self.url)}; write it as https://host:port, or with a path that `/v2` follows")
        if not self.model:
            raise InputError("`model` names no model of the service")
        if self.datatype and self.datatype not in DATATYPES:
            raise unknown("datatype", self.datatype, DATATYPES)
        if self.token_variable and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.token_variable):
            raise InputError("`token_variable` is no name of an environment variable; the token itself does not belong in a file")
        if self.batch < 1:
            raise InputError(f"`batch` is {self.batch}; it must be at least 1")
        for name in ("timeout_s", "per_second"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise InputError(f"`{name}` is {value}; it must be a number above 0")
