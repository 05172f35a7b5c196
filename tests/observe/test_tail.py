"""Every event is returned once, wherever a page ends and however late the event arrives."""

from itertools import islice
from operator import itemgetter

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import example, given
from hypothesis import strategies as st

from items_api.errors import AccessDenied, AwsRefused, AwsUnreachable, NoStack, Problem
from items_api.observe.tail import FULL_PAGE, LATE_MS, POLL_SECONDS, Tail
from tests.aws.clock import CountingClock
from tests.aws.test_client import client_error
from tests.observe.conftest import GROUP, LogGroup, aws_with

UNREACHABLE = EndpointConnectionError(endpoint_url="https://logs.example")


def tail(group: LogGroup, since: int = 0, clock: CountingClock | None = None) -> Tail:
    return Tail(aws_with(clock, logs=group), GROUP, since, absent=NoStack("There is no log group."))


def messages(reader: Tail) -> list[str]:
    return [event.message for event in reader.read()]


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
# More lines with the same millisecond than fit on a page.
@example(page_size=3, has_ids=True, reads=[[(1, "x")], [(1, "x"), (1, "y"), (1, "z"), (1, "x"), (2, "x")]])
# A request may take 30 s, so its first line can arrive after those of many others.
@example(page_size=3, has_ids=True, reads=[[(LATE_MS, "newest")], [(0, "as late as possible")]])
def test_each_read_returns_exactly_the_events_that_arrived_since_the_last_one_oldest_first(
    page_size: int, has_ids: bool, reads: list[list[tuple[int, str]]]
) -> None:
    """With and without ids, in any order within `LATE_MS`, identical lines included."""
    group = LogGroup(page_size, has_ids)
    reader = tail(group)
    for arrived in reads:
        for timestamp, message in arrived:
            group.put(timestamp, message)
        assert [(event.timestamp, event.message) for event in reader.read()] == sorted(arrived, key=itemgetter(0))


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


@pytest.mark.parametrize("error", [client_error("ThrottlingException", "Rate exceeded"), UNREACHABLE])
def test_throttling_and_lost_responses_are_retried(group: LogGroup, error: Exception) -> None:
    """FilterLogEvents allows few calls per second, and following makes many."""
    group.errors = [error] * 3
    group.put(1, "patience")
    assert messages(tail(group)) == ["patience"]


DENIED = f"User: arn:aws:iam::123456789012:user/me is not authorized to perform: logs:FilterLogEvents on {GROUP}"


@pytest.mark.parametrize(
    ("errors", "kind", "said"),
    [
        ([client_error("AccessDeniedException", DENIED)], AccessDenied, "needs logs:FilterLogEvents"),
        ([client_error("InvalidParameterException", "no")], AwsRefused, "InvalidParameterException"),
        ([UNREACHABLE] * 9, AwsUnreachable, "no response"),
    ],
)
def test_any_other_error_says_what_failed(
    group: LogGroup, errors: list[Exception], kind: type[Problem], said: str
) -> None:
    """A missing permission does not mean a missing log group."""
    group.errors = [*errors]
    with pytest.raises(kind, match=f"Could not read the log group {GROUP}: .*{said}"):
        messages(tail(group))
