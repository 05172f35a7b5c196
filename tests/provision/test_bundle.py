"""The zip: the same sources give the same bytes, and Lambda finds the handler in it."""

import io
import subprocess
import sys
import tempfile
import zipfile

from items_api.provision.bundle import HANDLER, bundle, code_sha256, differing_files, sources
from items_api.settings import Settings

ITEMS, TEAM_TODO = Settings(), Settings(name="team-todo", indexes=("owner", "due.date"))


def test_it_contains_the_handlers_sources_and_nothing_else() -> None:
    archive = zipfile.ZipFile(io.BytesIO(bundle(ITEMS)))
    assert {name: archive.read(name) for name in archive.namelist()} == sources(ITEMS)
    assert all(name.startswith("handler/") and name.endswith(".py") for name in sources(ITEMS))


def test_nothing_in_it_depends_on_time_or_computer() -> None:
    for entry in zipfile.ZipFile(io.BytesIO(bundle(ITEMS))).infolist():
        assert entry.date_time == (1980, 1, 1, 0, 0, 0)
        assert entry.create_system == 3
        assert entry.external_attr == 0o100644 << 16
        assert entry.compress_type == zipfile.ZIP_STORED


def test_another_process_builds_the_same_bytes() -> None:
    print_hash = "from items_api.provision.bundle import code_sha256; from items_api.settings import Settings; print(code_sha256(Settings()))"
    other = subprocess.run(
        [sys.executable, "-c", print_hash], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert other.stdout.strip() == code_sha256(ITEMS)


def test_the_handler_can_be_imported_from_the_zip_alone() -> None:
    """As Lambda does: the module before the last dot, the function after it."""
    module, _, function = HANDLER.rpartition(".")
    load = (
        f"import sys, importlib; sys.path.insert(0, sys.argv[1]); m = importlib.import_module({module!r});"
        f"assert callable(getattr(m, {function!r})) and m.__file__.startswith(sys.argv[1])"
    )
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        file.write(bundle(ITEMS))
        file.flush()
        subprocess.run(
            [sys.executable, "-I", "-c", load, file.name],
            check=True,
            env={"AWS_REGION": "us-east-1"},
        )


def test_differences_to_another_zip_are_listed_by_file() -> None:
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        for name, content in sources(ITEMS).items():
            if name != "handler/item.py":
                archive.writestr(name, content + (b"# altered" if name == "handler/index.py" else b""))
        archive.writestr("handler/old.py", "")
    assert differing_files(other.getvalue(), ITEMS) == [
        "handler/index.py changed",
        "handler/item.py added",
        "handler/old.py removed",
    ]
    assert differing_files(bundle(ITEMS), ITEMS) == []
    assert differing_files(bundle(ITEMS), TEAM_TODO) == ["handler/__init__.py changed"]


def test_the_code_of_each_stack_names_its_own_table_and_indexes() -> None:
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        file.write(bundle(TEAM_TODO))
        file.flush()
        load = "import sys; sys.path.insert(0, sys.argv[1]); import handler; print(handler.TABLE_NAME, handler.INDEXES)"
        done = subprocess.run([sys.executable, "-I", "-c", load, file.name], check=True, capture_output=True, text=True)
    assert done.stdout == "TeamTodo {'due.date': 'due.date-index', 'owner': 'owner-index'}\n"
