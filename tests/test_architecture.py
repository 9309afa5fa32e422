"""Which room may import from which, what each may use, and what the apps must not load."""

import subprocess
import sys
from dataclasses import dataclass

import pytest

from tests.support import rooms
from tests.support.rooms import PACKAGES, ROOT, circles, imported_names, module_arrows, modules, room_of

LIBRARIES = {
    "torch": {"torch", "torchvision", "accelerate"},
    "streamlit": {"streamlit"},
    "sql": {"sqlalchemy", "alembic", "sqlite3", "psycopg"},
    "http": {"starlette", "uvicorn"},
    "charts": {"altair", "vl_convert"},
}


@dataclass(frozen=True)
class Rule:
    """Words of rooms, separated by spaces, that a room may import from, and of LIBRARIES that it may name."""

    below: str = ""
    uses: str = ""


# Every room by name; what is not allowed here is forbidden. `data` and `advisor` alone are the modules that lie
# directly in the package.
_DATA = "data data.formats data.store data.tasks"
_HEARD = f"{_DATA} models advisor.bundles advisor.drawing advisor.measurement advisor.runs"
RULES = {
    "data": Rule(),
    "data.formats": Rule("data"),
    "data.tasks": Rule("data data.formats"),
    "data.store": Rule("data data.formats", uses="sql"),
    "data.migrations": Rule("data.store", uses="sql"),
    "data.migrations.versions": Rule(uses="sql"),
    "models": Rule(uses="torch"),
    "advisor.measurement": Rule(f"{_DATA} advisor.bundles"),
    "advisor.runs": Rule(_DATA),
    "advisor.bundles": Rule(_DATA),
    "advisor.drawing": Rule("data data.formats models", uses="torch"),
    "advisor.response": Rule(_HEARD, uses="torch"),
    "advisor.encoder": Rule(f"{_HEARD} advisor.response", uses="torch"),
    "advisor.publishing": Rule(f"{_HEARD} advisor.response advisor.encoder", uses="torch"),
    "advisor.simulation": Rule(f"{_HEARD} advisor.response advisor.encoder advisor.publishing", uses="torch"),
    "advisor.faces.corpus": Rule("data data.formats models advisor.drawing", uses="torch"),
    "advisor.faces.training": Rule(
        "data data.formats models advisor.drawing advisor.faces.corpus", uses="torch"
    ),
    "advisor.faces": Rule(
        "data data.formats models advisor.drawing advisor.faces.corpus advisor.faces.training", uses="torch"
    ),
    "advisor": Rule(
        f"{_HEARD} advisor.response advisor.encoder advisor.publishing advisor.simulation advisor.faces "
        "advisor.faces.corpus advisor.faces.training",
        uses="torch",
    ),
    "human_study.web": Rule("data human_study.presentation", uses="http streamlit"),
    "human_study.study": Rule("data data.formats data.tasks advisor.bundles human_study.presentation"),
    "human_study.participation": Rule(
        f"{_DATA} advisor.bundles advisor.measurement human_study.study human_study.web"
    ),
    "human_study.participants": Rule(
        "data data.formats data.tasks advisor.bundles human_study.presentation human_study.study human_study.web "
        "human_study.participation",
        uses="http streamlit",
    ),
    "human_study.participants.trial_player": Rule(
        "data data.formats human_study.web human_study.participation human_study.participants", uses="http"
    ),
    "human_study.analysis": Rule(
        f"{_DATA} advisor.bundles advisor.measurement advisor.runs human_study.study"
    ),
    "human_study.presentation": Rule("data data.formats advisor.bundles", uses="charts"),
    "human_study.findings": Rule(
        f"{_DATA} advisor.bundles advisor.measurement advisor.runs human_study.study human_study.analysis "
        "human_study.presentation",
        uses="charts",
    ),
    "human_study.planning": Rule(
        f"{_HEARD} advisor.encoder advisor.response advisor.simulation human_study.analysis "
        "human_study.presentation human_study.study",
        uses="torch charts",
    ),
    "human_study.dataset": Rule(
        f"{_DATA} advisor.bundles advisor.measurement advisor.runs human_study.analysis human_study.presentation "
        "human_study.study"
    ),
    "human_study.report": Rule(
        "data data.store advisor.bundles human_study.analysis human_study.findings human_study.planning "
        "human_study.presentation human_study.study"
    ),
    "human_study.analysts.views": Rule(
        f"{_DATA} advisor.bundles human_study.analysis human_study.dataset human_study.findings "
        "human_study.presentation",
        uses="streamlit charts",
    ),
    "human_study.analysts": Rule(
        "data human_study.presentation human_study.web human_study.analysts.views", uses="http streamlit"
    ),
    "human_study": Rule(
        f"{_DATA} human_study.study human_study.web human_study.participation human_study.participants "
        "human_study.participants.trial_player human_study.planning human_study.dataset human_study.report "
        "human_study.analysts",
        uses="http streamlit",
    ),
}
# The processes that serve people, and what they read, must start without torch.
NO_TORCH = (
    "advisor.bundles", "advisor.measurement", "advisor.runs", "data", "data.formats", "data.store", "data.tasks",
    "human_study.analysis", "human_study.analysts.views", "human_study.dataset", "human_study.findings",
    "human_study.participation", "human_study.presentation", "human_study.report", "human_study.study",
    "human_study.web",
)  # fmt: skip
ONE_SIGNATURE = {"human_study.findings"}  # siblings `…(results) -> Finding`
MOST_MODULES, MOST_SIBLINGS = 12, 20


@pytest.mark.parametrize("room", sorted({room_of(module) for module in modules()}))
def test_a_room_imports_and_uses_only_what_its_rule_allows(room: str) -> None:
    rule = RULES[room]
    below = {room, *rule.below.split()}
    forbidden = set().union(*(names for kind, names in LIBRARIES.items() if kind not in rule.uses.split()))
    found = set()
    for module, path in modules().items():
        if room_of(module) != room:
            continue
        found |= {(module, name) for name in module_arrows()[module] if room_of(name) not in below}
        found |= {(module, name) for name in imported_names(path) if name.split(".")[0] in forbidden}
    assert found == set()


def test_what_participants_see_asks_services_and_never_the_store() -> None:
    shown = [path for name, path in modules().items() if name.startswith("human_study.participants.")]
    assert len(shown) > 5
    assert [path.name for path in shown if ".store" in path.read_text().replace("data.store", "")] == []


def test_there_is_a_rule_for_every_room_and_no_other() -> None:
    assert set(RULES) == {room_of(module) for module in modules()}


def test_there_are_no_circles_between_rooms_or_modules() -> None:
    assert circles({room: set(rule.below.split()) for room, rule in RULES.items()}) == []
    assert circles(module_arrows()) == []


def test_no_room_is_crowded() -> None:
    found = {}
    for room in RULES:
        n_modules = sum(room_of(module) == room for module in modules())
        if n_modules > (MOST_SIBLINGS if room in ONE_SIGNATURE else MOST_MODULES):
            found[room] = n_modules
    assert found == {}


@pytest.mark.parametrize("folder", ["participants", "analysts"])
def test_nothing_beside_a_streamlit_script_hides_another_module(folder: str) -> None:
    # Streamlit puts the folder of its script first on sys.path, and serves a folder called pages by itself.
    beside = {path.stem for path in (ROOT / "human_study" / folder).iterdir()} - {"__init__", "__pycache__"}
    taken = set(sys.stdlib_module_names) | set(PACKAGES) | {"pages"} | _installed_modules()
    assert beside & taken == set()


def _installed_modules() -> set[str]:
    from importlib.metadata import packages_distributions

    return set(packages_distributions())


def test_what_serves_people_loads_no_torch() -> None:
    front = ["human_study.server", "human_study.cli", "advisor.bundles.exchange"]
    names = front + [module for module in modules() if room_of(module) in NO_TORCH]
    code = f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\nprint('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_package_init_files_import_nothing() -> None:
    inits = [path for package in PACKAGES for path in (ROOT / package).rglob("__init__.py")]
    assert [path for path in inits if imported_names(path)] == []


def test_the_picture_of_the_rooms_is_that_of_the_imports() -> None:
    expected = rooms.picture(rooms.room_arrows())
    assert rooms.PICTURE.read_text(encoding="utf-8") == expected, "run: python -m tests.support.rooms"


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone")
def test_nothing_that_is_ignored_is_part_of_the_project() -> None:
    # A link to an environment that was committed would take the place of the environment wherever it is merged.
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert listed.stdout == ""
