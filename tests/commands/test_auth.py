"""`up --auth`, and that no protection is removed by accident."""

from pathlib import Path

import boto3
import pytest

from tests.commands.conftest import Run, document
from tests.issuers import issuing

# Nothing listens there, so the issuer is not checked.
ISSUER = "https://127.0.0.1:9"
JWT = ("--auth", "jwt", "--jwt-issuer", ISSUER, "--jwt-audience", "items")
BOUNDARY = "arn:aws:iam::123456789012:policy/items-boundary"
SETTINGS_KEY = "items-api:settings"
TABLE_ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/Items"


def kinds() -> set[str]:
    gateway = boto3.client("apigatewayv2")
    api = gateway.get_apis()["Items"][0]["ApiId"]
    return {route["AuthorizationType"] for route in gateway.get_routes(ApiId=api)["Items"]}


def boundary() -> str | None:
    role = boto3.client("iam").get_role(RoleName="items-api-role")["Role"]
    return role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")


def test_a_new_stack_is_open_and_says_so(run: Run) -> None:
    said = "Anyone who knows this URL can read and write items; --auth iam or --auth jwt requires authorization."
    assert said in run("up").stdout.splitlines()
    assert said in run("status").stdout.splitlines()


def test_with_iam_the_curl_lines_sign_with_variables(run: Run) -> None:
    lines = run("up", "--auth", "iam", "--profile", "").stdout.splitlines()
    endpoint = boto3.client("apigatewayv2").get_apis()["Items"][0]["ApiEndpoint"]
    keys = '--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"'
    curl = f"  curl --aws-sigv4 aws:amz:us-east-1:execute-api {keys}"
    assert lines[-5:] == [
        "Callers must sign their requests with AWS credentials.",
        "",
        '  eval "$(aws configure export-credentials --format env)"',
        f"""{curl} -X POST {endpoint}/items -d '{{"itemId":"1","name":"Widget"}}'""",
        f"{curl} {endpoint}/items/1",
    ]


def test_temporary_credentials_add_their_token(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "temporary-secret")
    output = run("up", "--auth", "iam").output
    assert '-H "x-amz-security-token: $AWS_SESSION_TOKEN"' in output
    assert "temporary-secret" not in output


def test_with_jwt_the_curl_lines_send_a_token(run: Run) -> None:
    result = run("up", *JWT)
    assert "Callers need a token of https://127.0.0.1:9 for items." in result.stdout
    assert 'curl -H "Authorization: Bearer $ITEMS_API_TOKEN" -X POST ' in result.stdout
    assert "Warning: The issuer was not checked. " in result.stderr
    assert "could not be reached: Connection refused. API Gateway will check it." in result.stderr
    assert kinds() == {"JWT"}


def test_scopes_are_part_of_what_callers_need(run: Run) -> None:
    result = run("up", *JWT, "--jwt-read-scope", "r", "--jwt-write-scope", "w")
    needed = "a token of https://127.0.0.1:9 for items, with the scope r to read and the scope w to write."
    assert f"Callers need {needed}" in result.stdout


def test_a_dry_run_says_that_the_issuer_would_be_refused(run: Run) -> None:
    with issuing() as issuer:
        issuer.answers.clear()
        jwt = ("--local", "--auth", "jwt", "--jwt-issuer", issuer.url, "--jwt-audience", "items")
        result = run("up", *jwt, "--dry-run", env={"ITEMS_API_HOME": "empty"})
        assert result.exit_code == 3
        said = (
            f"Warning: Without --dry-run, this would fail. {issuer.url}/.well-known/openid-configuration returned 404."
        )
        assert said in result.stderr


def test_the_authorization_is_remembered(run: Run) -> None:
    run("up", *JWT, "--jwt-write-scope", "w")
    assert run("up").stdout.count("= unchanged") == 7
    assert run("status").exit_code == 0
    assert run("up", "--jwt-audience", "items", "--jwt-audience", "more", "--yes").exit_code == 0
    assert run("up", "--auth", "iam", "--yes").exit_code == 0
    assert "jwt" not in run("up").stdout
    assert kinds() == {"AWS_IAM"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--auth", "basic"), "'basic' is not one of 'none', 'iam', 'jwt'"),
        (("--auth", "jwt"), "--auth jwt needs --jwt-issuer and --jwt-audience."),
        (("--auth", "jwt", "--jwt-issuer", ISSUER), "--auth jwt needs --jwt-audience."),
        (("--auth", "iam", "--jwt-issuer", ISSUER), "--jwt-issuer has no effect."),
        (("--auth", "none", "--jwt-audience", "a"), "--jwt-audience has no effect."),
        ((*JWT[:3], "https://x:port", *JWT[4:]), "It cannot be parsed: Port could not be cast to integer value"),
        ((*JWT[:3], "ftp://x", *JWT[4:]), "--jwt-issuer ftp://x is not an issuer."),
        ((*JWT[:3], "https://x/?a=b", *JWT[4:]), "--jwt-issuer 'https://x/?a=b' is not an issuer."),
        ((*JWT[:3], "http://issuer.example", *JWT[4:]), "--jwt-issuer http://issuer.example is not an issuer."),
        ((*JWT[:3], "http://127.0.0.1:80", *JWT[4:]), "is on this computer, where AWS cannot reach it."),
        ((*JWT[:5], " "), "--jwt-audience ' ' is empty or has spaces around it."),
        ((*JWT, "--jwt-read-scope", "a b"), "--jwt-read-scope 'a b' is not a scope."),
        (("--permissions-boundary", BOUNDARY, "--no-permissions-boundary"), "cannot be combined"),
    ],
)
def test_wrong_settings_are_usage_errors_before_the_first_call(run: Run, arguments: tuple[str, ...], said: str) -> None:
    result = run("up", *arguments)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


@pytest.mark.parametrize("protect", [("--auth", "iam"), JWT], ids=["iam", "jwt"])
def test_neither_a_file_a_variable_nor_a_missing_tag_opens_the_api(
    run: Run, protect: tuple[str, ...], tmp_path: Path
) -> None:
    run("up", *protect)
    before, file = kinds(), tmp_path / "items-api.toml"

    def refused(**environment: str) -> str:
        result = run("up", "--yes", env=environment)
        assert (result.exit_code, kinds()) == (1, before)
        assert "Nothing was changed: this would allow anyone to call the API" in result.stderr
        return result.stderr

    assert "Only an option on the command line can do that, not a variable." in refused(ITEMS_API_AUTH="none")
    file.write_text('auth = "none"\n')
    assert "not a file." in refused()
    file.unlink()
    boto3.client("dynamodb").untag_resource(ResourceArn=TABLE_ARN, TagKeys=[SETTINGS_KEY])
    assert "Only an option on the command line can do that." in refused()


def test_the_command_line_opens_the_api_after_a_question(run: Run) -> None:
    run("up", "--auth", "iam")
    refused = run("up", "--auth", "none")
    assert refused.exit_code == 1
    assert "This would allow anyone to call the API, which requires IAM authorization." in refused.stderr
    assert kinds() == {"AWS_IAM"}
    assert run("up", "--auth", "none", "--yes").exit_code == 0
    assert kinds() == {"NONE"}
    assert run("up").stdout.count("= unchanged") == 7


def test_a_boundary_is_removed_only_by_an_option(run: Run, tmp_path: Path) -> None:
    run("up", "--permissions-boundary", BOUNDARY)
    boto3.client("dynamodb").untag_resource(ResourceArn=TABLE_ARN, TagKeys=[SETTINGS_KEY])
    result = run("up", "--yes")
    assert (result.exit_code, boundary()) == (1, BOUNDARY)
    assert "To remove it, add --no-permissions-boundary." in result.stderr
    (tmp_path / "items-api.toml").write_text(f'permissions-boundary = "{BOUNDARY}-2"\n')
    assert run("up", "--yes").exit_code == 1
    assert run("up", "--no-permissions-boundary").exit_code == 1
    assert run("up", "--no-permissions-boundary", "--yes").exit_code == 0
    assert boundary() is None


def test_no_variable_and_no_file_can_say_no(run: Run, tmp_path: Path) -> None:
    run("up", "--permissions-boundary", BOUNDARY)
    result = run("up", env={"ITEMS_API_NO_PERMISSIONS_BOUNDARY": "1"})
    assert "has no effect, because --no-permissions-boundary works only on the command line." in result.stderr
    (tmp_path / "items-api.toml").write_text("no-permissions-boundary = true\n")
    assert run("up").exit_code == 2
    assert boundary() == BOUNDARY


def test_a_token_for_an_api_that_takes_none_is_a_usage_error_unless_it_is_a_variable(run: Run) -> None:
    run("up", "--auth", "iam")
    assert "--token is for an API with --auth jwt." in run("smoke", "--token", "x").stderr
    given = run("smoke", "--wait", "0", env={"ITEMS_API_TOKEN": "x"})
    assert given.exit_code == 1
    assert "--token" not in given.stderr


def test_smoke_needs_a_token_before_it_sends_anything(run: Run) -> None:
    run("up", *JWT)
    result = run("smoke", "--json")
    assert (result.exit_code, document(result)["checks"]) == (2, [])
    assert "smoke needs a token." in result.stderr


@pytest.mark.parametrize("url", ["http://api.example", "http://10.0.0.1:8000", "http://[fe80::1]"])
def test_a_token_is_sent_unencrypted_only_to_this_computer(run: Run, url: str) -> None:
    for given in ({"env": {"ITEMS_API_TOKEN": "secret"}}, {"env": {"ITEMS_API_READ_TOKEN": "secret"}}):
        result = run("smoke", "--url", url, "--json", **given)
        assert (result.exit_code, document(result)["checks"]) == (2, [])
        assert "would send the token over the network without encryption." in result.stderr
        assert "secret" not in result.output
    assert run("smoke", "--url", "http://127.0.0.1:9", "--token", "secret", "--wait", "0").exit_code == 1


@pytest.mark.parametrize("token", ["secret\nvalue", "secret…value", "secret value"])
def test_a_token_that_no_header_can_contain_is_refused_without_printing_it(run: Run, token: str) -> None:
    run("up", *JWT)
    for arguments in (("--token", token), ("--token", "good", "--read-token", token)):
        result = run("smoke", "--json", *arguments)
        assert (result.exit_code, document(result)["checks"]) == (2, [])
        assert "secret" not in result.output
