"""A stack remembers its settings in tags of its table."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from items_api.errors import InvalidSetting
from items_api.settings import Settings, from_texts
from items_api.settings.tags import from_tags, to_tags

SETTINGS = st.dictionaries(
    st.sampled_from(["memory", "tag", "cors-origin", "permissions-boundary"]),
    st.lists(st.text(max_size=300), min_size=1, max_size=8),
)
# What every service accepts in a value: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
VALUE = re.compile(r"[A-Za-z0-9 _.:/=+@-]{1,256}")


@settings(deadline=None)
@given(SETTINGS)
def test_any_settings_come_back_from_valid_tags(remembered: dict[str, list[str]]) -> None:
    tags = to_tags(remembered)
    assert from_tags(tags) == remembered
    assert all(VALUE.fullmatch(value) and value == value.strip() for value in tags.values())


def test_they_are_readable() -> None:
    tags = to_tags({"memory": ["512"], "tag": ["team=web", "cost center=R&D"], "cors-origin": ["*"]})
    assert tags == {"items-api:settings": "memory=512 tag=team=web tag=cost@20center=R@26D cors-origin=@2A"}


def test_long_lists_are_split_and_a_missing_or_old_part_is_noticed() -> None:
    origins = {"cors-origin": [f"https://app-{number}.example.com" for number in range(20)]}
    tags = to_tags(origins)
    assert list(tags) == ["items-api:settings", "items-api:settings-2", "items-api:settings-3", "items-api:settings-4"]
    for key in tags:
        assert from_tags({other: value for other, value in tags.items() if other != key}) is None
    assert from_tags({**tags, "items-api:settings-5": "memory=128"}) == origins


def test_a_stack_of_defaults_remembers_that_nothing_was_given() -> None:
    assert Settings().table_tags["items-api:settings"] == "defaults"
    assert from_tags(Settings().table_tags) == {}
    assert from_tags(Settings().all_tags) is None


@pytest.mark.parametrize(
    "stack",
    [
        Settings(
            tags={"team": "web", "a b": ""},
            cors_origins=("http://[::1]:3000", "https://a.example.com"),
            memory=512,
            timeout=29,
            log_retention=1,
            throttle_rate=7,
            throttle_burst=8,
            permissions_boundary="arn:aws:iam::123456789012:policy/a+b=c,d.@-_",
        ),
        Settings(memory=256, given=frozenset({"memory", "permissions_boundary"})),
    ],
    ids=["values that are not defaults", "defaults that were given"],
)
def test_every_setting_is_remembered(stack: Settings) -> None:
    remembered = from_tags(stack.table_tags)
    assert remembered == stack.remembered
    values = from_texts(remembered)
    assert Settings(**values, given=stack.given) == stack
    assert stack.given <= values.keys()


def test_settings_that_do_not_fit_are_rejected() -> None:
    with pytest.raises(
        InvalidSetting, match=r"sets 40 tags, which is too many\. A resource can have 50 tags, and items-api needs"
    ):
        Settings(tags={f"{number:0100}": "x" * 100 for number in range(40)})
