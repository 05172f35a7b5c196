"""Values come back from the filled files as they went in."""

import json
import subprocess
from typing import Any

import hcl2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from samtranslator.yaml_helper import yaml_parse

from items_api.errors import InvalidSetting
from items_api.export import folders
from items_api.settings import Settings

TEXT = st.text(st.characters(categories=["L", "N"], include_characters=" .:/=+-@_"), max_size=12)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(TEXT, TEXT, max_size=5))
@example({"on": "null", "1": "2010-09-09", "@all_tags@": "@name@"})
def test_any_tags_that_settings_accept_come_back(tags: dict[str, str]) -> None:
    try:
        stack = Settings(tags=tags)
    except InvalidSetting:
        return
    assert tags_in_hcl(stack) == tags_in_yaml(stack) == tags_in_shell(stack) == stack.all_tags


def tags_in_hcl(stack: Settings) -> Any:
    """From one block: the parser takes a while for the whole file."""
    text = folders.terraform(stack)["main.tf"].decode()
    block = text[text.index("locals {") : text.index('resource "')]
    tags = hcl2.loads(block)["locals"][0]["tags"]
    return {json.loads(key): json.loads(value) for key, value in tags.items()}


def tags_in_yaml(stack: Settings) -> Any:
    resources = yaml_parse(folders.sam(stack)["template.yaml"].decode())["Resources"]
    listed = {tag["Key"]: tag["Value"] for tag in resources["Table"]["Properties"]["Tags"]}
    assert listed == stack.table_tags
    return resources["Api"]["Properties"]["Tags"]


def tags_in_shell(stack: Settings) -> Any:
    text = folders.shell(stack)["up.sh"].decode()
    script = (
        text[text.index("TAGS=") : text.index("\nexport ")] + "\n" + 'printf "%s" "[$TAGS, $TAG_LIST, $TABLE_TAG_LIST]"'
    )
    members, listed, of_the_table = json.loads(
        subprocess.run(["sh"], input=script.encode(), capture_output=True, check=True).stdout
    )
    assert (listed, of_the_table) == (stack.tag_list, stack.table_tag_list)
    return members


def test_templates_in_a_string_of_terraform_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting contains them today."""
    monkeypatch.setattr(Settings, "table_name", '"${path.root}%{if}')
    assert 'name         = "\\"$${path.root}%%{if}"' in folders.terraform(Settings())["main.tf"].decode()
