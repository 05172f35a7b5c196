"""`items-api serve`: run the API as an HTTP server, without Lambda and API Gateway."""

from __future__ import annotations

import errno
import importlib.util
import ipaddress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.core import ParameterSource

from items_api import server
from items_api.aws.errors import AwsError, ServiceError
from items_api.commands.access import serving_lines
from items_api.commands.boundary import Command
from items_api.commands.given import Given
from items_api.commands.known import knowing
from items_api.commands.opening import find_account, known_of, opened
from items_api.commands.options import serving_options, target_options
from items_api.commands.target import LOCAL_IS_EMPTY
from items_api.errors import AwsUnreachable, CannotServe, Interrupted, InvalidSetting, OutputFailed
from items_api.extras import PACKAGES, install_command, this_copy
from items_api.handler import ROUTES
from items_api.handler.dynamodb import UnavailableError
from items_api.provision.api_parts import cors_configuration
from items_api.provision.authorization import scopes
from items_api.server.service import Keys, Rules, Service
from items_api.settings import Settings, option_of
from items_api.settings.tags import KEY, from_tags
from items_api.terminal.result import DONE, Result, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from items_api.aws.client import Aws
    from items_api.commands.target import Target
    from items_api.terminal.screen import Screen


# By the type of the error. Others are shown as they are.
_NO_RESPONSE = {
    "gaierror": "The host name could not be resolved.",
    "ConnectionRefusedError": "The connection was refused.",
    "TimeoutError": "There was no answer in time.",
}


class _Served(NamedTuple):
    """What is served; `known` is what the document says of it."""

    known: dict[str, Any]
    settings: Settings
    aws: Aws


class _Integer(click.IntRange):
    name = "integer"  # errors show it


@click.command(cls=Command, empty={"workers": 0}, bare=True, stream=True)
@target_options
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Address to listen on; 0.0.0.0 listens on all addresses of this computer.",
)
@click.option(
    "--port",
    type=_Integer(0, 65_535),
    default=8000,
    show_default=True,
    metavar="N",
    help="Port to listen on; 0 chooses a free port.",
)
@click.option(
    "--workers",
    type=_Integer(1, 256),
    default=1,
    show_default=True,
    metavar="N",
    help="Number of processes: one for each core that the server may use.",
)
@click.option(
    "--table-only",
    is_flag=True,
    help="Access only the table. Take the settings below from options, variables and the file.",
)
@serving_options
def serve(
    screen: Screen,
    *,
    target: Target,
    host: str,
    port: int,
    workers: int,
    table_only: bool,
    contract: Mapping[str, Any],
) -> Result:
    """Run the API as an HTTP server, without Lambda and API Gateway.

    It runs the handler that up deploys, against the table of the stack, with the settings of the stack. SIGTERM or
    Ctrl-C stops it after it has answered the running requests. SIGHUP replaces its processes without losing a request.
    """
    _require_packages()
    _check_contract(contract, table_only=table_only)
    served = (_given if table_only else _remembered)(screen, target, contract)
    with knowing(lambda: served.known):
        if served.settings.auth == "iam":
            todo = "Use --auth jwt (items-api up --auth jwt), or keep this stack on Lambda."
            raise InvalidSetting("serve cannot verify AWS signatures, which this stack requires.", "", todo)
        with server.run.listen(host, port) as listener:
            address, chosen = listener.getsockname()[:2]
            service = _service(screen, target, served, address)
            _check_table(target, service)
            started = partial(_announce, screen, target, served, (address, chosen), workers)
            interrupted = server.run.serve(service, listener, workers, started, screen.warning)
    screen.line("Stopped.")
    return Result(Interrupted.exit_code if interrupted else DONE)


def _url(address: str, port: int) -> str:
    """A URL for this computer; 0.0.0.0 and :: stand for all of its addresses, so the loopback address works."""
    found = ipaddress.ip_address(address)
    if found.is_unspecified:
        address = "127.0.0.1" if found.version == 4 else "::1"  # noqa: PLR2004 - IPv4
    return f"http://{f'[{address}]' if ':' in address else address}:{port}"


def _require_packages() -> None:
    names = {"pyjwt": "jwt"}
    if all(importlib.util.find_spec(names.get(package, package)) for package in PACKAGES["serve"]):
        return
    raise CannotServe(
        "serve needs packages that are not installed.",
        f"They are {', '.join(PACKAGES['serve'])}, optional dependencies of items-api.",
        f"Install them with this command:\n{install_command('serve', this_copy())}",
    )


def _check_contract(contract: Mapping[str, Any], *, table_only: bool) -> None:
    ctx = click.get_current_context()
    if table_only and ctx.get_parameter_source("auth") is ParameterSource.DEFAULT:
        raise click.UsageError("--table-only does not read the stack's settings, so it needs --auth none or jwt.")
    if table_only:
        return
    for name in contract:
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"--{option_of(name)} is for --table-only. Otherwise, serve uses the settings of the stack, which "
                "items-api up changes."
            )


def _check_agreement(contract: Mapping[str, Any], settings: Settings, target: Target) -> None:
    """A variable or the file may have a setting, such as `auth`, that the stack does not have. It would not be applied.

    Raises `InvalidSetting`.
    """
    ctx = click.get_current_context()
    for name, value in contract.items():
        has = getattr(settings, name)
        is_same = sorted(value) == sorted(has) if isinstance(has, tuple) else value == has
        if is_same or ctx.get_parameter_source(name) not in (ParameterSource.ENVIRONMENT, ParameterSource.DEFAULT_MAP):
            continue
        shown = ", ".join(has) if isinstance(has, tuple) else has
        raise InvalidSetting(
            f"is not what the stack {target.name} has{f': {shown}' if shown else ''}.",
            "serve uses the settings of the stack.",
            f"To change the stack, run items-api up{target.flags}. Otherwise, remove this setting.",
            setting=option_of(name),
            value=None if isinstance(has, tuple) else value,
        )


def _given(screen: Screen, target: Target, contract: Mapping[str, Any]) -> _Served:
    account = find_account(screen, target, start=False)
    if account is None:
        raise target.no_stack(LOCAL_IS_EMPTY)
    settings = Settings(name=target.name, region=account.region, **contract)
    return _Served({"region": account.region}, settings, account.aws())


def _remembered(screen: Screen, target: Target, contract: Mapping[str, Any]) -> _Served:
    with opened(screen, target) as stack:
        if stack is None:
            raise target.no_stack(LOCAL_IS_EMPTY)
        stack.look_at(stack.table)
        table = stack.table.owned
        if not table or table.deleting:
            raise target.no_stack("It has no table.")
        remembered = from_tags(table.tags or {})
        if remembered is None:
            raise CannotServe(
                f"The settings of the stack {target.name} are missing, so serve cannot tell who may call its API.",
                f"The tag {KEY} of its table is missing or incomplete.",
                f"Run items-api up{target.flags} to write it, or give the settings with --table-only.",
            )
        settings = Given(target.name, {}, {}).settings(stack.settings.region, remembered)
        _check_agreement(contract, settings, target)
        ready = {name for name in settings.indexes if name in stack.table.queryable}
        for attribute in sorted(set(settings.indexes) - ready):
            screen.warning(f"The index on {attribute} cannot be queried yet. Start serve again when it is ready.")
        return _Served(known_of(stack), settings, stack.aws)


def _service(screen: Screen, target: Target, served: _Served, address: str) -> Service:
    settings, aws = served.settings, served.aws
    keys = aws.signer().credentials if target.local else None
    return Service(
        table=settings.table_name,
        indexes=settings.index_names,
        region=settings.region,
        endpoint=aws.dynamodb.meta.endpoint_url,
        rules=_rules(settings),
        profile=target.profile,
        keys=Keys(str(keys.access_key), str(keys.secret_key)) if keys else None,
        own_hosts_only=ipaddress.ip_address(address).is_loopback,
        seconds=settings.timeout,
        log=2 if screen.json else 1,
    )


def _rules(settings: Settings) -> Rules:
    cors = cors_configuration(settings)
    needs_token = settings.auth == "jwt"
    return Rules(
        origins=cors["AllowOrigins"],
        methods=cors["AllowMethods"],
        headers=cors["AllowHeaders"],
        exposed=cors["ExposeHeaders"],
        rate=settings.throttle_rate,
        burst=settings.throttle_burst,
        issuer=settings.jwt_issuer,
        audiences=settings.jwt_audiences,
        scopes={route: scopes(settings, route) for route in ROUTES} if needs_token else {},
    )


def _check_table(target: Target, service: Service) -> None:
    """Read an item, as the workers will. Raises `Problem` if the table cannot be read."""
    what = f"Could not read the table {service.table}"
    try:
        server.worker.check(service)
    except ServiceError as error:
        if error.says("ResourceNotFoundException"):
            raise target.no_stack(f"The table {service.table} does not exist in {service.region}.") from None
        raise error.problem(what) from None
    except AwsError as error:
        raise error.problem(what) from None
    except UnavailableError as error:
        why = _NO_RESPONSE.get(error.cause, f"{error.cause}.")
        todo = "Check the network and --endpoint-url. serve connects to DynamoDB directly, without a proxy."
        raise AwsUnreachable(f"{what}: no response from {service.endpoint}.", why, todo) from None


def _announce(screen: Screen, target: Target, served: _Served, name: tuple[str, int], workers: int) -> None:
    """Say that requests are answered: to people on stderr, to programs on stdout. `name` is that of the socket.

    Raises `OutputFailed` if the document cannot be written.
    """
    endpoint = _url(*name)
    if screen.json:
        document = {**served.known, "endpoint": endpoint, "workers": workers}
        lost = screen.document(to_json(Result(document=document).envelope("serve", target.name), indent=None))
        if lost and lost.errno != errno.EPIPE:
            todo = "Fix the cause or redirect stdout, and run the command again."
            raise OutputFailed("Could not write the output.", f"{lost.strerror}.", todo)
    processes = f"{workers} process{'' if workers == 1 else 'es'}"
    screen.line(f"Serving the table {served.settings.table_name} with {processes}. Press Ctrl-C to stop.")
    if ipaddress.ip_address(name[0]).is_unspecified:
        screen.line(f"It listens on all addresses of this computer ({name[0]}), without encryption.")
    screen.lines(serving_lines(served.settings, endpoint))
