"""Strict YAML: what YAML 1.1 and 1.2 read alike, with the line and column of every value."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from taxonomy.files import UnreadableError, content
from taxonomy.findings import MAX_FINDINGS, UNPRINTABLE, Finding, quoted, relative

MAX_VALUES = 20_000
MAX_DEPTH = 20
# Whole numbers that every reader of JSON keeps exactly.
MAX_NUMBER = 2**53
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
# What a plain scalar may be under YAML 1.1 without a tag of its own.
_SCALARS = ("null", "bool", "int", "float", "str", "timestamp", "merge", "value")

# The core schema of YAML 1.2 (section 10.3.2 of the specification), without octal and hexadecimal integers.
_CORE = [
    ("null", re.compile(r"(null|Null|NULL|~|)\Z")),
    ("bool", re.compile(r"(true|True|TRUE|false|False|FALSE)\Z")),
    ("int", re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")),
    ("float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")),
]

Place = tuple[str | int, ...]


@dataclass
class Document:
    """The data of one YAML file, and where each of its values and keys stands."""

    path: Path
    data: Any = None
    size: int = 0
    values: dict[Place, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Place, tuple[int, int]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def finding(self, code: str, message: str, place: Place = (), hint: str = "", *, key: bool = False) -> Finding:
        """Return a finding at the value (or key) that lies at `place`, or at the nearest place around it."""
        spots = self.keys if key else self.values
        while place and place not in spots:
            place, spots = place[:-1], self.values
        line, column = spots.get(place, (1, 1))
        return Finding(code, message, relative(self.path), line, column, hint)


class Unread(Document):
    """A file whose data is known and sound. It is read only if something is to be said of a place in it."""

    def finding(self, code: str, message: str, place: Place = (), hint: str = "", *, key: bool = False) -> Finding:
        """Return a finding at its place in the file, which is read now."""
        return read(self.path).finding(code, message, place, hint, key=key)


class _EnoughError(Exception):
    """So much is wrong with a file, or so much stands in it, that the rest is not read."""


# Whoever loads a catalog again in one process, as a notebook does, parses only what has changed. Nothing is kept of a file in
# which something is wrong.
_KEPT = 5_000
_known: dict[Path, tuple[bytes, Document]] = {}


def read(path: Path) -> Document:
    """Read a YAML file; whatever is wrong with it stands in the document's findings, never in an exception."""
    document = Document(path)

    def fail(code: str, message: str, line: int = 1, column: int = 1, hint: str = "") -> None:
        document.findings.append(Finding(code, message, relative(path), line, column, hint))
        if len(document.findings) == MAX_FINDINGS:
            document.findings.append(Finding("MIA031", "the rest of the file is not read", relative(path), line, column))
            raise _EnoughError

    try:
        raw = content(path)
        if path in _known and _known[path][0] == raw:
            return replace(_known[path][1], findings=[])
        document.size = len(raw)
        text = raw.decode("utf-8-sig")
    except UnreadableError as error:
        fail("MIA001", f"the file cannot be read: {error}")
        return document
    except UnicodeDecodeError as error:
        fail("MIA001", f"the file is not UTF-8 (byte {error.start})")
        return document
    for found in UNPRINTABLE.finditer(text):
        if found[0] not in "\t\r\n":
            line = text.count("\n", 0, found.start()) + 1
            column = found.start() - text.rfind("\n", 0, found.start())
            fail("MIA002", f"the control character U+{ord(found[0]):04X} stands here", line, column)
            return document
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        fail("MIA002", " ".join(filter(None, [error.context, error.problem])), *where)
        return document
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        fail("MIA002", str(error).splitlines()[0] if isinstance(error, yaml.YAMLError) and str(error) else "nested too deeply")
        return document
    if root is None:
        fail("MIA002", "the file is empty")
        return document
    try:
        data = _Builder(document, fail).build(root, ())
        if not isinstance(root, yaml.MappingNode) and not document.findings:
            fail("MIA008", "the file must hold a mapping of keys to values", *document.values[()])
        document.data = data
    except _EnoughError:
        pass
    if not document.findings and len(_known) < _KEPT:
        _known[path] = raw, replace(document, findings=[])
    return document


class _Builder:
    """Turns composed nodes into data, and notes where each value stands."""

    def __init__(self, document: Document, fail: Any):
        self.document = document
        self.fail = fail
        self.seen: set[int] = set()

    def build(self, node: yaml.Node, place: Place) -> Any:
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        self.document.values[place] = (line, column)
        if id(node) in self.seen:
            self.fail("MIA003", "an alias stands here; write the value out", line, column)
            return None
        self.seen.add(id(node))
        if len(place) > MAX_DEPTH:
            self.fail("MIA002", f"values are nested more than {MAX_DEPTH} deep", line, column)
            raise _EnoughError
        if len(self.document.values) > MAX_VALUES:
            self.fail("MIA001", f"the file holds more than {MAX_VALUES:,} values", line, column)
            raise _EnoughError
        if not self.is_plain(node, line, column):
            return None
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*place, i)) for i, item in enumerate(node.value)]
        return self.scalar(node, line, column)

    def is_plain(self, node: yaml.Node, line: int, column: int) -> bool:
        """Whether a value carries no tag of its own; else a finding is noted."""
        if isinstance(node, yaml.MappingNode):
            untagged: tuple[str, ...] = ("map",)
        elif isinstance(node, yaml.SequenceNode):
            untagged = ("seq",)
        else:
            untagged = ("str",) if getattr(node, "style", None) else _SCALARS
        if node.tag.startswith(_TAG) and node.tag.removeprefix(_TAG) in untagged:
            return True
        self.fail("MIA003", f"the tag {quoted(node.tag)} stands here; entries carry plain values only", line, column)
        return False

    def mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line, column = key_node.start_mark.line + 1, key_node.start_mark.column + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.fail("MIA008", "a key must be text", line, column)
                continue
            if id(key_node) in self.seen:
                self.fail("MIA003", "an alias stands here; write the key out", line, column)
                continue
            self.seen.add(id(key_node))
            # A key is what was typed, also where it looks like another type: `null` names the null test's target.
            key: str = key_node.value
            if self.is_plain(key_node, line, column):
                self.scalar(key_node, line, column)
            if key in result:
                self.fail("MIA004", f"the key {quoted(key)} stands here a second time", line, column)
                continue
            self.document.keys[(*place, key)] = (line, column)
            result[key] = self.build(value_node, (*place, key))
        return result

    def scalar(self, node: yaml.Node, line: int, column: int) -> Any:
        text: str = node.value
        if getattr(node, "style", None):
            found = next((c for c in UNPRINTABLE.findall(text) if c not in "\t\n"), None)
            if found:
                self.fail("MIA008", f"the control character U+{ord(found):04X} stands in this text", line, column)
            return text
        old = node.tag.removeprefix(_TAG)
        new = next((name for name, pattern in _CORE if pattern.match(text)), "str")
        if (new == "int" and (len(text) > 20 or abs(int(text)) > MAX_NUMBER)) or (new == "float" and math.isinf(float(text))):
            self.fail("MIA008", f"the number {quoted(text)} is too large", line, column, f"at most {MAX_NUMBER:,} if it is whole")
            return None
        if old != new:
            hint = f"put it in quotes, or write {float(text)!r}" if new == "float" else "put it in quotes"
            if new == "float" and "e" in repr(float(text)):
                hint = "write the number without an exponent, or put it in quotes"
            message = f"{quoted(text)} is {old} under YAML 1.1 and {new} under YAML 1.2"
            self.fail("MIA005", message, line, column, hint)
            return None
        if new == "null":
            return None
        if new == "bool":
            return text.lower() == "true"
        if new == "int":
            return int(text)
        return float(text) if new == "float" else text
