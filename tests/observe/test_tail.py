"""Every event is returned once, wherever a page ends and however late the event arrives."""

from itertools import islice
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from items_api.errors import AccessDenied, AwsRefused, AwsUnreachable, Problem
from items_api.observe.tail import FULL_PAGE, LATE_MS, POLL_SECONDS, Tail
from tests.aws.clock import CountingClock
from tests.observe.conftest import GROUP, LogGroup, aws_with, client_error

TODO = "Run items-api up first."


def tail(group: LogGroup, since: int = 0, clock: CountingClock | None = None) -> Tail:
    return Tail(aws_with(clock, logs=group), GROUP, since, todo=TODO)


def messages(reader: Tail) -> list[str]:
    return [event.message for event in reader.read()]


def test_no_event_is_lost_or_repeated_at_a_page_boundary(group: LogGroup) -> None:
    """Five lines with the same millisecond lie on both sides of a page boundary."""
    for number in range(8):
        group.put(1000 if 1 <= number <= 5 else number * 1000, f"line {number}")
    assert sorted(messages(tail(group))) == [f"line {number}" for number in range(8)]


def test_an_empty_page_is_not_the_last() -> None:
    """CloudWatch may find nothing on a page and still return a token."""

    class Searching(LogGroup):
        def filter_log_events(self, **request: Any) -> dict[str, Any]:
            if "nextToken" not in request:
                return {"events": [], "nextToken": "0"}
            return super().filter_log_events(**request)

    group = Searching()
    group.put(1, "after the empty page")
    assert messages(tail(group)) == ["after the empty page"]


def test_a_second_read_returns_only_new_events(group: LogGroup) -> None:
    group.put(1000, "first")
    reader = tail(group)
    assert messages(reader) == ["first"]
    group.put(1000, "same millisecond")
    group.put(2000, "later")
    assert messages(reader) == ["same millisecond", "later"]
    assert messages(reader) == []


def test_a_line_that_arrives_late_is_returned_late(group: LogGroup) -> None:
    """A request may take 30 s, so its first line can arrive after those of many others."""
    group.put(100_000, "newest")
    reader = tail(group)
    assert messages(reader) == ["newest"]
    group.put(100_000 - LATE_MS, "as late as possible")
    assert messages(reader) == ["as late as possible"]


def test_nothing_before_since_is_returned(group: LogGroup) -> None:
    group.put(999, "before")
    group.put(1000, "just then")
    reader = tail(group, since=1000)
    assert messages(reader) == ["just then"]
    assert messages(reader) == []


@given(
    page_size=st.integers(1, 4),
    has_ids=st.booleans(),
    reads=st.lists(st.lists(st.tuples(st.integers(0, LATE_MS), st.sampled_from("xyz")), max_size=6), max_size=5),
)
def test_every_event_is_returned_exactly_once(
    page_size: int, has_ids: bool, reads: list[list[tuple[int, str]]]
) -> None:
    """With and without ids, in any order within `LATE_MS`, identical lines included."""
    group = LogGroup(page_size, has_ids)
    reader = tail(group)
    returned: list[tuple[int, str]] = []
    for batch in reads:
        for timestamp, message in batch:
            group.put(timestamp, message)
        returned += [(event.timestamp, event.message) for event in reader.read()]
    assert sorted(returned) == sorted(line for batch in reads for line in batch)


def test_a_full_page_without_a_token_is_not_the_last() -> None:
    """An emulator cuts off a listing after 10,000 events without saying that there are more."""
    group = LogGroup(page_size=FULL_PAGE, has_ids=False, has_tokens=False)
    wanted = [str(number) for number in range(FULL_PAGE + 5)]
    for number in wanted:
        group.put(int(number) // 3, number)
    assert messages(tail(group)) == wanted


def test_a_full_page_with_a_single_millisecond_does_not_loop() -> None:
    group = LogGroup(page_size=FULL_PAGE, has_tokens=False)
    for number in range(FULL_PAGE + 1):
        group.put(7, str(number))
    assert len(messages(tail(group, since=7))) == FULL_PAGE


def test_following_rereads_only_the_time_in_which_a_line_can_be_late(group: LogGroup) -> None:
    """Older events are forgotten, so memory and traffic do not grow over time."""
    group.put(1_000, "old")
    group.put(9_000_000, "new")
    reader = tail(group)
    messages(reader)
    group.starts.clear()
    assert messages(reader) == []
    assert set(group.starts) == {9_000_000 - LATE_MS}


def test_follow_polls_with_a_pause_between_reads(group: LogGroup) -> None:
    arriving = iter(["second", "third"])
    clock = CountingClock(then=lambda: group.put(2, next(arriving)))
    group.put(1, "first")
    followed = tail(group, clock=clock).follow()
    assert [event.message for event in islice(followed, 3)] == ["first", "second", "third"]
    assert clock.naps == [POLL_SECONDS, POLL_SECONDS]


def test_a_missing_log_group_says_what_to_do(group: LogGroup) -> None:
    group.errors = [
        client_error("ResourceNotFoundException", "The specified log group does not exist.", "FilterLogEvents")
    ]
    with pytest.raises(Problem) as caught:
        messages(tail(group))
    assert str(caught.value) == (
        f"The log group {GROUP} does not exist. The stack does not exist or is incomplete. Run items-api up first."
    )


def test_a_missing_permission_is_named_and_does_not_mean_a_missing_group(group: LogGroup) -> None:
    text = f"User: arn:aws:iam::123456789012:user/me is not authorized to perform: logs:FilterLogEvents on {GROUP}"
    group.errors = [client_error("AccessDeniedException", text, "FilterLogEvents")]
    with pytest.raises(AccessDenied, match="needs logs:FilterLogEvents"):
        messages(tail(group))


def test_throttling_is_retried(group: LogGroup) -> None:
    """FilterLogEvents allows few calls per second, and following makes many."""
    group.errors = [client_error("ThrottlingException", "Rate exceeded", "FilterLogEvents")] * 3
    group.put(1, "patience")
    assert messages(tail(group)) == ["patience"]


def test_a_lost_response_is_retried(group: LogGroup) -> None:
    group.errors = [EndpointConnectionError(endpoint_url="https://logs.example")] * 2
    group.put(1, "after all")
    assert messages(tail(group)) == ["after all"]


def test_without_a_network_reading_ends_in_a_problem(group: LogGroup) -> None:
    group.errors = [EndpointConnectionError(endpoint_url="https://logs.example")] * 9
    with pytest.raises(AwsUnreachable, match="Could not read the log group"):
        messages(tail(group))


def test_any_other_error_says_what_failed(group: LogGroup) -> None:
    group.errors = [client_error("InvalidParameterException", "no", "FilterLogEvents")]
    with pytest.raises(AwsRefused, match=f"Could not read the log group {GROUP}: InvalidParameterException"):
        messages(tail(group))
