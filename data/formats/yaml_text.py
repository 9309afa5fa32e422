"""Files of YAML that people write: their encoding, keys written twice, and scalars that stay what was written."""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from data.formats.delimited_text import decoded

_ENCODING_NAMES = {"utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "utf-32": "UTF-32"}
_TWICE = "is written twice"
_DEEP = 500  # levels; a hundred times as many as any file of ours has
_DEEP_BLOCK = rf"^[ \t?:-]{{{_DEEP}}}"
_Resolvers = dict[str, list[tuple[str, Any]]]


def _resolvers(*kinds: str) -> _Resolvers:
    found: _Resolvers = {}
    for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items():
        if kept := [entry for entry in entries if entry[0].rpartition(":")[2] in kinds]:
            found[first] = kept
    return found


class _OneOfEachKey(yaml.constructor.SafeConstructor):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        # YAML itself would silently take the last of two.
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key in seen and key != "<<":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key} {_TWICE}", key_node.start_mark
                )
            seen.add(str(key))
        return super().construct_mapping(node, deep)


class _Texts(_OneOfEachKey):
    yaml_implicit_resolvers = _resolvers("merge")


class _Values(_OneOfEachKey):
    # Numbers and dates stay texts, since YAML takes 010 for 8, 1:30 for 90 and 2024-13-01 for a mistake of its own;
    # whoever wants a number reads it from the text.
    yaml_implicit_resolvers = _resolvers("merge", "bool", "null")


def read_yaml_text(text: str) -> Any:
    """Mappings, lists and texts: 007, Yes, 1e3 and 2024-01-01 stay texts, and an empty value is "".

    Raises yaml.YAMLError, also for a key written twice.
    """
    return _read(text, _Texts)


def read_yaml(text: str) -> Any:
    """As `read_yaml_text`, but yes, no, true and false are truth values, and an empty value is None."""
    return _read(text, _Values)


def _read(text: str, constructor: type[_OneOfEachKey]) -> Any:
    try:
        content = _load(text, constructor)
        json.dumps(content, default=str, skipkeys=True)  # ValueError for an alias inside what it stands for
    except RecursionError:
        raise yaml.YAMLError("nested too deeply") from None
    except ValueError as error:  # also of a value with an explicit tag, such as !!int x
        raise yaml.YAMLError(str(error)) from error
    return content


def _load(text: str, constructor: type[_OneOfEachKey]) -> Any:
    """libyaml, where PyYAML came with it, reads ten times as fast; what it refuses is refused in PyYAML's words."""
    if hasattr(yaml, "CSafeLoader") and not _may_be_deep(text):
        with suppress(yaml.YAMLError):
            return yaml.load(text, _loader(constructor, yaml.CSafeLoader))
    return yaml.load(text, _loader(constructor, yaml.SafeLoader))


def _may_be_deep(text: str) -> bool:
    """Whether a text may be nested so deeply that libyaml's recursion would end the process."""
    return text.count("[") + text.count("{") > _DEEP or re.search(_DEEP_BLOCK, text, re.MULTILINE) is not None


def _loader(constructor: type[_OneOfEachKey], parser: type) -> Any:
    return type(constructor.__name__, (constructor, parser), {})


def read_utf8(path: Path) -> str:
    """The text of a file. Raises OSError, and NotUtf8Error where it is written in another encoding."""
    content = path.read_bytes()
    text, encoding = decoded(content)
    if encoding in ("utf-8", "utf-8-sig"):
        return text
    if name := _ENCODING_NAMES.get(encoding):
        raise NotUtf8Error(f"is written in {name}; save it as UTF-8")
    lines = enumerate(map(decoded, content.splitlines()), 1)
    number, shown = next((k, line.strip()) for k, (line, found) in lines if found == encoding)
    raise NotUtf8Error(
        f"is not written in UTF-8, but in Windows-1252 or its like (line {number}: {shown[:60]}); save it as UTF-8"
    )


def yaml_problem(error: yaml.YAMLError) -> str:
    """What is wrong with a file of YAML, where, and how to mend it."""
    if isinstance(error, yaml.reader.ReaderError):
        return f"it holds a character that is no text (U+{error.character:04X}); take it out"
    mark, said = getattr(error, "problem_mark", None), str(getattr(error, "problem", None) or error)
    line = f" (line {mark.line + 1})" if mark else ""
    if _TWICE in said:
        return f"{said}{line}; keep one of the two"
    if r"'\t'" in said:
        return f"a line is indented with a tab{line}; YAML takes spaces only"
    if "unhashable key" in said:
        return f"a list or a mapping stands where a key belongs{line}; put a text that begins with [ or {{ in quotes"
    where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f'it is not valid YAML{where} ({said}); correct its indentation, and put text like "%" in quotes'


class NotUtf8Error(ValueError):
    """A file of words is written in another encoding than UTF-8; the message says in which, as "is …"."""
