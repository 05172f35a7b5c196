"""Published versions, aliases, and what depends on them: permissions of an alias, and invocations.

moto uses version numbers again, deletes versions that an alias needs, ignores RevisionId and CodeSha256, and keeps all
statements of a function in one policy.
"""

import json
import uuid
from typing import Any

from tests.aws import invocations
from tests.aws.faults import Call, ErrorResponse
from tests.aws.lambda_ import CANNOT, Functions, Version, moto_function, name_of, not_found, outdated
from tests.aws.layer import Document, arn_of, backend


class Lambda(Functions):
    def describe(self, region: str, name: str) -> Document:
        """Aliases by name, each with what its version has. How many versions there are depends on the past."""
        moto = backend("lambda", region)
        aliases = {
            alias.name: {
                key: value
                for key, value in moto.get_function(name, alias.function_version).get_configuration().items()
                if key not in ("Description", "FunctionArn", "Version", "LastModified")
            }
            | {"routing": (alias.routing_config or {}).get("AdditionalVersionWeights", {})}
            for alias in moto.list_aliases(name)
        }
        return {**super().describe(region, name), "aliases": aliases}

    def arrive(self, call: Call) -> None:
        """Permission calls read the policy, change it and write it back whole, so parallel ones lose statements."""
        if call.action_name in ("AddPermission", "RemovePermission") and (found := moto_function(call)):
            call.seen = [s for s in found.policy.statements if s["Resource"] == _resource(call)]

    def after_create_function(self, call: Call, response: Document) -> None:
        super().after_create_function(call, response)
        if call.parameters.get("Publish"):
            self._publish(call, _versions(call)[-1], self._functions[call.region, name_of(call)].active_at)

    def before_publish_version(self, call: Call) -> None:
        self.before_update_function_code(call)
        found, sha = moto_function(call), call.parameters.get("CodeSha256")
        if found is None:
            raise not_found(call)
        if sha and sha != found.code_sha_256:
            why = f"CodeSHA256 ({sha}) is different from current CodeSHA256 in $LATEST ({found.code_sha_256}). Please try again with the CodeSHA256 in $LATEST."
            raise ErrorResponse("InvalidParameterValueException", why)
        call.seen = len(_versions(call))

    def after_publish_version(self, call: Call, response: Document) -> None:
        version = _versions(call)[-1]
        function = self._functions[call.region, name_of(call)]
        if len(_versions(call)) > call.seen:
            version.set_version(max(map(int, function.versions), default=0) + 1)
            backend("lambda", call.region)._lambdas._arns[version.function_arn] = version
            self._publish(call, version, self.now + self.delays.version_pending)
            function.revision = str(uuid.uuid4())
        response.update(version.get_configuration(), **self._version_state(call, str(version.version)))

    def _publish(self, call: Call, version: Any, active_at: float) -> None:
        function = self._functions[call.region, name_of(call)]
        version.last_modified = self.modified
        function.versions[str(version.version)] = Version(function.role_id, dict(function.logging), active_at)

    def after_list_versions_by_function(self, call: Call, response: Document) -> None:
        function = self._functions[call.region, name_of(call)]
        for configuration in response["Versions"]:
            version = function.versions.get(configuration["Version"])
            configuration["LoggingConfig"] = dict(version.logging if version else function.logging)
            for state in ("State", "LastUpdateStatus"):  # lists do not have them
                configuration.pop(state, None)

    def before_list_versions_by_function(self, call: Call) -> None:
        if moto_function(call) is None:
            raise not_found(call)

    def after_get_function_configuration(self, call: Call, response: Document) -> None:
        qualifier = call.parameters.get("Qualifier", "$LATEST")
        if qualifier == "$LATEST":
            super().after_get_function_configuration(call, response)
        else:
            response.update(self._version_state(call, response["Version"]))

    def _version_state(self, call: Call, number: str) -> Document:
        version = self._functions[call.region, name_of(call)].versions[number]
        state = "Pending" if self.now < version.active_at else "Active"
        return {"State": state, "LoggingConfig": dict(version.logging), "LastUpdateStatus": None}

    def before_delete_function(self, call: Call) -> Document | None:
        qualifier = call.parameters.get("Qualifier")
        if qualifier is None:
            return super().before_delete_function(call)
        if qualifier == "$LATEST":
            why = "$LATEST version cannot be deleted without deleting the function."
            raise ErrorResponse("InvalidParameterValueException", why)
        if users := [a.name for a in self._aliases(call) if a.function_version == qualifier]:
            why = f"Unable to delete version because the following aliases reference it: [{', '.join(users)}]"
            raise ErrorResponse("ResourceConflictException", why, 409)
        if all(str(version.version) != qualifier for version in _versions(call)):
            return {}
        return None

    def before_create_alias(self, call: Call) -> None:
        self._require_version(call)
        name = call.parameters["Name"]
        if any(alias.name == name for alias in self._aliases(call)):
            why = f"Alias already exists: {arn_of('lambda', call.region, f'function:{name_of(call)}:{name}')}"
            raise ErrorResponse("ResourceConflictException", why, 409)

    def before_update_alias(self, call: Call) -> None:
        name, revision = call.parameters["Name"], call.parameters.get("RevisionId")
        alias = next((alias for alias in self._aliases(call) if alias.name == name), None)
        if alias is None:
            raise _no_alias(call, name)
        self._require_version(call)
        if revision and revision != alias.revision_id:
            raise outdated()
        alias.revision_id = str(uuid.uuid4())

    def before_invoke(self, call: Call) -> Document:
        number = call.parameters["Qualifier"]
        [version] = [version for version in _versions(call) if str(version.version) == number]
        known = self._functions[call.region, name_of(call)].versions[number]
        if self.now < known.active_at:
            why = f"{CANNOT} The function is currently in the following state: Pending"
            raise ErrorResponse("ResourceConflictException", why, 409)
        return invocations.invoke(version, call.parameters["Payload"], self._iam, known.role_id)

    def before_get_policy(self, call: Call) -> Document:
        found = moto_function(call)
        statements = [s for s in found.policy.statements if s["Resource"] == _resource(call)] if found else []
        if not statements:
            raise ErrorResponse("ResourceNotFoundException", "The resource you requested does not exist.", 404)
        document = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
        return {"Policy": json.dumps(document), "RevisionId": str(uuid.uuid4())}

    def before_add_permission(self, call: Call) -> None:
        sid, alias = call.parameters["StatementId"], call.parameters.get("Qualifier")
        if alias and all(known.name != alias for known in self._aliases(call)):
            raise _no_alias(call, alias)
        if any(statement["Sid"] == sid for statement in call.seen or ()):
            why = f"The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the existing statement."
            raise ErrorResponse("ResourceConflictException", why, 409)
        _write_back(call, call.seen)

    def before_remove_permission(self, call: Call) -> Document:
        sid = call.parameters["StatementId"]
        kept = [statement for statement in call.seen or () if statement["Sid"] != sid]
        if call.seen is None or len(kept) == len(call.seen):
            raise ErrorResponse("ResourceNotFoundException", f"Statement {sid} is not found in resource policy.", 404)
        _write_back(call, kept)
        return {}

    def _aliases(self, call: Call) -> Any:
        if moto_function(call) is None:
            raise not_found(call)
        return backend("lambda", call.region).list_aliases(name_of(call))

    def _require_version(self, call: Call) -> None:
        number = call.parameters.get("FunctionVersion")
        if number and all(str(version.version) != number for version in _versions(call)):
            raise not_found(call, number)


def _versions(call: Call) -> Any:
    """Moto's, in the order in which they were published."""
    functions = backend("lambda", call.region)._lambdas._functions
    return functions[name_of(call)]["versions"] if name_of(call) in functions else []


def _resource(call: Call) -> str:
    """What the statements of a permission call are about."""
    alias = call.parameters.get("Qualifier")
    return arn_of("lambda", call.region, f"function:{name_of(call)}{f':{alias}' if alias else ''}")


def _write_back(call: Call, statements: list[Document] | None) -> None:
    if (found := moto_function(call)) and statements is not None:
        others = [s for s in found.policy.statements if s["Resource"] != _resource(call)]
        found.policy.statements = [*others, *statements]


def _no_alias(call: Call, name: str) -> ErrorResponse:
    arn = arn_of("lambda", call.region, f"function:{name_of(call)}:{name}")
    return ErrorResponse("ResourceNotFoundException", f"Cannot find alias arn: {arn}", 404)
