"""YAML in which a scalar is the text that stands there: 007, Yes, 1e3 and 2024-01-01 stay what was written."""

from typing import Any

import yaml

_MERGE = [entry for entry in yaml.SafeLoader.yaml_implicit_resolvers["<"] if entry[0].endswith(":merge")]


class _TextLoader(yaml.SafeLoader):
    yaml_implicit_resolvers = {"<": _MERGE}  # noqa: RUF012  PyYAML's own name and type

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key in seen and key != "<<":
                problem = f'the key "{key}" is written twice'
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(str(key))
        return super().construct_mapping(node, deep)


def read_yaml_text(text: str) -> Any:
    """Mappings, lists and texts; an empty value is "". Raises yaml.YAMLError, also for a key written twice."""
    return yaml.load(text, _TextLoader)  # a subclass of SafeLoader
