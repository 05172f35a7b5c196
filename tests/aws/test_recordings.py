"""The layers over moto behave as AWS did when it was recorded."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.aws.account import Account
from tests.aws.replay import differences

RECORDINGS = Path(__file__).parents[1] / "recordings"


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.jsonl")), ids=lambda path: path.stem)
def test_the_layers_agree_with_the_recording(path: Path, account: Account) -> None:
    assert "\n".join(differences(path, account)) == ""


def test_the_synthetic_recording_says_that_it_is_one_and_names_its_sources() -> None:
    header = json.loads((RECORDINGS / "synthetic.jsonl").read_text().splitlines()[0])
    assert header["comment"].startswith("Synthetic: ")
    assert header["sources"]


@pytest.mark.parametrize(
    ("operation", "changes", "message"),
    [
        ("DeleteTable", {"error": {"code": "X", "message": "y"}}, "recorded X: y; replayed a success"),
        ("DescribeTable", {"response": {"Table": {"TableStatus": "?"}}}, "Table.TableStatus: recorded '?'; replayed 'CREATING'"),
        ("CreateRole", {"response": {"Role": {"Arn": "", "Policy": ""}}}, "Role.Policy: recorded; missing in the replay"),
    ],
)  # fmt: skip
def test_a_difference_is_reported_with_its_line(
    account: Account, tmp_path: Path, operation: str, changes: dict[str, Any], message: str
) -> None:
    lines = [json.loads(line) for line in (RECORDINGS / "synthetic.jsonl").read_text().splitlines()]
    number = next(n for n, line in enumerate(lines) if line.get("operation") == operation and "response" in line)
    lines[number] |= changes
    path = tmp_path / "changed.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    [found] = [one for one in differences(path, account) if one.startswith(f"changed.jsonl:{number + 1}, ")]
    assert found.endswith(message)
