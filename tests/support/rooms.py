"""The rooms of the project as its imports make them: which there are, who imports whom, and a picture of it.

`python -m tests.support.rooms` writes the picture, docs/rooms.svg; tests/test_architecture.py fails where it is old.
A room is a folder of modules. The modules that lie directly in a package are its front: commands and what is public.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "rooms.svg"
PACKAGES = ("human_study", "advisor", "models", "data")
_COLOURS = {"human_study": "#d7e8f7", "advisor": "#e3f1dc", "models": "#f7ead0", "data": "#eadff2"}

Arrows = Mapping[str, set[str]]


@cache
def modules() -> dict[str, Path]:
    """Dotted name → file of every module of the project, without `__init__` files."""
    files = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in files
        if path.name != "__init__.py"
    }


def room_of(module: str) -> str:
    """The room of a module: its folder, dotted."""
    return module.rpartition(".")[0]


@cache
def imported_names(path: Path) -> frozenset[str]:
    """Dotted names of what a file imports, anywhere in it; both `a.b` and `a.b.c` for `from a.b import c`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def module_arrows() -> dict[str, set[str]]:
    """Module → the modules of the project that it imports."""
    return {name: (imported_names(path) & modules().keys()) - {name} for name, path in modules().items()}


def room_arrows() -> dict[str, set[str]]:
    """Room → the other rooms that it imports from."""
    arrows: dict[str, set[str]] = {room_of(module): set() for module in modules()}
    for module, imported in module_arrows().items():
        arrows[room_of(module)] |= {room_of(name) for name in imported} - {room_of(module)}
    return arrows


def circles(arrows: Arrows) -> list[list[str]]:
    """Sets of nodes from each of which every other of the set is reached (Tarjan 1972), those of two or more."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        number[node] = lowest[node] = len(number)
        stack.append(node)
        for other in sorted(arrows.get(node, ())):
            if other not in number:
                visit(other)
                lowest[node] = min(lowest[node], lowest[other])
            elif other in stack:
                lowest[node] = min(lowest[node], number[other])
        if lowest[node] == number[node]:
            members = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(members) > 1:
                found.append(sorted(members))

    for node in sorted(arrows):
        if node not in number:
            visit(node)
    return found


def floors(arrows: Arrows) -> dict[str, int]:
    """Room → floor: 0 imports no other room, and every room is above all that it imports. No circles allowed."""

    @cache
    def floor(room: str) -> int:
        return 1 + max((floor(other) for other in arrows[room]), default=-1)

    return {room: floor(room) for room in arrows}


def picture(arrows: Arrows) -> str:
    """An SVG of the rooms by floor, with the number of modules in each and the arrows between them.

    Arrows that a path over other rooms implies are left out: the picture is the transitive reduction.
    """
    of_floor: dict[int, list[str]] = defaultdict(list)
    for room, floor in floors(arrows).items():
        of_floor[floor].append(room)
    width, box, gap, height = 1480, 168, 14, 104
    place: dict[str, tuple[float, float]] = {}
    for floor, rooms in of_floor.items():
        rooms.sort(key=lambda room: (PACKAGES.index(room.split(".")[0]), room))
        start = (width - len(rooms) * (box + gap) + gap) / 2
        for index, room in enumerate(rooms):
            place[room] = (start + index * (box + gap), 40 + (max(of_floor) - floor) * height)
    lines = [_line(place, room, other, box) for room in sorted(arrows) for other in _reduced(arrows, room)]
    boxes = [_box(place[room], room, box) for room in sorted(place)]
    total = 40 + len(of_floor) * height
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {total}" font-family="sans-serif">',
            "<title>The rooms of the project: each imports only from rooms below it</title>",
            f'<rect width="{width}" height="{total}" fill="#ffffff"/>',
            *lines,
            *boxes,
            "</svg>\n",
        ]
    )


def _reduced(arrows: Arrows, room: str) -> list[str]:
    implied = {further for other in arrows[room] for further in _reachable(arrows, arrows[other])}
    return sorted(arrows[room] - implied)


def _reachable(arrows: Arrows, start: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        room = waiting.pop()
        if room not in found:
            found.add(room)
            waiting += arrows[room]
    return found


def _line(place: Mapping[str, tuple[float, float]], room: str, other: str, box: int) -> str:
    (x, y), (to_x, to_y) = place[room], place[other]
    middle = (y + 46 + to_y) / 2
    x, to_x = x + box / 2, to_x + box / 2
    path = f"M{x:.0f},{y + 46:.0f} C{x:.0f},{middle:.0f} {to_x:.0f},{middle:.0f} {to_x:.0f},{to_y:.0f}"
    return f'<path d="{path}" fill="none" stroke="#8a97a5" stroke-width="1.2"/>'


def _box(place: tuple[float, float], room: str, box: int) -> str:
    package, _, inner = room.partition(".")
    n_modules = sum(room_of(module) == room for module in modules())
    name = escape(inner or f"{package} (front)")
    return (
        f'<g transform="translate({place[0]:.0f},{place[1]:.0f})">'
        f'<rect width="{box}" height="46" rx="6" fill="{_COLOURS[package]}" stroke="#17212b"/>'
        f'<text x="{box / 2:.0f}" y="20" text-anchor="middle" font-size="13" fill="#17212b">{name}</text>'
        f'<text x="{box / 2:.0f}" y="37" text-anchor="middle" font-size="11" fill="#44525f">'
        f"{escape(package)}, {n_modules} {'file' if n_modules == 1 else 'files'}</text></g>"
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(room_arrows()), encoding="utf-8")
