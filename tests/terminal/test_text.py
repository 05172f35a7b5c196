"""Results as lines: the tense of a plan, and which commands are shown to repeat a check."""

import pytest

from items_api.provision.outcome import Change, Drift, Outcome
from items_api.smoke.run import Check
from items_api.terminal.text import check_lines, endpoint_lines, outcome_lines

CURL = "curl -i https://a.example/items/1"


@pytest.mark.parametrize(
    ("change", "now", "planned"),
    [
        (
            Change.CREATED,
            "  + created   IAM role                    role",
            "  + will be created IAM role          role",
        ),
        (
            Change.UPDATED,
            "  ~ updated   IAM role                    role",
            "  ~ will be updated IAM role          role",
        ),
        (
            Change.UNCHANGED,
            "  = unchanged IAM role                    role",
            "  = unchanged       IAM role          role",
        ),
    ],
)
def test_a_planned_change_is_in_the_future_and_its_json_is_the_same(change: Change, now: str, planned: str) -> None:
    outcome = Outcome(type="AWS::IAM::Role", title="IAM role", name="role", change=change)
    assert next(outcome_lines(outcome)).text == now
    assert next(outcome_lines(outcome, planned=True)).text == planned
    assert outcome.as_json()["change"] == change


def test_a_plan_shows_the_differences_too() -> None:
    outcome = Outcome(type="x", title="x", name="x", change=Change.UPDATED, drift=(Drift("memory", 256, 512),))
    assert [line.text for line in outcome_lines(outcome, planned=True)][1:] == ["      memory: 256 → 512"]


def test_a_rate_is_shown_as_the_user_would_write_it() -> None:
    drift = (Drift("throttle rate", 100.0, 2.5),)
    outcome = Outcome(type="x", title="x", name="x", change=Change.UPDATED, drift=drift)
    assert [line.text for line in outcome_lines(outcome)][1:] == ["      throttle rate: 100 → 2.5"]


@pytest.mark.parametrize(
    ("ok", "verbose", "further"), [(True, False, []), (True, True, [CURL]), (False, False, ["got 500", CURL])]
)
def test_a_check_is_one_line_and_a_failed_one_has_its_reason_and_its_curl_command(
    *, ok: bool, verbose: bool, further: list[str]
) -> None:
    check = Check("GET returns an item", ok=ok, status=200, ms=12.3, curl=CURL, detail="got 500")
    first, *rest = check_lines(check, verbose=verbose)
    assert first.text.endswith("12 ms  GET returns an item")
    assert [line.text.strip() for line in rest] == further
    assert {line.essential for line in (first, *rest)} == {not ok}


def test_commands_and_endpoints_are_never_wrapped_unless_they_are_one_word() -> None:
    [failed] = [
        line
        for line in check_lines(Check("x", ok=False, status=None, ms=0, curl=CURL, detail=""), verbose=False)
        if CURL in line.text
    ]
    lines = [failed, *(line for line in endpoint_lines("https://a.example", "Anyone.") if "curl" in line.text)]
    assert [line.verbatim for line in lines] == [True] * 3
